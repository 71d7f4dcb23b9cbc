/* proto/wire/sign.h: edge <-> keyd: "sign this handshake". The one hot path of a node, so not
 * protobuf: fixed heads in host byte order (both ends are one machine), many requests a packet, on
 * a SOCK_SEQPACKET pair. keyd sees the whole to-be-signed text and signs only what is a TLS server
 * signature (design section 3). */
#pragma once
#include "proto/base/cs.h"

#define SIGN_KEY_ID 24 /* bundle id, NUL-padded */
#define SIGN_TEXT_MAX 512 /* TLS 1.3: 146; TLS 1.2: 64 + ECDHE parameters */
#define SIGN_SIGNATURE_MAX 512 /* RSA-4096 */
#define SIGN_PACKET_MAX 65536

/* scheme: TLS SignatureScheme (RFC 8446 4.2.3), e.g. 0x0403. flags: SIGN_WARM = no text: load the
 * key, answer when it is warm. */
enum { SIGN_WARM = 1 };
struct sign_request {
	uint32_t tag; /* the edge's, returned */
	uint16_t scheme;
	uint8_t tls13; /* 1: CertificateVerify of TLS 1.3; 0: ServerKeyExchange of TLS 1.2 */
	uint8_t flags;
	char key[SIGN_KEY_ID];
	uint16_t text_len;
	uint8_t text[SIGN_TEXT_MAX];
};
/* err: enum cs_err; CS_EREFUSED = not a TLS server signature, CS_ENOTFOUND = no such key,
 * CS_ELOCKED. */
struct sign_reply {
	uint32_t tag;
	uint16_t err;
	uint16_t signature_len;
	uint8_t signature[SIGN_SIGNATURE_MAX];
};

/* Append one to a packet of at most SIGN_PACKET_MAX: the new length, 0 when it does not fit. */
size_t sign_request_put(uint8_t *packet, size_t n, const struct sign_request *request);
size_t sign_reply_put(uint8_t *packet, size_t n, const struct sign_reply *reply);
/* Takes the next off *PACKET; CS_ENOTFOUND at the end, CS_EMALFORMED. */
CS_MUST enum cs_err sign_request_take(struct cs_bytes *packet, struct sign_request *out);
CS_MUST enum cs_err sign_reply_take(struct cs_bytes *packet, struct sign_reply *out);
