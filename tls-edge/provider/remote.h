/* tls-edge/provider/remote.h: what the two halves of the provider share: one far-away key. */
#pragma once
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include "proto/wire/sign.h"
#include "tls-edge/provider/keyline.h"

#define REMOTE_PARAM_ID "certspan-id"
#define REMOTE_SIGNATURE "CERTSPAN-HANDSHAKE"

struct remote_key {
	struct keyline *keyd;
	bool rsa;
	char id[SIGN_KEY_ID]; /* "": a public key brought here to be compared */
	char group[32]; /* EC */
	uint8_t public_digest[32];
	int bits, security_bits, size;
};

extern const OSSL_DISPATCH remote_rsa_keymgmt[], remote_ec_keymgmt[], remote_signature[];
