#include "store/pki/p12.h"
#include <string.h>
#include "proto/base/limits.h"
#include "store/pki/ossl.h"
#include "store/pki/pbe.h"
#include "store/pki/pfx.h"
#include "store/pki/show.h"

#define KEYS_MAX 16
#define CERTS_MAX 256 /* a file may carry a whole trust store */
#define SAFES_MAX 64
#define DEPTH_MAX 4 /* of safe bags within safe bags */
#define CONTENT_MAX (4u << 20)

typedef STACK_OF(PKCS12_SAFEBAG) bag_stack;
typedef STACK_OF(PKCS7) safe_stack;

static void bags_free(bag_stack **bags)
{
	sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
	*bags = NULL;
}

static void safes_free(safe_stack **safes)
{
	sk_PKCS7_pop_free(*safes, PKCS7_free);
	*safes = NULL;
}

/* What is collected on the way through the bags. */
struct reader {
	struct cs_arena *arena;
	struct pbe_budget budget;
	struct pfx_pass pass;
	OSSL_LIB_CTX *ctx;
	struct cs_bytes *keys, *certs;
	size_t key_count, cert_count;
	const char *key_name, *cert_name;
};

/* ASN1_item_unpack would ignore what stands behind the object. */
static void *decode(struct cs_bytes der, const ASN1_ITEM *item)
{
	const uint8_t *p = der.p;
	ASN1_VALUE *got = der.n > 0 ? ASN1_item_d2i(NULL, &p, (long)der.n, item) : NULL;

	if (got == NULL || p == der.p + der.n)
		return got;
	ASN1_item_free(got, item);
	return NULL;
}

static enum cs_err put(
        struct reader *self, struct cs_bytes *list, size_t *count, size_t max, int n, uint8_t **p)
{
	if (*count == max)
		return pbe_refuse(&self->budget, CS_ETOOBIG,
		        "more keys or certificates than one file may hold");
	if (n <= 0)
		return pbe_refuse(
		        &self->budget, CS_EMALFORMED, "a key or certificate that does not encode");
	*p = cs_arena_take(self->arena, (size_t)n);
	if (*p == NULL)
		return CS_ENOMEM;
	list[(*count)++] = (struct cs_bytes){ *p, (size_t)n };
	return CS_OK;
}

static enum cs_err take_key(struct reader *self, const PKCS8_PRIV_KEY_INFO *p8)
{
	const int n = i2d_PKCS8_PRIV_KEY_INFO(p8, NULL);
	uint8_t *p = NULL;

	if (n > (int)CS_KEY_MAX)
		return pbe_refuse(&self->budget, CS_ETOOBIG, "a private key above 8 KiB");
	CS_TRY(put(self, self->keys, &self->key_count, KEYS_MAX, n, &p));
	i2d_PKCS8_PRIV_KEY_INFO(p8, &p);
	return CS_OK;
}

static enum cs_err take_cert(struct reader *self, const PKCS12_SAFEBAG *bag)
{
	uint8_t *p = NULL;

	if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return CS_OK; /* SDSI: nobody uses it */
	CS_AUTO(ossl_x509_free) X509 *x = PKCS12_SAFEBAG_get1_cert(bag);
	if (x == NULL)
		return pbe_refuse(&self->budget, CS_EMALFORMED,
		        "a certificate in the PKCS#12 does not decode");
	const int n = i2d_X509(x, NULL);
	if (n > (int)CS_DER_MAX)
		return pbe_refuse(&self->budget, CS_ETOOBIG, "a certificate above 16 KiB");
	CS_TRY(put(self, self->certs, &self->cert_count, CERTS_MAX, n, &p));
	i2d_X509(x, &p);
	return CS_OK;
}

static size_t utf8_put(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(lead[n] | c);
	return n;
}

/* The friendly name: UTF-16 from outside, so each unit is looked at here (CVE-2025-69419 was in the
 * library's own). */
