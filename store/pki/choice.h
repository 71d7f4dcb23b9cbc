/* store/pki/choice.h: which of several Active certificates a client gets. One pure function, the
 * same on every node: edge, prober and `explain` call it (design section 4). */
#pragma once
#include "store/pki/cert.h"
#include "store/pki/names.h"

/* Key types that a client can verify, as a mask. */
enum {
	CHOICE_RSA = 1 << PKI_KEY_RSA,
	CHOICE_P256 = 1 << PKI_KEY_P256,
	CHOICE_P384 = 1 << PKI_KEY_P384,
	CHOICE_ANY = 0xff
};

struct choice_candidate {
	const char *id;
	enum pki_key key;
	enum pki_cover cover; /* of the name asked for; PKI_COVER_NONE for a default */
	int64_t not_before, not_after;
};
/* Index of the one to serve. First a filter: the key types in CAN_VERIFY (all when none fits). Then
 * valid now over not; exact over wildcard; ECDSA over RSA; later notBefore; lower id. N >= 1. Never
 * "none": an expired certificate beats an alert. */
size_t choice_pick(
        const struct choice_candidate *candidates, size_t n, unsigned can_verify, int64_t now);
/* Why A goes before B, in words for `explain`: "valid now", "exact over wildcard", ... */
const char *choice_reason(const struct choice_candidate *a, const struct choice_candidate *b,
        unsigned can_verify, int64_t now);
