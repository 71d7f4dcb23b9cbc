/* node/keyd/keybox.h: the private keys that are ready to sign: at most so many, the least recently
 * used goes first. */
#pragma once
#include "node/keyd/signkey.h"

struct keybox;

CS_MUST enum cs_err keybox_new(size_t capacity, struct keybox **out);
/* The key of bundle ID, now the most recently used; NULL: not here. Stays the box's; valid until
 * the next put or drop. */
struct signkey *keybox_find(struct keybox *self, const char *id);
/* Takes KEY in every case. HOT: somebody asks for it now, so it may push another out; else it goes
 * in only where there is room (a key that was opened ahead must not evict one in use). An id that
 * is here keeps the key it has. *KEY is NULL then. CS_ENOMEM. */
CS_MUST enum cs_err keybox_put(struct keybox *self, const char *id, bool hot, struct signkey **key);
/* Looks at up to N keys, going on where the last call ended, and drops those whose bundle KEEP
 * disowns. */
typedef bool keybox_keep_fn(void *data, const char *id);
void keybox_sweep(struct keybox *self, size_t n, keybox_keep_fn *keep, void *data);
void keybox_clear(struct keybox *self); /* drops and wipes them all */
size_t keybox_count(const struct keybox *self);
void keybox_free(struct keybox **self);
