/* tls-edge/select/lru.h: a hash of bounded size that forgets what was used least recently. It links
 * the caller's own items by a member; it owns none of them. */
#pragma once
#include "proto/base/cs.h"

struct lru_item {
	struct lru_item *chain; /* same bucket */
	struct lru_item *newer, *older;
	uint64_t hash;
};
struct lru {
	struct lru_item **buckets, *newest, *oldest;
	size_t count, max, mask;
};

CS_MUST enum cs_err lru_init(struct lru *self, size_t max);
/* First item of HASH's bucket; follow ->chain and compare: hashes may meet. */
struct lru_item *lru_first(const struct lru *self, uint64_t hash);
void lru_touch(struct lru *self, struct lru_item *item);
/* Adds ITEM as the newest; returns the oldest, unlinked, when the maximum is passed, for the caller
 * to free. */
struct lru_item *lru_add(struct lru *self, uint64_t hash, struct lru_item *item);
struct lru_item *lru_pop(struct lru *self); /* the oldest, unlinked; NULL when empty */
void lru_done(struct lru *self); /* frees the table of an empty one */