static const char *bag_name(struct reader *self, const PKCS12_SAFEBAG *bag)
{
	const ASN1_TYPE *attr = PKCS12_SAFEBAG_get0_attr(bag, NID_friendlyName);
	uint8_t text[CS_FRIENDLY_MAX];
	size_t n = 0;

	if (attr == NULL || attr->type != V_ASN1_BMPSTRING)
		return "";
	const struct cs_bytes from = ossl_bytes(attr->value.bmpstring);
	for (size_t i = 0; i + 1 < from.n && n + 4 <= sizeof(text); i += 2) {
		uint32_t c = (uint32_t)from.p[i] << 8 | from.p[i + 1];
		const bool pair = c >= 0xd800 && c < 0xdc00 && i + 3 < from.n &&
		                  (from.p[i + 2] & 0xfc) == 0xdc;
		if (pair) {
			c = 0x10000 + ((c & 0x3ff) << 10) +
			    ((uint32_t)(from.p[i + 2] & 3) << 8 | from.p[i + 3]);
			i += 2;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		n += utf8_put(c, text + n);
	}
	const char *shown =
	        pki_show_bytes(self->arena, (struct cs_bytes){ text, n }, CS_FRIENDLY_MAX);
	return shown != NULL ? shown : "";
}

static enum cs_err decrypt_error(struct reader *self)
{
	static const int unsupported[] = { ERR_R_UNSUPPORTED, ERR_R_FETCH_FAILED };
	const unsigned long last = ERR_peek_last_error();

	for (size_t i = 0; i < CS_COUNT(unsupported); i++)
		if (ERR_GET_REASON(last) == unsupported[i] ||
		        ERR_GET_REASON(ERR_peek_error()) == unsupported[i])
			return pbe_refuse(&self->budget, CS_EUNSUPPORTED,
			        "encrypted with an algorithm that is not available here");
	return pbe_refuse(&self->budget, CS_EMALFORMED,
	        "a part of the PKCS#12 does not decrypt with this passphrase");
}

static enum cs_err take_shrouded(struct reader *self, const PKCS12_SAFEBAG *bag)
{
	const X509_ALGOR *alg = NULL;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &alg, NULL);
	CS_TRY(pbe_check(&self->budget, alg));
	CS_AUTO(ossl_p8_free)
	PKCS8_PRIV_KEY_INFO *p8 =
	        PKCS12_decrypt_skey_ex(bag, self->pass.text, self->pass.n, self->ctx, NULL);
	return p8 != NULL ? take_key(self, p8) : decrypt_error(self);
}

static enum cs_err take_bags(struct reader *self, const bag_stack *bags, int depth);

static enum cs_err take_bag(struct reader *self, const PKCS12_SAFEBAG *bag, int depth)
{
	const char **name = &self->cert_name;
	enum cs_err rc = CS_OK;

	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_keyBag:
		name = &self->key_name;
		rc = take_key(self, PKCS12_SAFEBAG_get0_p8inf(bag));
		break;
	case NID_pkcs8ShroudedKeyBag:
		name = &self->key_name;
		rc = take_shrouded(self, bag);
		break;
	case NID_certBag:
		rc = take_cert(self, bag);
		break;
	case NID_safeContentsBag:
		return take_bags(self, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
	default:
		return CS_OK; /* revocation lists and secrets are not ours */
	}
	if (rc == CS_OK && (*name)[0] == '\0')
		*name = bag_name(self, bag);
	return rc;
}

static enum cs_err take_bags(struct reader *self, const bag_stack *bags, int depth)
{
	if (depth > DEPTH_MAX)
		return pbe_refuse(&self->budget, CS_EMALFORMED, "a PKCS#12 nested too deeply");
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++)
		CS_TRY(take_bag(self, sk_PKCS12_SAFEBAG_value(bags, i), depth));
	return CS_OK;
}

static const PKCS7_ENC_CONTENT *encrypted_of(const PKCS7 *safe)
{
	if (OBJ_obj2nid(safe->type) != NID_pkcs7_encrypted || safe->d.encrypted == NULL)
		return NULL;
	const PKCS7_ENC_CONTENT *content = safe->d.encrypted->enc_data;
	return content != NULL && content->algorithm != NULL && content->enc_data != NULL ? content
	                                                                                  : NULL;
}

static bag_stack *plain_bags(const PKCS7 *safe)
{
	if (OBJ_obj2nid(safe->type) != NID_pkcs7_data || safe->d.data == NULL)
		return NULL;
	return decode(ossl_bytes(safe->d.data), ASN1_ITEM_rptr(PKCS12_SAFEBAGS));
}

/* Every count that can be read before decryption, of all safes, before anything is derived. */
static enum cs_err precheck_bags(const bag_stack *bags, struct pbe_budget *budget)
{
	const X509_ALGOR *alg = NULL;

	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		if (PKCS12_SAFEBAG_get_nid(bag) != NID_pkcs8ShroudedKeyBag)
			continue;
		X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &alg, NULL);
		CS_TRY(pbe_check(budget, alg));
	}
	return CS_OK;
}

static enum cs_err precheck_safe(const PKCS7 *safe, struct pbe_budget *budget)
{
	const PKCS7_ENC_CONTENT *encrypted = encrypted_of(safe);

