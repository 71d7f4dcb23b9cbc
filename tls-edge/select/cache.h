/* tls-edge/select/cache.h: parsed certificates by id, and the names that were served with them:
 * bounded, the least recently used goes. A leaf never changes under its id, and its chain is told
 * apart by serving_pick.issuers, so nothing here is ever stale; the names count only while the
 * store is unreadable. */
#pragma once
#include <openssl/ssl.h>
#include "proto/base/cs.h"
#include "store/serving/serving.h"

struct cache;
struct cache_cert {
	char id[24];
	uint64_t issuers; /* as picked */
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key; /* the far-away one, tls-edge/provider */
};

/* At most CERTS certificates and NAMES names. */
CS_MUST enum cs_err cache_new(size_t certs, size_t names, struct cache **out);
/* NULL when it is not there. Valid until the next cache_add. */
const struct cache_cert *cache_find(struct cache *self, const struct serving_pick *pick);
/* Parses CERT, makes its key, and keeps it. *OUT as cache_find's. CS_EMALFORMED, CS_EUNSUPPORTED,
 * CS_ENOMEM. */
CS_MUST enum cs_err cache_add(struct cache *self, const struct serving_pick *pick,
        const struct serving_cert *cert, const struct cache_cert **out);
/* NAME: raw SNI, compared without regard to case; CAN_VERIFY: as it was picked by. */
void cache_remember(struct cache *self, struct cs_bytes name, unsigned can_verify,
        const struct serving_pick *pick);
CS_MUST enum cs_err cache_recall(
        struct cache *self, struct cs_bytes name, unsigned can_verify, struct serving_pick *out);
void cache_free(struct cache **self);
