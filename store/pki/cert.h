/* store/pki/cert.h: what one X.509 certificate says. Pure: no files, no clock. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

enum pki_key {
	PKI_KEY_OTHER = 0,
	PKI_KEY_RSA = 1,
	PKI_KEY_P256 = 2,
	PKI_KEY_P384 = 3,
	PKI_KEY_ED25519 = 4,
	PKI_KEY_P521 = 5
};
const char *pki_key_name(enum pki_key key); /* "P-256", "RSA" */

/* Read-only facts; all memory is the object's own. */
struct pki_cert {
	uint8_t sha256[32], spki_sha256[32];
	struct cs_bytes der;
	const char *subject, *issuer; /* RFC 4514 text, escaped, no control bytes */
	const char *subject_cn, *issuer_cn; /* "" if none */
	struct cs_bytes subject_der, issuer_der, ski, aki; /* ski, aki: empty if absent */
	const char *serial; /* hex */
	const char *signature; /* "ecdsa-with-SHA256" */
	int64_t not_before, not_after; /* Unix seconds */
	enum pki_key key;
	uint32_t key_bits;
	bool is_ca, self_signed, server_auth; /* server_auth: no EKU, or serverAuth or any */
	bool weak_hash; /* MD5 or SHA-1 signature */
	const char *const *dns; /* SAN dNSNames, lower case, as signed otherwise */
	size_t dns_count;
	const struct cs_bytes *ip; /* SAN iPAddresses: 4 or 16 bytes */
	size_t ip_count;
	const char *const *ip_text; /* the same as text, "192.0.2.1", "2001:db8::1" */
	const char *const *aia_issuers, *const *aia_ocsp; /* URIs of Authority Information Access */
	size_t aia_issuer_count, aia_ocsp_count;
	const struct cs_bytes *sct_logs; /* ids (32 bytes) of the logs whose SCTs are inside */
	size_t sct_count;
	bool must_staple; /* TLS feature status_request, RFC 7633 */
};
/* DER must be one certificate to the last byte. CS_EMALFORMED (also a SAN that does not decode,
 * occurs twice, or holds a NUL), CS_ETRAILING, CS_ETOOBIG. On CS_OK the caller owns *OUT. */
CS_MUST enum cs_err pki_cert_read(struct cs_bytes der, struct pki_cert **out);
void pki_cert_free(struct pki_cert **self);

/* The bundle and certificate id: the first 16 hex digits of the leaf's SHA-256. OUT takes 17 bytes.
 */
void pki_cert_id(const uint8_t sha256[32], char *out);