	if (encrypted != NULL)
		return pbe_check(budget, encrypted->algorithm);
	CS_AUTO(bags_free) bag_stack *bags = plain_bags(safe);
	if (bags != NULL)
		return precheck_bags(bags, budget);
	if (OBJ_obj2nid(safe->type) == NID_pkcs7_enveloped)
		return pbe_refuse(budget, CS_EUNSUPPORTED, "a PKCS#12 encrypted to a public key");
	return pbe_refuse(budget, CS_EMALFORMED, "a part of the PKCS#12 does not decode");
}

static enum cs_err precheck(const safe_stack *safes, struct pbe_budget *budget)
{
	if (sk_PKCS7_num(safes) > SAFES_MAX)
		return pbe_refuse(budget, CS_ETOOBIG, "a PKCS#12 of too many parts");
	for (int i = 0; i < sk_PKCS7_num(safes); i++)
		CS_TRY(precheck_safe(sk_PKCS7_value(safes, i), budget));
	return CS_OK;
}

static enum cs_err take_safe(struct reader *self, const PKCS7 *safe)
{
	const PKCS7_ENC_CONTENT *encrypted = encrypted_of(safe);

	if (encrypted != NULL)
		CS_TRY(pbe_check(&self->budget, encrypted->algorithm));
	CS_AUTO(bags_free)
	bag_stack *bags = encrypted == NULL
	                          ? plain_bags(safe)
	                          : PKCS12_item_decrypt_d2i_ex(encrypted->algorithm,
	                                    ASN1_ITEM_rptr(PKCS12_SAFEBAGS), self->pass.text,
	                                    self->pass.n, encrypted->enc_data, 1, self->ctx, NULL);
	if (bags == NULL)
		return decrypt_error(self);
	return take_bags(self, bags, 0);
}

static enum cs_err read_all(
        struct reader *self, struct cs_bytes der, const char *passphrase, uint32_t *mac_iterations)
{
	CS_AUTO(pfx_free) struct pfx *pfx = NULL;

	if (der.n == 0)
		return pbe_refuse(&self->budget, CS_EEMPTY, "an empty file");
	if (der.n > CS_UPLOAD_FILE_MAX)
		return pbe_refuse(&self->budget, CS_ETOOBIG, "a PKCS#12 above 1 MiB");
	CS_TRY(pfx_read(der, &self->budget, &pfx));
	CS_TRY(pfx_mac_check(pfx, &self->budget, mac_iterations));
	CS_AUTO(safes_free)
	safe_stack *safes = decode(pfx_content(pfx), ASN1_ITEM_rptr(PKCS12_AUTHSAFES));
	if (safes == NULL)
		return pbe_refuse(
		        &self->budget, CS_EMALFORMED, "the content of the PKCS#12 does not decode");
	struct pbe_budget trial = self->budget;
	const enum cs_err checked = precheck(safes, &trial);
	self->budget.reason = trial.reason;
	CS_TRY(checked);
	CS_TRY(pfx_mac_verify(pfx, &self->budget, passphrase, &self->pass));
	for (int i = 0; i < sk_PKCS7_num(safes); i++)
		CS_TRY(take_safe(self, sk_PKCS7_value(safes, i)));
	return CS_OK;
}

enum cs_err p12_open(
        struct cs_bytes der, const char *passphrase, bool legacy, struct p12_content *out)
{
	*out = (struct p12_content){ .name = "", .reason = "" };
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_TRY(cs_arena_new(CONTENT_MAX, &arena));
	struct reader self = { .arena = arena,
		.budget = pbe_budget_new(legacy),
		.ctx = pbe_context(legacy),
		.key_name = "",
		.cert_name = "" };
	self.keys = cs_arena_take(arena, KEYS_MAX * sizeof(*self.keys));
	self.certs = cs_arena_take(arena, CERTS_MAX * sizeof(*self.certs));
	if (self.keys == NULL || self.certs == NULL)
		return CS_ENOMEM;
	ERR_clear_error(); /* decrypt_error reads the queue */
	const enum cs_err rc = read_all(&self, der, passphrase, &out->mac_iterations);
	ERR_clear_error();
	if (rc != CS_OK) {
		out->reason = self.budget.reason[0] != '\0' ? self.budget.reason : cs_err_text(rc);
		return rc;
	}
	out->arena = CS_STEAL(arena);
	out->keys = self.keys;
	out->key_count = self.key_count;
	out->certs = self.certs;
	out->cert_count = self.cert_count;
	out->name = self.key_name[0] != '\0' ? self.key_name : self.cert_name;
	return CS_OK;
}

void p12_prepare_legacy(void)
{
	pbe_context(true);
}

void p12_content_free(struct p12_content *self)
{
	cs_arena_free(&self->arena);
	*self = (struct p12_content){ .name = "", .reason = "" };
}
