#include "store/pki/pfx.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/asn1t.h>
#include <openssl/crypto.h>
#include "proto/base/limits.h"

#define PBMAC1_KEY_MIN 20 /* RFC 9579 section 8: shorter keys weaken the check */

/* OpenSSL keeps its own PKCS12 closed; with this one every field is seen before anything is derived
 * from it. */
typedef struct {
	X509_SIG *digest;
	ASN1_OCTET_STRING *salt;
	ASN1_INTEGER *iter;
} MAC;

typedef struct {
	ASN1_INTEGER *version;
	PKCS7 *authsafes;
	MAC *mac;
} PFX;

ASN1_SEQUENCE(MAC) = {
	ASN1_SIMPLE(MAC, digest, X509_SIG),
	ASN1_SIMPLE(MAC, salt, ASN1_OCTET_STRING),
	ASN1_OPT(MAC, iter, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(MAC)

ASN1_SEQUENCE(PFX) = {
	ASN1_SIMPLE(PFX, version, ASN1_INTEGER),
	ASN1_SIMPLE(PFX, authsafes, PKCS7),
	ASN1_OPT(PFX, mac, MAC),
} static_ASN1_SEQUENCE_END(PFX)

struct pfx {
	PFX *asn1;
};

OSSL_FREE(pbe2, PBE2PARAM, PBE2PARAM_free)
OSSL_FREE(pbkdf2, PBKDF2PARAM, PBKDF2PARAM_free)
OSSL_FREE(md, EVP_MD, EVP_MD_free)

void pfx_free(struct pfx **self)
{
	if (*self == NULL)
		return;
	ASN1_item_free((ASN1_VALUE *)(*self)->asn1, ASN1_ITEM_rptr(PFX));
	free(*self);
	*self = NULL;
}

static enum cs_err shape(const PFX *asn1, struct pbe_budget *budget)
{
	const PKCS7 *safes = asn1->authsafes;
	int64_t version = 0;

	if (ASN1_INTEGER_get_int64(&version, asn1->version) != 1 || version != 3)
		return pbe_refuse(budget, CS_EUNSUPPORTED, "a PKCS#12 of a version other than 3");
	if (OBJ_obj2nid(safes->type) == NID_pkcs7_signed)
		return pbe_refuse(budget, CS_EUNSUPPORTED,
		        "a PKCS#12 protected by a signature, not by a passphrase");
	if (OBJ_obj2nid(safes->type) != NID_pkcs7_data || safes->d.data == NULL)
		return pbe_refuse(budget, CS_EMALFORMED, "a PKCS#12 without content");
	if (asn1->mac == NULL)
		return pbe_refuse(budget, CS_ENOMAC,
		        "the PKCS#12 has no MAC, so changes to it could not be noticed");
	return CS_OK;
}

enum cs_err pfx_read(struct cs_bytes der, struct pbe_budget *budget, struct pfx **out)
{
	const uint8_t *p = der.p;

	*out = NULL;
	CS_AUTO(pfx_free) struct pfx *self = calloc(1, sizeof(*self));
	if (self == NULL)
		return CS_ENOMEM;
	self->asn1 = (PFX *)ASN1_item_d2i(NULL, &p, (long)der.n, ASN1_ITEM_rptr(PFX));
	if (self->asn1 == NULL)
		return pbe_refuse(budget, CS_EMALFORMED, "no PKCS#12, or a damaged one");
	if (p != der.p + der.n)
		return pbe_refuse(budget, CS_ETRAILING, "bytes after the end of the PKCS#12");
	CS_TRY(shape(self->asn1, budget));
	*out = CS_STEAL(self);
	return CS_OK;
}

struct cs_bytes pfx_content(const struct pfx *self)
{
	return ossl_bytes(self->asn1->authsafes->d.data);
}

static const X509_ALGOR *mac_algorithm(const struct pfx *self, struct cs_bytes *digest)
{
	const X509_ALGOR *alg = NULL;
	const ASN1_OCTET_STRING *value = NULL;

	X509_SIG_get0(self->asn1->mac->digest, &alg, &value);
	if (digest != NULL)
		*digest = ossl_bytes(value);
	return alg;
}

static int nid_of(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid = NULL;

	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	return OBJ_obj2nid(oid);
}

/* PBMAC1-params has the shape of PBES2-params: a key derivation and a MAC scheme. */
static PBE2PARAM *pbmac1_of(const X509_ALGOR *alg)
{
	const void *value = NULL;
	int type = V_ASN1_UNDEF;

	X509_ALGOR_get0(NULL, &type, &value, alg);
	if (type != V_ASN1_SEQUENCE || value == NULL)
		return NULL;
	const uint8_t *p = ASN1_STRING_get0_data(value);
	return d2i_PBE2PARAM(NULL, &p, ASN1_STRING_length(value));
}

static enum cs_err pbmac1_read(const X509_ALGOR *alg, struct pbe_budget *budget, PBKDF2PARAM **kdf,
        int *iterations, int *md)
{
	int64_t length = 0;

	*kdf = NULL;
	CS_AUTO(ossl_pbe2_free) PBE2PARAM *p = pbmac1_of(alg);
	if (p == NULL)
		return pbe_refuse(budget, CS_EMALFORMED, "PBMAC1 parameters that do not decode");
	if (nid_of(p->keyfunc) != NID_id_pbkdf2 ||
	        EVP_PBE_find(EVP_PBE_TYPE_PRF, nid_of(p->encryption), NULL, md, NULL) != 1)
		return pbe_refuse(
		        budget, CS_EUNSUPPORTED, "a PBMAC1 of another kind than PBKDF2 with HMAC");
	CS_AUTO(ossl_pbkdf2_free) PBKDF2PARAM *k = NULL;
	CS_TRY(pbe_pbkdf2(budget, p->keyfunc, &k, iterations));
	if (k->keylength == NULL || ASN1_INTEGER_get_int64(&length, k->keylength) != 1 ||
	        length < PBMAC1_KEY_MIN)
		return pbe_refuse(
		        budget, CS_EMALFORMED, "a PBMAC1 key that is too short (RFC 9579)");
	*kdf = CS_STEAL(k);
	return CS_OK;
}

enum cs_err pfx_mac_check(const struct pfx *self, struct pbe_budget *budget, uint32_t *iterations)
{
	const MAC *mac = self->asn1->mac;
	const X509_ALGOR *alg = mac_algorithm(self, NULL);
	int n = 1, md = NID_undef;

	CS_TRY(pbe_salt_check(budget, mac->salt));
	if (nid_of(alg) == NID_pbmac1) {
		CS_AUTO(ossl_pbkdf2_free) PBKDF2PARAM *kdf = NULL;
		CS_TRY(pbmac1_read(alg, budget, &kdf, &n, &md));
	} else {
		CS_TRY(pbe_charge(budget, mac->iter, &n));
	}
	*iterations = (uint32_t)n;
	return CS_OK;
}

/* The MAC key of one form of the passphrase. */
struct derived {
	uint8_t key[EVP_MAX_MD_SIZE];
	size_t n;
	const EVP_MD *md;
};

static void derived_wipe(struct derived *self)
{
	OPENSSL_cleanse(self, sizeof(*self));
}

static bool derive_pbkdf2(
        const PBKDF2PARAM *kdf, int iterations, struct pfx_pass pass, struct derived *out)
{
	const ASN1_OCTET_STRING *salt = kdf->salt->value.octet_string;
	const int prf = kdf->prf != NULL ? nid_of(kdf->prf) : NID_hmacWithSHA1;
	int md = NID_undef;

	out->n = (size_t)ASN1_INTEGER_get(kdf->keylength);
	if (EVP_PBE_find(EVP_PBE_TYPE_PRF, prf, NULL, &md, NULL) != 1 ||
	        EVP_get_digestbynid(md) == NULL)
		return false;
	return PKCS5_PBKDF2_HMAC(pass.text != NULL ? pass.text : "", pass.n,
	               ASN1_STRING_get0_data(salt), ASN1_STRING_length(salt), iterations,
	               EVP_get_digestbynid(md), (int)out->n, out->key) == 1;
}

static bool derive_classic(
        const MAC *mac, struct pfx_pass pass, OSSL_LIB_CTX *ctx, struct derived *out)
{
	const int iterations = mac->iter != NULL ? (int)ASN1_INTEGER_get(mac->iter) : 1;
	uint8_t *salt = (uint8_t *)(uintptr_t)ASN1_STRING_get0_data(
	        mac->salt); /* read only, whatever the prototype says */

	out->n = (size_t)EVP_MD_get_size(out->md);
	return PKCS12_key_gen_utf8_ex(pass.text, pass.n, salt, ASN1_STRING_length(mac->salt),
	               PKCS12_MAC_ID, iterations, (int)out->n, out->key, out->md, ctx, NULL) == 1;
}

static enum cs_err compare(const struct pfx *self, const struct derived *key)
{
	const struct cs_bytes content = pfx_content(self);
	uint8_t mac[EVP_MAX_MD_SIZE];
	struct cs_bytes wanted;
	size_t n = 0;

	mac_algorithm(self, &wanted);
	if (EVP_Q_mac(NULL, "HMAC", NULL, EVP_MD_get0_name(key->md), NULL, key->key, key->n,
	            content.p, content.n, mac, sizeof(mac), &n) == NULL)
		return CS_EUNSUPPORTED;
	return n == wanted.n && CRYPTO_memcmp(mac, wanted.p, n) == 0 ? CS_OK : CS_EPASSPHRASE;
}

static enum cs_err fits(const struct pfx *self, struct pbe_budget *budget, struct pfx_pass pass)
{
	const X509_ALGOR *alg = mac_algorithm(self, NULL);
	CS_AUTO(derived_wipe) struct derived key = { .n = 0 };
	struct pbe_budget uncharged = pbe_budget_new(budget->legacy);
	int iterations = 0, md = nid_of(alg);
	const bool pbmac1 = md == NID_pbmac1;
	CS_AUTO(ossl_pbkdf2_free) PBKDF2PARAM *kdf = NULL;

	if (pbmac1)
		CS_TRY(pbmac1_read(alg, &uncharged, &kdf, &iterations, &md));
	CS_AUTO(ossl_md_free)
	EVP_MD *fetched = EVP_MD_fetch(pbe_context(budget->legacy), OBJ_nid2sn(md), NULL);
	if (fetched == NULL)
		return pbe_refuse(
		        budget, CS_EUNSUPPORTED, "a MAC with a digest that is not known here");
	key.md = fetched;
	const bool ok =
	        pbmac1 ? derive_pbkdf2(kdf, iterations, pass, &key)
	               : derive_classic(self->asn1->mac, pass, pbe_context(budget->legacy), &key);
	if (!ok)
		return pbe_refuse(
		        budget, CS_EUNSUPPORTED, "a MAC whose key cannot be derived here");
	return compare(self, &key);
}

enum cs_err pfx_mac_verify(const struct pfx *self, struct pbe_budget *budget,
        const char *passphrase, struct pfx_pass *out)
{
	const bool given = passphrase != NULL;
	const size_t n = given ? strlen(passphrase) : 0;
	enum cs_err rc;

	if (n > CS_PASSPHRASE_MAX)
		return pbe_refuse(budget, CS_EPASSPHRASE, "a passphrase above 1 KiB");
	*out = (struct pfx_pass){ n > 0 ? passphrase : "", (int)n };
	rc = fits(self, budget, *out);
	if (rc == CS_EPASSPHRASE && n == 0) { /* "no passphrase" is written in two ways */
		*out = (struct pfx_pass){ NULL, 0 };
		rc = fits(self, budget, *out);
	}
	if (rc != CS_EPASSPHRASE)
		return rc;
	return given ? pbe_refuse(budget, CS_EPASSPHRASE,
	                       "the passphrase is wrong, or the file was changed")
	             : pbe_refuse(budget, CS_ENOPASSPHRASE, "the PKCS#12 needs its passphrase");
}
