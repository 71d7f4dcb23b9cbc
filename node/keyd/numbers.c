#include "node/keyd/numbers.h"
#include <stdio.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include "proto/base/limits.h"

/* version 1 | type of key | nonce 12 | ciphertext | tag 16. Within: each number as 2 bytes of
 * length (big-endian) and its bytes, little-endian, as OSSL_PARAM wants them. */
#define FORMAT 1
#define HEAD 14
#define NONCE 12
#define TAG 16
#define NUMBERS_MAX 8

struct number {
	const char *param;
	bool octets; /* the public point; else an unsigned integer */
};
static const struct number rsa[] = { { OSSL_PKEY_PARAM_RSA_N, false },
	{ OSSL_PKEY_PARAM_RSA_E, false }, { OSSL_PKEY_PARAM_RSA_D, false },
	{ OSSL_PKEY_PARAM_RSA_FACTOR1, false }, { OSSL_PKEY_PARAM_RSA_FACTOR2, false },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT1, false }, { OSSL_PKEY_PARAM_RSA_EXPONENT2, false },
	{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, false } };
static const struct number ec[] = { { OSSL_PKEY_PARAM_PUB_KEY, true },
	{ OSSL_PKEY_PARAM_PRIV_KEY, false } };

struct layout {
	enum pki_key kind;
	const char *name, *type, *group; /* name: authenticated */
	const struct number *numbers;
	size_t count;
};
static const struct layout layouts[] = {
	{ PKI_KEY_RSA, "RSA", "RSA", NULL, rsa, CS_COUNT(rsa) },
	{ PKI_KEY_P256, "P-256", "EC", SN_X9_62_prime256v1, ec, CS_COUNT(ec) },
	{ PKI_KEY_P384, "P-384", "EC", SN_secp384r1, ec, CS_COUNT(ec) },
};

static const struct layout *layout_of(unsigned kind)
{
	for (size_t i = 0; i < CS_COUNT(layouts); i++)
		if (layouts[i].kind == kind)
			return &layouts[i];
	return NULL;
}

static void ctx_free(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static void cipher_free(EVP_CIPHER_CTX **p)
{
	EVP_CIPHER_CTX_free(*p);
}

static void bn_free(BIGNUM **p)
{
	BN_clear_free(*p);
}

static enum cs_err add_sized(struct cs_buf *out, size_t n, uint8_t **at)
{
	CS_TRY(cs_buf_reserve(out, n + 2));
	out->p[out->n] = (uint8_t)(n >> 8);
	out->p[out->n + 1] = (uint8_t)n;
	*at = out->p + out->n + 2;
	out->n += n + 2;
	return CS_OK;
}

static enum cs_err add_number(const EVP_PKEY *pkey, const struct number *number, struct cs_buf *out)
{
	uint8_t point[256], *at;
	size_t n = 0;

	if (number->octets) {
		if (EVP_PKEY_get_octet_string_param(
		            pkey, number->param, point, sizeof(point), &n) != 1)
			return CS_ECRYPTO;
		CS_TRY(add_sized(out, n, &at));
		memcpy(at, point, n);
		return CS_OK;
	}
	CS_AUTO(bn_free) BIGNUM *bn = NULL;
	if (EVP_PKEY_get_bn_param(pkey, number->param, &bn) != 1)
		return CS_ECRYPTO;
	n = (size_t)BN_num_bytes(bn);
	CS_TRY(add_sized(out, n, &at));
	return BN_bn2lebinpad(bn, at, (int)n) == (int)n ? CS_OK : CS_ECRYPTO;
}

static void aad_text(char *out, size_t size, const char *id, const struct layout *layout)
{
	snprintf(out, size, "%s|%s", id, layout->name);
}

/* Seals (ENCRYPT) or opens N bytes; TAG_BYTES is written or checked. */
static enum cs_err gcm(bool encrypt, const uint8_t *wrap, const uint8_t *nonce, const char *aad,
        const uint8_t *in, size_t n, uint8_t *out, uint8_t *tag_bytes)
{
	CS_AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;

	if (ctx == NULL ||
	        EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), wrap, nonce, encrypt, NULL) != 1 ||
	        EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)aad, (int)strlen(aad)) != 1 ||
	        EVP_CipherUpdate(ctx, out, &len, in, (int)n) != 1)
		return CS_ECRYPTO;
	if (!encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag_bytes) != 1)
		return CS_ECRYPTO;
	if (EVP_CipherFinal_ex(ctx, out + len, &len) != 1)
		return CS_ECORRUPT;
	if (encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag_bytes) != 1)
		return CS_ECRYPTO;
	return CS_OK;
}

