#include "node/keyd/signkey.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096

struct signkey {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ctx; /* initialised for `ready`: a quarter cheaper than EVP_DigestSign
	                      (edge-spike, section 1) */
	const struct tbs_scheme *ready;
	enum pki_key kind;
};

static void pkey_free(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void ctx_free(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static void x509_free(X509 **p)
{
	X509_free(*p);
}

/* Fetched once and kept: an implicit fetch for each signature costs more than the hash. */
static const EVP_MD *digest_of(uint8_t digest)
{
	static EVP_MD *fetched[TBS_DIGESTS];

	if (fetched[digest] == NULL)
		fetched[digest] = EVP_MD_fetch(NULL, tbs_digest(digest), NULL);
	return fetched[digest];
}

static bool rsa_usable(const EVP_PKEY *pkey)
{
	BIGNUM *coefficient = NULL, *third = NULL;
	const int bits = EVP_PKEY_get_bits(pkey);

	/* Without CRT numbers a signature costs 8 times; with a third prime it would be wrong. */
	const bool two_primes =
	        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &coefficient) == 1 &&
	        !BN_is_zero(coefficient) &&
	        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3, &third) != 1;
	BN_clear_free(coefficient);
	BN_clear_free(third);
	return two_primes && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

static enum pki_key kind_of(const EVP_PKEY *pkey)
{
	char group[32] = "";
	int spelled_out = 0;

	if (EVP_PKEY_is_a(pkey, "RSA") == 1)
		return rsa_usable(pkey) ? PKI_KEY_RSA : PKI_KEY_OTHER;
	if (EVP_PKEY_is_a(pkey, "EC") != 1 ||
	        EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1)
		return PKI_KEY_OTHER;
	/* No client takes a certificate whose curve is given by its numbers, be it a known one. */
	(void)!EVP_PKEY_get_int_param(
	        pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out);
	if (spelled_out != 0)
		return PKI_KEY_OTHER;
	if (strcmp(group, SN_X9_62_prime256v1) == 0)
		return PKI_KEY_P256;
	return strcmp(group, SN_secp384r1) == 0 ? PKI_KEY_P384 : PKI_KEY_OTHER;
}

enum cs_err signkey_new(EVP_PKEY *pkey, struct signkey **out)
{
	CS_AUTO(pkey_free) EVP_PKEY *owned = pkey;

	*out = NULL;
	const enum pki_key kind = kind_of(owned);
	ERR_clear_error();
	if (kind == PKI_KEY_OTHER)
		return CS_EUNSUPPORTED;
	CS_AUTO(ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, owned, NULL);
	struct signkey *self = malloc(sizeof(*self));
	if (ctx == NULL || self == NULL) {
		free(self);
		return CS_ENOMEM;
	}
	*self = (struct signkey){ CS_STEAL(owned), CS_STEAL(ctx), NULL, kind };
	*out = self;
	return CS_OK;
}

enum cs_err signkey_from_pkcs8(struct cs_bytes pkcs8, struct signkey **out)
{
	const uint8_t *p = pkcs8.p;

	*out = NULL;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n);
	EVP_PKEY *pkey = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	if (pkey == NULL)
		return CS_EMALFORMED;
	if (p == pkcs8.p + pkcs8.n)
		return signkey_new(pkey, out);
	EVP_PKEY_free(pkey);
	return CS_ETRAILING;
}

enum pki_key signkey_kind(const struct signkey *self)
{
	return self->kind;
}

const EVP_PKEY *signkey_pkey(const struct signkey *self)
{
	return self->pkey;
}

static bool prepare(EVP_PKEY_CTX *ctx, const struct tbs_scheme *scheme, const EVP_MD *md)
{
	if (EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
		return false;
	if (!scheme->rsa)
		return true;
	if (!scheme->pss)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
}

static bool make_ready(struct signkey *self, const struct tbs_scheme *scheme, const EVP_MD *md)
{
	if (self->ready == scheme)
		return true;
	self->ready = NULL;
	if (EVP_PKEY_sign_init(self->ctx) != 1 || !prepare(self->ctx, scheme, md))
		return false;
	self->ready = scheme;
	return true;
}

enum cs_err signkey_sign(struct signkey *self, const struct tbs_scheme *scheme,
        struct cs_bytes text, uint8_t *signature, size_t *n)
{
	const EVP_MD *md = digest_of(scheme->digest);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;

	*n = SIGN_SIGNATURE_MAX;
	if (md != NULL && EVP_Digest(text.p, text.n, hash, &hash_len, md, NULL) == 1 &&
	        make_ready(self, scheme, md) &&
	        EVP_PKEY_sign(self->ctx, signature, n, hash, hash_len) == 1)
		return CS_OK;
	ERR_clear_error();
	self->ready = NULL; /* whatever state the context is in: start anew */
	*n = 0;
	return CS_ECRYPTO;
}

/* What clients ask of such a key most. */
static const struct tbs_scheme *usual(enum pki_key kind)
{
	return tbs_scheme(kind == PKI_KEY_RSA ? 0x0804 : kind == PKI_KEY_P256 ? 0x0403 : 0x0503);
}

static const struct cs_bytes nothing = { (const uint8_t *)"certspan", 8 };

enum cs_err signkey_warm(struct signkey *self)
{
	uint8_t signature[SIGN_SIGNATURE_MAX];
	size_t n;

	return signkey_sign(self, usual(self->kind), nothing, signature, &n);
}

static bool verifies(EVP_PKEY *public_key, enum pki_key kind, const uint8_t *signature, size_t n)
{
	const struct tbs_scheme *scheme = usual(kind);
	const EVP_MD *md = digest_of(scheme->digest);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;
	CS_AUTO(ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, public_key, NULL);

	return ctx != NULL && EVP_Digest(nothing.p, nothing.n, hash, &hash_len, md, NULL) == 1 &&
	       EVP_PKEY_verify_init(ctx) == 1 && prepare(ctx, scheme, md) &&
	       EVP_PKEY_verify(ctx, signature, n, hash, hash_len) == 1;
}

enum cs_err signkey_prove(struct signkey *self, struct cs_bytes leaf)
{
	const uint8_t *p = leaf.p;
	uint8_t signature[SIGN_SIGNATURE_MAX];
	size_t n;

	CS_AUTO(x509_free) X509 *x = d2i_X509(NULL, &p, (long)leaf.n);
	EVP_PKEY *public_key = x != NULL ? X509_get0_pubkey(x) : NULL;
	if (public_key == NULL || p != leaf.p + leaf.n) {
		ERR_clear_error();
		return CS_EMALFORMED;
	}
	/* Comparing the public halves alone would let a damaged private half pass. */
	bool same = EVP_PKEY_eq(public_key, self->pkey) == 1 &&
	            signkey_sign(self, usual(self->kind), nothing, signature, &n) == CS_OK &&
	            verifies(public_key, self->kind, signature, n);
	ERR_clear_error();
	return same ? CS_OK : CS_EMISMATCH;
}

void signkey_free(struct signkey **self)
{
	if (*self == NULL)
		return;
	EVP_PKEY_CTX_free((*self)->ctx);
	EVP_PKEY_free((*self)->pkey); /* clears the private numbers */
	free(*self);
	*self = NULL;
}
