#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/export.h"
#include "store/pki/ossl.h"
#include "store/pki/p12.h"

#define ROUNDS                                                                                     \
	2048 /* the passphrase has 256 bits of its own: more rounds would protect nothing          \
	      */

typedef STACK_OF(X509) x509_stack;

static void stack_free(x509_stack **stack)
{
	sk_X509_pop_free(*stack, X509_free);
	*stack = NULL;
}

static enum cs_err hkdf(const uint8_t secret[32], struct cs_bytes info, uint8_t out[32])
{
	CS_AUTO(ossl_kdf_free) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	CS_AUTO(ossl_kdf_ctx_free) EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(
		        OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, 32),
		OSSL_PARAM_construct_octet_string(
		        OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.p, info.n),
		OSSL_PARAM_construct_end(),
	};

	if (ctx == NULL || EVP_KDF_derive(ctx, out, 32, params) != 1)
		return CS_ECRYPTO;
	return CS_OK;
}

enum cs_err p12_bundle_passphrase(
        const uint8_t secret[32], const char *id, uint32_t version, char out[44])
{
	static const char label[] = "bundle";
	uint8_t info[sizeof(label) - 1 + CS_ID_MAX + 4], derived[32];
	const size_t id_len = strlen(id);
	size_t n = sizeof(label) - 1;

	out[0] = '\0';
	if (!cs_id_ok(id))
		return CS_EMALFORMED;
	memcpy(info, label, n);
	memcpy(info + n, id, id_len);
	n += id_len;
	for (int shift = 24; shift >= 0; shift -= 8)
		info[n++] = (uint8_t)(version >> shift);
	CS_TRY(hkdf(secret, (struct cs_bytes){ info, n }, derived));
	cs_base64url(derived, sizeof(derived), out);
	OPENSSL_cleanse(derived, sizeof(derived));
	return CS_OK;
}

static X509 *x509_of(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_x509_free) X509 *x = der.n > 0 ? d2i_X509(NULL, &p, (long)der.n) : NULL;

	return x != NULL && p == der.p + der.n ? CS_STEAL(x) : NULL;
}

static EVP_PKEY *pkey_of(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	CS_AUTO(ossl_p8_free)
	PKCS8_PRIV_KEY_INFO *p8 = der.n > 0 ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n) : NULL;

	return p8 != NULL && p == der.p + der.n ? EVP_PKCS82PKEY(p8) : NULL;
}

static enum cs_err stack_of(const struct cs_bytes *chain, size_t count, x509_stack **out)
{
	CS_AUTO(stack_free) x509_stack *stack = sk_X509_new_null();

