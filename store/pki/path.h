/* store/pki/path.h: the way from a certificate up to a trust anchor, over pools of CA certificates.
 * It backtracks where OpenSSL's own builder does not (cross-signs, two CAs of one name, expired
 * alternatives, a wrong key identifier), prefers the shortest way, and gives up within bounds. Pure
 * over bytes: no files, no clock.
 *
 * A way is complete when each certificate signed the one below it and every issuer is a CA that may
 * sign certificates, is valid at the time asked, keeps its path length and name constraints
 * (RFC 5280), has no critical extension that nobody here understands, lets its children be TLS
 * servers, and no link but the anchor's own rests on SHA-1 or MD5. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/base/limits.h"
#include "store/pki/cert.h"
#include "store/pki/warnings.h"

#define PATH_POOL_MAX 65536 /* certificates of one pool */

/* CA certificates, indexed by subject and key identifier once. What was found out about links
 * within a pool is remembered, so a pool is worth keeping. One thread at a time. */
struct path_pool;
CS_MUST enum cs_err path_pool_new(struct path_pool **out);
/* Adds one certificate; once more is no error (an anchor stays one). CS_EMALFORMED, CS_ETRAILING,
 * CS_ETOOBIG, CS_EFULL. */
CS_MUST enum cs_err path_pool_add(struct path_pool *self, struct cs_bytes der, bool anchor);
/* As if certificates whose SHA-256 begins with ID (hex digits) were not there, until it is undone.
 */
void path_pool_hide(struct path_pool *self, const char *id, bool hidden);
size_t path_pool_count(const struct path_pool *self);
bool path_pool_has(const struct path_pool *self, const uint8_t sha256[32]);
void path_pool_free(struct path_pool **self);

struct path_rules {
	int64_t at; /* Unix seconds */
	bool self_signed; /* a self-signed CA certificate of any pool is an anchor too */
};
struct path {
	bool complete;
	struct cs_bytes certs[CS_CHAIN_MAX + 1]; /* the leaf first, an anchor last when complete; in
	                                            the pools, but for the leaf */
	size_t count;
	/* When it is not complete: certs is the way as far as it led. */
	const char *missing; /* name of the issuer that would come next */
	const char *missing_url; /* where its certificate can be fetched (AIA caIssuers), "" */
	const char *reason; /* a sentence */
	bool root_missing; /* some issuers are there, and nothing is wrong with them */
};
/* The way from LEAF over all POOLS together. CS_OK also when it is incomplete; else CS_ENOMEM, or
 * what is wrong with LEAF. Texts live in ARENA (32 KiB at least). */
CS_MUST enum cs_err path_build(struct path_pool *const *pools, size_t pool_count,
        struct cs_bytes leaf, const struct path_rules *rules, struct cs_arena *arena,
        struct path *out);
/* What an incomplete PATH means for clients: "chain-incomplete" or "root-missing". False, and OUT
 * as it was, for a complete one. */
bool path_warning(const struct path *path, struct pki_warning *out);
