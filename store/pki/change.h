/* store/pki/change.h: what kind of change a new certificate is beside the one that it would replace
 * (design section 1). Pure. */
#pragma once
#include "store/pki/cert.h"

enum pki_change {
	PKI_CHANGE_FIRST,
	PKI_CHANGE_RENEWAL,
	PKI_CHANGE_REKEY,
	PKI_CHANGE_REISSUE,
	PKI_CHANGE_REPLACEMENT,
	PKI_CHANGE_SAME,
	PKI_CHANGE_INTERMEDIATE
};
/* "first", "renewal", "re-key", "re-issue", "replacement", "same", "intermediate-change" */
const char *pki_change_name(enum pki_change change);
/* Renewal: same issuer, names and key; re-key: same issuer and names, new key; re-issue: same
 * issuer, other names; replacement: other issuer. */
enum pki_change pki_change_of(const struct pki_cert *before,
        const struct pki_cert *after); /* BEFORE may be NULL: first */
/* The same of two certificates with their chains: the same leaf under other issuers is an
 * intermediate change. */
enum pki_change pki_change_of_chains(const struct pki_cert *before,
        const struct cs_bytes *before_chain, size_t before_count, const struct pki_cert *after,
        const struct cs_bytes *after_chain, size_t after_count);
/* How alike the names of two certificates are: share of BEFORE's names that AFTER has too, 0 to
 * 100. */
unsigned pki_change_overlap(const struct pki_cert *before, const struct pki_cert *after);
/* Names that FROM has and TO does not vouch for (a wildcard of TO does), at most MAX into OUT;
 * returns how many there are. They live as long as FROM. */
size_t pki_change_lost(
        const struct pki_cert *from, const struct pki_cert *to, const char **out, size_t max);
/* Whether one client may be served by one and another by the other: RSA, ECDSA, Ed25519. */
bool pki_change_key_family(const struct pki_cert *a, const struct pki_cert *b); /* the same one */
/* Another type or size of key: "RSA-2048 to P-256" into OUT, else "". */
const char *pki_change_key_text(
        const struct pki_cert *before, const struct pki_cert *after, char *out, size_t size);
