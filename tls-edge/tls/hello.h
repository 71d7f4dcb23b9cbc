/* tls-edge/tls/hello.h: what a ClientHello asks for: the server name, and which kinds of
 * certificate its sender can verify. The readers are pure functions over what a stranger sent. */
#pragma once
#include <openssl/ssl.h>
#include "proto/base/cs.h"

#define HELLO_SNI_MAX 255 /* OpenSSL refuses more */

struct hello_sni {
	bool sent;
	uint16_t n;
	uint8_t name[HELLO_SNI_MAX];
};
/* EXTENSION: body of server_name (RFC 6066 section 3). CS_EMALFORMED, CS_ETOOBIG: OpenSSL ends the
 * handshake by itself. */
CS_MUST enum cs_err hello_sni_read(struct cs_bytes extension, struct hello_sni *out);

struct hello_offer {
	bool tls13;
	const uint16_t *schemes; /* signature_algorithms */
	size_t scheme_count;
	bool rsa_cipher, ecdsa_cipher; /* any, of TLS 1.2 */
	bool p256, p384; /* groups; all true when it sent none (RFC 8422 4) */
};
/* A CHOICE_* mask (store/pki/choice.h). 0: nothing that we have will do. */
unsigned hello_can_verify(const struct hello_offer *offer);
/* The same, read off a connection whose version is decided (in the certificate callback or later).
 */
unsigned hello_can_verify_ssl(SSL *ssl);
