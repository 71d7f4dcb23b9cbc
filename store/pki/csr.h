/* store/pki/csr.h: certificate requests (PKCS#10) and self-signed certificates: encoded from fields
 * that are checked here, with a key of the caller's; and requests read again. Pure. */
#pragma once
#include <openssl/types.h>
#include "store/pki/cert.h"
#include "store/pki/subject.h"

/* Kinds of keys that are made, in the order in which they are offered; the first is the default. */
struct pki_keyspec {
	const char *name; /* "P-256", "RSA-3072" */
	enum pki_key kind;
	uint32_t bits; /* of RSA */
	const char *cost; /* a sentence */
};
extern const struct pki_keyspec pki_keyspecs[];
extern const size_t pki_keyspec_count;
const struct pki_keyspec *pki_keyspec_of(const char *name); /* NULL; any case */
/* The kind of a certificate's key; NULL for one that is not offered. */
const struct pki_keyspec *pki_keyspec_like(enum pki_key kind, uint32_t bits);

struct pki_fields {
	struct pki_subject subject;
	const char *const *dns; /* A-labels, lower case; "*." may stand before */
	size_t dns_count;
	const struct cs_bytes *ip; /* 4 or 16 bytes */
	size_t ip_count;
};
/* CS_EMALFORMED or CS_ETOOBIG with a sentence in REASON. At least one name is wanted: without one
 * no client would take the certificate. */
CS_MUST enum cs_err pki_fields_check(const struct pki_fields *self, char *reason, size_t size);

/* Append DER to OUT: subject, public key, subject alternative names, signed with SHA-256 (P-384:
 * SHA-384). FIELDS must have passed the check. CS_ECRYPTO, CS_ETOOBIG. */
CS_MUST enum cs_err pki_csr_make(
        const struct pki_fields *fields, EVP_PKEY *key, struct cs_buf *out);
/* A server certificate that signs itself and nothing else (CA:FALSE), with a random serial. */
CS_MUST enum cs_err pki_selfsigned_make(const struct pki_fields *fields, EVP_PKEY *key,
        int64_t not_before, int64_t not_after, struct cs_buf *out);

/* SHA-256 of the public key, as in struct pki_cert. */
CS_MUST enum cs_err pki_key_spki(EVP_PKEY *key, uint8_t out[32]);
/* The fingerprint that names a request: SHA-1 of its DER, 40 hex digits, into OUT (41 bytes). A
 * label, not a proof. */
void pki_csr_fingerprint(struct cs_bytes der, char *out);

struct pki_csr {
	const char *subject; /* RFC 4514 text */
	const char *const *dns;
	size_t dns_count;
	const char *const *ip_text;
	size_t ip_count;
	enum pki_key key;
	uint32_t key_bits;
	char fingerprint[41];
	struct cs_arena *arena;
};
/* One request to the last byte, its own signature proven. CS_EMALFORMED, CS_ETRAILING. Free *OUT
 * in every case. */
CS_MUST enum cs_err pki_csr_read(struct cs_bytes der, struct pki_csr *out);
void pki_csr_free(struct pki_csr *self);
/* "-----BEGIN CERTIFICATE REQUEST-----" ... in OUT. */
CS_MUST enum cs_err pki_csr_pem(struct cs_bytes der, struct cs_buf *out);
