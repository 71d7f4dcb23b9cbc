#include "store/pki/pbe.h"
#include <pthread.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include "proto/base/limits.h"
#include "store/pki/ossl.h"

#define BUDGET (2 * (int64_t)CS_KDF_ITERATIONS_MAX)
#define DERIVED_MAX 64 /* bytes that a KDF may be asked for */
#define SCRYPT_COST_MAX ((uint64_t)1 << 21) /* N * r * p; 2^17 (N = 2^14, r = 8) is common */

OSSL_FREE(pbe2, PBE2PARAM, PBE2PARAM_free)
OSSL_FREE(pbe1, PBEPARAM, PBEPARAM_free)
OSSL_FREE(pbkdf2, PBKDF2PARAM, PBKDF2PARAM_free)
OSSL_FREE(scrypt, SCRYPT_PARAMS, SCRYPT_PARAMS_free)

struct pbe_budget pbe_budget_new(bool legacy)
{
	return (struct pbe_budget){ .left = BUDGET, .legacy = legacy, .reason = "" };
}

enum cs_err pbe_refuse(struct pbe_budget *self, enum cs_err err, const char *reason)
{
	self->reason = reason;
	return err;
}

static enum cs_err charge(struct pbe_budget *self, int64_t rounds)
{
	if (rounds > self->left)
		return pbe_refuse(
		        self, CS_EITERATIONS, "all key derivations together would take too long");
	self->left -= rounds;
	return CS_OK;
}

enum cs_err pbe_charge(struct pbe_budget *self, const ASN1_INTEGER *iter, int *out)
{
	int64_t n = 1;

	if (iter != NULL && ASN1_INTEGER_get_int64(&n, iter) != 1)
		return pbe_refuse(self, CS_EITERATIONS, "a key derivation count beyond 64 bits");
	if (n <= 0)
		return pbe_refuse(self, CS_EITERATIONS, "a key derivation count of zero or less");
	if (n > CS_KDF_ITERATIONS_MAX)
		return pbe_refuse(self, CS_EITERATIONS, "a key derivation count above 5,000,000");
	if (out != NULL)
		*out = (int)n;
	return charge(self, n);
}

enum cs_err pbe_salt_check(struct pbe_budget *self, const ASN1_STRING *salt)
{
	if (salt == NULL)
		return pbe_refuse(self, CS_EMALFORMED, "key derivation without a salt");
	if (ASN1_STRING_length(salt) > CS_KDF_SALT_MAX)
		return pbe_refuse(self, CS_EITERATIONS, "a key derivation salt above 1 KiB");
	return CS_OK;
}

static void *parameters(const X509_ALGOR *alg, const ASN1_ITEM *item)
{
	const void *value = NULL;
	int type = V_ASN1_UNDEF;

	X509_ALGOR_get0(NULL, &type, &value, alg);
	if (type != V_ASN1_SEQUENCE || value == NULL)
		return NULL;
	const ASN1_STRING *der = value;
	const uint8_t *p = ASN1_STRING_get0_data(der), *end = p + ASN1_STRING_length(der);
	ASN1_VALUE *got = ASN1_item_d2i(NULL, &p, ASN1_STRING_length(der), item);
	if (got == NULL || p == end)
		return got;
	ASN1_item_free(got, item);
	return NULL;
}

static int nid_of(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid = NULL;

	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	return OBJ_obj2nid(oid);
}

static enum cs_err cipher_check(struct pbe_budget *self, int nid)
{
	static const int old[] = { NID_rc2_cbc, NID_rc2_40_cbc, NID_rc2_64_cbc, NID_rc4, NID_rc4_40,
		NID_des_cbc };

	for (size_t i = 0; i < CS_COUNT(old); i++)
		if (nid == old[i] && !self->legacy)
			return pbe_refuse(
			        self, CS_EUNSUPPORTED, "encrypted with RC2, RC4 or single DES");
	if (nid == NID_undef || EVP_get_cipherbyname(OBJ_nid2sn(nid)) == NULL)
		return pbe_refuse(
		        self, CS_EUNSUPPORTED, "encrypted with a cipher that is not known here");
	return CS_OK;
}