	for (size_t i = 0; stack != NULL && i < count; i++) {
		CS_AUTO(ossl_x509_free) X509 *x = x509_of(chain[i]);
		if (x == NULL)
			return CS_EMALFORMED;
		if (sk_X509_push(stack, x) <= 0)
			return CS_ENOMEM;
		x = NULL;
	}
	*out = CS_STEAL(stack);
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err append(const PKCS12 *p12, struct cs_buf *out)
{
	const int n = i2d_PKCS12(p12, NULL);

	if (n <= 0)
		return CS_ECRYPTO;
	CS_TRY(cs_buf_reserve(out, (size_t)n));
	uint8_t *p = out->p + out->n;
	i2d_PKCS12(p12, &p);
	out->n += (size_t)n;
	return CS_OK;
}

/* A friendly name is a BMPString: what lies beyond U+FFFF becomes the replacement character. */
static void bmp_only(const char *name, char out[CS_FRIENDLY_MAX + 1])
{
	static const char replacement[] = "\xef\xbf\xbd";

	while (*name != '\0') {
		const bool beyond = ((uint8_t)*name & 0xf8) == 0xf0;
		memcpy(out, beyond ? replacement : name, beyond ? 3 : 1);
		out += beyond ? 3 : 1;
		name += beyond ? 4 : 1;
	}
	*out = '\0';
}

/* What protects the parts, by who is to open the file. */
struct strength {
	int cipher; /* of key and certificates */
	int rounds; /* of each derivation */
	bool sha1_mac;
};
static const struct strength strengths[] = {
	[P12_SEALED] = { NID_aes_256_cbc, ROUNDS, false },
	[P12_HUMAN] = { NID_aes_256_cbc, PKI_HUMAN_ROUNDS, false },
	[P12_OLD] = { NID_pbe_WithSHA1And3_Key_TripleDES_CBC, PKI_OLD_ROUNDS, true },
};

static PKCS12 *create(EVP_PKEY *key, X509 *leaf, x509_stack *others, const char *name,
        const char *passphrase, const struct strength *by)
{
	CS_AUTO(ossl_p12_free)
	PKCS12 *p12 = PKCS12_create_ex(passphrase, name[0] != '\0' ? name : NULL, key, leaf, others,
	        by->cipher, by->cipher, by->rounds, -1, 0, NULL, NULL);
	const EVP_MD *md = by->sha1_mac ? EVP_sha1() : EVP_sha256();

	if (p12 == NULL || PKCS12_set_mac(p12, passphrase, -1, NULL, 0, by->rounds, md) != 1)
		return NULL;
	return CS_STEAL(p12);
}

static enum cs_err seal(struct cs_bytes leaf, struct cs_bytes pkcs8, const struct cs_bytes *chain,
        size_t chain_count, const char *name, const char *passphrase, enum p12_strength strength,
        struct cs_buf *out)
{
	CS_AUTO(stack_free) x509_stack *others = NULL;
	CS_AUTO(ossl_x509_free) X509 *x = x509_of(leaf);
	CS_AUTO(ossl_pkey_free) EVP_PKEY *key = pkey_of(pkcs8);

	if (x == NULL || key == NULL)
		return CS_EMALFORMED;
	if (X509_check_private_key(x, key) != 1)
		return CS_EMISMATCH;
	CS_TRY(stack_of(chain, chain_count, &others));
	char shown[CS_FRIENDLY_MAX + 1];
	bmp_only(name, shown);
	CS_AUTO(ossl_p12_free)
	PKCS12 *p12 = create(key, x, others, shown, passphrase, &strengths[strength]);
	return p12 != NULL ? append(p12, out) : CS_ECRYPTO;
}

enum cs_err p12_write(struct cs_bytes leaf, struct cs_bytes pkcs8, const struct cs_bytes *chain,
        size_t chain_count, const char *name, const char *passphrase, enum p12_strength strength,
        struct cs_buf *out)
{
	if (chain_count > CS_CHAIN_MAX || leaf.n > CS_DER_MAX || pkcs8.n > CS_KEY_MAX)
		return CS_ETOOBIG;
	if (!cs_text_ok(name, CS_FRIENDLY_MAX))
		return CS_EMALFORMED;
	ERR_set_mark();
	const enum cs_err rc =
	        seal(leaf, pkcs8, chain, chain_count, name, passphrase, strength, out);
	ERR_pop_to_mark();
	return rc;
}

enum cs_err p12_seal(struct cs_bytes leaf, struct cs_bytes pkcs8, const struct cs_bytes *chain,
        size_t chain_count, const char *name, const char *passphrase, struct cs_buf *out)
{
	return p12_write(leaf, pkcs8, chain, chain_count, name, passphrase, P12_SEALED, out);
}

enum cs_err p12_seal_key(
        struct cs_bytes pkcs8, const char *name, const char *passphrase, struct cs_buf *out)
{
	char shown[CS_FRIENDLY_MAX + 1];

	if (pkcs8.n > CS_KEY_MAX)
		return CS_ETOOBIG;
	if (!cs_text_ok(name, CS_FRIENDLY_MAX))
		return CS_EMALFORMED;
	bmp_only(name, shown);
	CS_AUTO(ossl_pkey_free) EVP_PKEY *key = pkey_of(pkcs8);
	if (key == NULL)
		return CS_EMALFORMED;
	CS_AUTO(ossl_p12_free)
	PKCS12 *p12 = create(key, NULL, NULL, shown, passphrase, &strengths[P12_SEALED]);
	return p12 != NULL ? append(p12, out) : CS_ECRYPTO;
}
