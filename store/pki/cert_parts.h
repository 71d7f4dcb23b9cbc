/* store/pki/cert_parts.h: what certificates and requests have in common, read the same way. For
 * store/pki alone. */
#pragma once
#include "store/pki/cert.h"
#include "store/pki/ossl.h"

struct pki_part_names {
	const char *const *dns; /* as in struct pki_cert */
	size_t dns_count;
	const struct cs_bytes *ip;
	const char *const *ip_text;
	size_t ip_count;
};

/* RFC 4514 text, fit for people, in ARENA. */
CS_MUST enum cs_err pki_part_name(struct cs_arena *arena, const X509_NAME *name, const char **out);
/* The subject alternative names among the extensions LIST (may be NULL). CS_EMALFORMED: twice,
 * unreadable, or with a NUL. */
CS_MUST enum cs_err pki_part_names(
        struct cs_arena *arena, const STACK_OF(X509_EXTENSION) * list, struct pki_part_names *out);
/* KEY may be NULL: PKI_KEY_OTHER of 0 bits. */
void pki_part_key(EVP_PKEY *key, enum pki_key *kind, uint32_t *bits);

/* Authority Information Access, embedded SCTs and TLS feature of X into CERT. What does not decode
 * counts as absent: clients that do not know these extensions go on, too. */
CS_MUST enum cs_err cert_read_extras(struct cs_arena *arena, X509 *x, struct pki_cert *cert);
