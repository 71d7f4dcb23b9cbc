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
	PKI_CHANGE_SAME
};
const char *pki_change_name(enum pki_change
                change); /* "first", "renewal", "re-key", "re-issue", "replacement", "same" */
/* Renewal: same issuer, names and key; re-key: same issuer and names, new key; re-issue: same
 * issuer, other names; replacement: other issuer. */
enum pki_change pki_change_of(const struct pki_cert *before,
        const struct pki_cert *after); /* BEFORE may be NULL: first */
/* How alike the names of two certificates are: share of BEFORE's names that AFTER has too, 0 to
 * 100. */
unsigned pki_change_overlap(const struct pki_cert *before, const struct pki_cert *after);
