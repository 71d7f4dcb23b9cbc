/* store/pki/warnings.h: what is wrong, or soon will be, with a certificate that serves. Pure. */
#pragma once
#include "store/pki/cert.h"

#define PKI_WARNINGS_MAX 24

struct pki_warning {
	const char *code; /* a word that never changes its meaning: "expires-soon" */
	const char *remedy; /* what to do about it; static */
	bool info; /* good to know; nothing has to be done */
	char text[256];
};

/* Where the path of a certificate ends. Nothing is said about an unknown one. */
enum pki_trust { PKI_TRUST_UNKNOWN, PKI_TRUST_PUBLIC, PKI_TRUST_PRIVATE };

/* What a certificate cannot know of itself. All zero: nothing is known. */
struct pki_surroundings {
	enum pki_trust trust; /* its path ends in the trust store of common systems, or not */
	const char *same_names; /* id of another Active one with the very same names, or NULL */
	const char *same_key; /* id of another one, of other names, with the same key, or NULL */
};

/* The warnings of LEAF that would be served with CHAIN at NOW; at most MAX; returns how many. */
size_t pki_warnings_among(const struct pki_cert *leaf, const struct cs_bytes *chain,
        size_t chain_count, int64_t now, const struct pki_surroundings *around,
        struct pki_warning *out, size_t max);
/* The same of what LEAF and CHAIN say alone. */
size_t pki_cert_warnings(const struct pki_cert *leaf, const struct cs_bytes *chain,
        size_t chain_count, int64_t now, struct pki_warning *out, size_t max);
/* Only those that follow from where its path ends. */
size_t pki_warnings_of_trust(
        const struct pki_cert *leaf, enum pki_trust trust, struct pki_warning *out, size_t max);
bool pki_warning_by_trust(const char *code);
/* Only those that follow from the clock. */
size_t pki_warnings_now(
        const struct pki_cert *leaf, int64_t now, struct pki_warning *out, size_t max);
/* Whether CODE follows from the clock, so that it must be asked anew at each look. */
bool pki_warning_by_clock(const char *code);
/* How long before its end a renewal is due, in seconds: a third of the lifetime, at most 30 days;
 * half of one that is shorter than 10 days. */
int64_t pki_renewal_window(const struct pki_cert *leaf);
/* The longest lifetime that clients accept of a public CA, in days, by when it begins (CA/Browser
 * Forum Baseline Requirements 6.3.2). */
int pki_lifetime_limit(int64_t not_before);