enum cs_err pbe_pbkdf2(
        struct pbe_budget *self, const X509_ALGOR *kdf, PBKDF2PARAM **out, int *iterations)
{
	*out = NULL;
	CS_AUTO(ossl_pbkdf2_free) PBKDF2PARAM *p = parameters(kdf, ASN1_ITEM_rptr(PBKDF2PARAM));
	if (p == NULL)
		return pbe_refuse(self, CS_EMALFORMED, "PBKDF2 parameters that do not decode");
	if (p->salt == NULL || p->salt->type != V_ASN1_OCTET_STRING)
		return pbe_refuse(self, CS_EMALFORMED, "a PBKDF2 salt that is no octet string");
	CS_TRY(pbe_salt_check(self, p->salt->value.octet_string));
	CS_TRY(pbe_charge(self, p->iter, iterations));
	int64_t length = 1;
	if (p->keylength != NULL && ASN1_INTEGER_get_int64(&length, p->keylength) != 1)
		length = 0;
	if (length <= 0 || length > DERIVED_MAX)
		return pbe_refuse(self, CS_EMALFORMED, "a PBKDF2 key length out of bounds");
	*out = CS_STEAL(p);
	return CS_OK;
}

static enum cs_err scrypt_check(struct pbe_budget *self, const X509_ALGOR *kdf)
{
	uint64_t n = 0, r = 0, p = 0;

	CS_AUTO(ossl_scrypt_free) SCRYPT_PARAMS *s = parameters(kdf, ASN1_ITEM_rptr(SCRYPT_PARAMS));
	if (s == NULL)
		return pbe_refuse(self, CS_EMALFORMED, "scrypt parameters that do not decode");
	CS_TRY(pbe_salt_check(self, s->salt));
	if (ASN1_INTEGER_get_uint64(&n, s->costParameter) != 1 ||
	        ASN1_INTEGER_get_uint64(&r, s->blockSize) != 1 ||
	        ASN1_INTEGER_get_uint64(&p, s->parallelizationParameter) != 1)
		return pbe_refuse(self, CS_EITERATIONS, "scrypt costs out of bounds");
	if (n == 0 || r == 0 || p == 0 || n > SCRYPT_COST_MAX || r > SCRYPT_COST_MAX / n ||
	        p > SCRYPT_COST_MAX / n / r)
		return pbe_refuse(self, CS_EITERATIONS, "scrypt costs out of bounds");
	return charge(self, (int64_t)(n * r * p) * 2);
}

static enum cs_err pbes2_check(struct pbe_budget *self, const X509_ALGOR *alg)
{
	CS_AUTO(ossl_pbe2_free) PBE2PARAM *p = parameters(alg, ASN1_ITEM_rptr(PBE2PARAM));
	CS_AUTO(ossl_pbkdf2_free) PBKDF2PARAM *pbkdf2 = NULL;

	if (p == NULL)
		return pbe_refuse(self, CS_EMALFORMED, "encryption parameters that do not decode");
	CS_TRY(cipher_check(self, nid_of(p->encryption)));
	if (nid_of(p->keyfunc) == NID_id_pbkdf2)
		return pbe_pbkdf2(self, p->keyfunc, &pbkdf2, NULL);
	if (nid_of(p->keyfunc) == NID_id_scrypt)
		return scrypt_check(self, p->keyfunc);
	return pbe_refuse(
	        self, CS_EUNSUPPORTED, "a key derivation function that is not known here");
}

static enum cs_err pbes1_check(struct pbe_budget *self, const X509_ALGOR *alg, int cipher)
{
	CS_AUTO(ossl_pbe1_free) PBEPARAM *p = parameters(alg, ASN1_ITEM_rptr(PBEPARAM));

	if (p == NULL)
		return pbe_refuse(self, CS_EMALFORMED, "encryption parameters that do not decode");
	CS_TRY(cipher_check(self, cipher));
	CS_TRY(pbe_salt_check(self, p->salt));
	CS_TRY(pbe_charge(self, p->iter, NULL)); /* key and IV are derived apart */
	return pbe_charge(self, p->iter, NULL);
}

enum cs_err pbe_check(struct pbe_budget *self, const X509_ALGOR *alg)
{
	int cipher = NID_undef;
	const int nid = alg != NULL ? nid_of(alg) : NID_undef;

	if (nid == NID_pbes2)
		return pbes2_check(self, alg);
	if (nid == NID_undef || EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, &cipher, NULL, NULL) != 1)
		return pbe_refuse(
		        self, CS_EUNSUPPORTED, "an encryption scheme that is not known here");
	return pbes1_check(self, alg, cipher);
}

static OSSL_LIB_CTX *private_context;

static void load_private(void)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

	/* Without the legacy provider old files end as unsupported; all others still open. */
	if (ctx == NULL || OSSL_PROVIDER_load(ctx, "default") == NULL)
		return;
	ERR_set_mark();
	OSSL_PROVIDER_load(ctx, "legacy");
	ERR_pop_to_mark();
	private_context = ctx;
}

OSSL_LIB_CTX *pbe_context(bool legacy)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!legacy)
		return NULL;
	pthread_once(&once, load_private);
	return private_context;
}
