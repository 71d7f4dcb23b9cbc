/* node/keyd/signkey.h: one private key, ready to sign: RSA of 2,048 to 4,096 bits, P-256 or P-384.
 */
#pragma once
#include <openssl/types.h>
#include "node/keyd/tbs.h"
#include "proto/base/buf.h"
#include "proto/wire/sign.h"

struct signkey;

/* Takes PKEY in every case. CS_EUNSUPPORTED: another kind or size of key, or one without its CRT
 * numbers. */
CS_MUST enum cs_err signkey_new(EVP_PKEY *pkey, struct signkey **out);
/* PKCS#8 DER to the last byte. CS_EMALFORMED, CS_ETRAILING, CS_EUNSUPPORTED. */
CS_MUST enum cs_err signkey_from_pkcs8(struct cs_bytes pkcs8, struct signkey **out);
enum pki_key signkey_kind(const struct signkey *self);
const EVP_PKEY *signkey_pkey(const struct signkey *self);
/* Proves that the key is the leaf's: signs (which also warms it: blinding, Montgomery numbers) and
 * verifies by the leaf's public key. CS_EMISMATCH, CS_EMALFORMED (the leaf). */
CS_MUST enum cs_err signkey_prove(struct signkey *self, struct cs_bytes leaf);
/* One signature nobody sees, so that the next one is fast. */
CS_MUST enum cs_err signkey_warm(struct signkey *self);
/* The caller has asked tbs_check before. SIGNATURE takes SIGN_SIGNATURE_MAX bytes. CS_ECRYPTO. */
CS_MUST enum cs_err signkey_sign(struct signkey *self, const struct tbs_scheme *scheme,
        struct cs_bytes text, uint8_t *signature, size_t *n);
void signkey_free(struct signkey **self);