enum cs_err numbers_wrap(const struct signkey *key, const uint8_t wrap[NUMBERS_WRAP_KEY],
        const char *id, struct cs_buf *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf plain = cs_buf_new(NUMBERS_WRAPPED_MAX - HEAD - TAG);
	const struct layout *layout = layout_of(signkey_kind(key));
	uint8_t head[HEAD] = { FORMAT, (uint8_t)signkey_kind(key) };
	char aad[CS_ID_MAX + 32];

	if (layout == NULL)
		return CS_EBUG;
	for (size_t i = 0; i < layout->count; i++)
		CS_TRY(add_number(signkey_pkey(key), &layout->numbers[i], &plain));
	if (RAND_bytes(head + 2, NONCE) != 1)
		return CS_ECRYPTO;
	aad_text(aad, sizeof(aad), id, layout);
	CS_TRY(cs_buf_reserve(out, HEAD + plain.n + TAG));
	uint8_t *p = out->p + out->n;
	memcpy(p, head, HEAD);
	CS_TRY(gcm(true, wrap, head + 2, aad, plain.p, plain.n, p + HEAD, p + HEAD + plain.n));
	out->n += HEAD + plain.n + TAG;
	return CS_OK;
}

/* The params point into PLAIN. */
static enum cs_err params_of(
        const struct layout *layout, struct cs_buf *plain, OSSL_PARAM params[NUMBERS_MAX + 2])
{
	size_t at = 0, count = 0;

	if (layout->group != NULL)
		params[count++] = OSSL_PARAM_construct_utf8_string(
		        OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)layout->group, 0);
	for (size_t i = 0; i < layout->count; i++) {
		if (plain->n - at < 2)
			return CS_ECORRUPT;
		const size_t n = (size_t)plain->p[at] << 8 | plain->p[at + 1];
		uint8_t *p = plain->p + at + 2;
		if (n == 0 || plain->n - at - 2 < n)
			return CS_ECORRUPT;
		params[count++] =
		        layout->numbers[i].octets
		                ? OSSL_PARAM_construct_octet_string(layout->numbers[i].param, p, n)
		                : OSSL_PARAM_construct_BN(layout->numbers[i].param, p, n);
		at += 2 + n;
	}
	params[count] = OSSL_PARAM_construct_end();
	return at == plain->n ? CS_OK : CS_ECORRUPT;
}

static enum cs_err key_of(const struct layout *layout, OSSL_PARAM *params, struct signkey **out)
{
	EVP_PKEY *pkey = NULL;
	CS_AUTO(ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, layout->type, NULL);

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1) {
		ERR_clear_error();
		return CS_ECORRUPT;
	}
	return signkey_new(pkey, out);
}

enum cs_err numbers_unwrap(struct cs_bytes wrapped, const uint8_t wrap[NUMBERS_WRAP_KEY],
        const char *id, struct signkey **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf plain = cs_buf_new(NUMBERS_WRAPPED_MAX);
	OSSL_PARAM params[NUMBERS_MAX + 2];
	char aad[CS_ID_MAX + 32];
	uint8_t tag[TAG];

	*out = NULL;
	if (wrapped.n <= HEAD + TAG || wrapped.n > NUMBERS_WRAPPED_MAX || wrapped.p[0] != FORMAT)
		return CS_ECORRUPT;
	const struct layout *layout = layout_of(wrapped.p[1]);
	if (layout == NULL)
		return CS_ECORRUPT;
	const size_t n = wrapped.n - HEAD - TAG;
	memcpy(tag, wrapped.p + HEAD + n, TAG);
	aad_text(aad, sizeof(aad), id, layout);
	CS_TRY(cs_buf_reserve(&plain, n));
	CS_TRY(gcm(false, wrap, wrapped.p + 2, aad, wrapped.p + HEAD, n, plain.p, tag));
	plain.n = n;
	CS_TRY(params_of(layout, &plain, params));
	return key_of(layout, params, out);
}
