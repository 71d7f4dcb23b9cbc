/* store/pki/path_parts.h: the inside of the path builder, for its own files: one certificate's
 * facts (path_cert.c), the pool (path_pool.c), the search (path.c). */
#pragma once
#include "store/pki/ossl.h"
#include "store/pki/path.h"

/* A link that was checked once. */
struct path_link {
	const struct path_cert *issuer;
	bool good;
};
struct path_cert {
	X509 *x;
	struct cs_bytes der; /* own */
	uint8_t sha256[32], spki[32];
	unsigned long subject, issuer; /* hashes of the canonical names */
	struct cs_bytes ski, aki; /* empty if absent */
	AUTHORITY_KEYID *akid; /* NULL if absent */
	NAME_CONSTRAINTS *constraints; /* NULL if absent */
	int64_t not_before, not_after;
	long path_length; /* -1: none */
	size_t names; /* subject alternative names */
	bool has_dns;
	bool anchor, hidden;
	bool self_issued, self_signed, ca, old_ca; /* old_ca: an X.509v1 root */
	const char *fault; /* why no way may lead over it, NULL; weak_link not counted */
	const char *no_issuer; /* why it may not stand above another, NULL */
	bool weak_link; /* signed with SHA-1 or MD5 */
	const struct path_pool *home;
	size_t turn; /* when it came into HOME */
	struct path_link *links; /* those upward, within HOME */
	size_t link_count, link_room;
};
CS_MUST enum cs_err path_cert_read(struct cs_bytes der, struct path_cert **out);
void path_cert_free(struct path_cert **self);
/* Whether ISSUER's key signed SELF; *FRESH counts the signatures that had to be verified. */
bool path_cert_signed_by(struct path_cert *self, struct path_cert *issuer, unsigned *fresh);
/* By canonical name. */
bool path_cert_issued_by(const struct path_cert *self, const struct path_cert *issuer);
/* The key identifiers do not contradict. */
bool path_cert_agrees(const struct path_cert *self, const struct path_cert *issuer);
const char *path_cert_issuer_text(const struct path_cert *self, struct cs_arena *arena);
const char *path_cert_url(const struct path_cert *self, struct cs_arena *arena); /* "" */

/* Those of POOL whose subject has the hash NAME: [*AT, *END); within, in order of key identifier.
 */
CS_MUST enum cs_err path_pool_find(
        struct path_pool *self, unsigned long name, size_t *at, size_t *end);
/* Narrows [*AT, *END) to those with the key identifier SKI. */
void path_pool_narrow(struct path_pool *self, struct cs_bytes ski, size_t *at, size_t *end);
struct path_cert *path_pool_at(const struct path_pool *self, size_t i);
/* The one that is LEAF itself, NULL. */
struct path_cert *path_pool_same(struct path_pool *self, const struct path_cert *leaf);
