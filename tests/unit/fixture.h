/* tests/unit/fixture.h: throw-away keys and certificates, temporary folders. Everything is minted
 * at run time. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

/* What fx_cert makes. Zero fields take the default in brackets. */
struct fx_spec {
	const char *san; /* OpenSSL form "DNS:a,DNS:*.b,IP:1.2.3.4"; NULL = no SAN */
	const char *cn; /* ["fixture"] */
	const char *key; /* "P-256" [P-256], "P-384", "RSA-2048", "ED25519" */
	long days_from, days_to; /* relative to now [-1, 90] */
	bool ca;
	const struct fx_cert *issuer; /* NULL = self-signed */
	const struct fx_cert *same_key; /* take its key */
	const char *eku; /* "serverAuth" ... NULL = none */
	const char *aia; /* OpenSSL form "caIssuers;URI:http://a/ca.cer"; NULL = none */
	const char *feature; /* TLS feature, "status_request"; NULL = none */
	const char *digest; /* ["SHA256"], "SHA1" */
};
struct fx_cert {
	uint8_t der[8192];
	size_t der_len;
	uint8_t pkcs8[4096];
	size_t pkcs8_len;
};
/* Aborts the test program on failure. */
struct fx_cert fx_cert(struct fx_spec spec);
struct cs_bytes fx_der(const struct fx_cert *cert);
struct cs_bytes fx_key(const struct fx_cert *cert);
/* A fresh empty folder, removed with all its content by fx_rmdir. */
const char *fx_mkdir(char out[64]);
void fx_rmdir(const char *dir);
