/* node/keyd/tbs.h: what keyd may sign: the to-be-signed text of a TLS server, nothing else (design
 * section 3). Whoever takes over an edge thus gets no general signature oracle. Pure. */
#pragma once
#include "proto/base/cs.h"
#include "store/pki/cert.h"

/* A TLS SignatureScheme (RFC 8446 4.2.3) that this house signs with; the edge offers exactly these.
 */
struct tbs_scheme {
	uint16_t code;
	bool rsa, pss;
	enum pki_key
	        tls13; /* the one kind of key that may use it in TLS 1.3; PKI_KEY_OTHER: none */
	uint8_t digest; /* row of tbs_digest */
};
#define TBS_DIGESTS 3
const char *tbs_digest(uint8_t digest); /* "SHA256" */
const struct tbs_scheme *tbs_scheme(uint16_t code); /* NULL: not one of ours */

/* CS_OK, or CS_EREFUSED: TEXT is not the to-be-signed text of a TLS 1.3 CertificateVerify (TLS13)
 * or of a TLS 1.2 ECDHE ServerKeyExchange, or SCHEME does not fit the version and the KEY. */
CS_MUST enum cs_err tbs_check(
        const struct tbs_scheme *scheme, bool tls13, enum pki_key key, struct cs_bytes text);
