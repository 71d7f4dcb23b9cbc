#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"

#define PASS "correct horse"
#define QUICK_MS 300 /* far below one refused derivation, far above parsing */

struct made {
	struct fx_cert ca, leaf;
};

static struct made made_new(void)
{
	struct made m = { .ca = fx_cert((struct fx_spec){ .cn = "ca", .ca = true }) };

	m.leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &m.ca });
	return m;
}

static struct cs_buf sealed(const struct made *m, const char *name)
{
	struct cs_buf out = cs_buf_new(1u << 20);
	const struct cs_bytes chain[] = { fx_der(&m->ca) };

	assert_int_equal(
	        p12_seal(fx_der(&m->leaf), fx_key(&m->leaf), chain, 1, name, PASS, &out), CS_OK);
	return out;
}

static enum cs_err opens(struct cs_bytes der, const char *passphrase, bool legacy)
{
	struct p12_content content;
	const int64_t start = cs_clock_mono_ms();
	const enum cs_err rc = p12_open(der, passphrase, legacy, &content);

	assert_true(rc == CS_OK || content.reason[0] != '\0');
	assert_true(rc != CS_EITERATIONS || cs_clock_mono_ms() - start < QUICK_MS);
	assert_int_equal(ERR_peek_error(), 0);
	p12_content_free(&content);
	return rc;
}

static PKCS12 *p12_of(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)der.n);

	assert_non_null(p12);
	return p12;
}

/* The verdict on P12 as it is now; frees it. */
static enum cs_err verdict(PKCS12 *p12, const char *passphrase)
{
	uint8_t *der = NULL;
	const int n = i2d_PKCS12(p12, &der);

	assert_true(n > 0);
	const enum cs_err rc = opens((struct cs_bytes){ der, (size_t)n }, passphrase, true);
	OPENSSL_free(der);
	PKCS12_free(p12);
	return rc;
}

static enum cs_err with_mac(struct cs_bytes der, int64_t iterations, size_t salt)
{
	PKCS12 *p12 = p12_of(der);
	const ASN1_OCTET_STRING *old_salt = NULL;
	const ASN1_INTEGER *old_iter = NULL;
	uint8_t *zeros = calloc(1, salt + 1);

	PKCS12_get0_mac(NULL, NULL, &old_salt, &old_iter, p12);
	ASN1_INTEGER_set_int64((ASN1_INTEGER *)(uintptr_t)old_iter, iterations);
	if (salt > 0)
		ASN1_OCTET_STRING_set((ASN1_OCTET_STRING *)(uintptr_t)old_salt, zeros, (int)salt);
	free(zeros);
	return verdict(p12, PASS);
}

static void mac_costs_are_bounded_before_any_derivation(void **state)
{
	static const int64_t bad[] = { 0, -1, CS_KDF_ITERATIONS_MAX + 1, INT32_MAX,
		(int64_t)1 << 40, INT64_MIN };
	struct made m = made_new();
	CS_AUTO(cs_buf_free) struct cs_buf p12 = sealed(&m, "");

	(void)state;
	for (size_t i = 0; i < CS_COUNT(bad); i++)
		assert_int_equal(with_mac(cs_buf_view(&p12), bad[i], 0), CS_EITERATIONS);
	assert_int_equal(with_mac(cs_buf_view(&p12), 2048, CS_KDF_SALT_MAX + 1), CS_EITERATIONS);
	assert_int_equal(with_mac(cs_buf_view(&p12), 2048, CS_KDF_SALT_MAX), CS_EPASSPHRASE);
	assert_int_equal(with_mac(cs_buf_view(&p12), 1, 0), CS_EPASSPHRASE);
}

/* Sets the PBKDF2 count inside ALG (PBES2). */
static void set_count(X509_ALGOR *alg, int64_t iterations)
{
	PBE2PARAM *pbe2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);
	PBKDF2PARAM *kdf =
	        ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), pbe2->keyfunc->parameter);

	ASN1_INTEGER_set_int64(kdf->iter, iterations);
	assert_non_null(ASN1_TYPE_pack_sequence(
	        ASN1_ITEM_rptr(PBKDF2PARAM), kdf, &pbe2->keyfunc->parameter));
	assert_non_null(ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBE2PARAM), pbe2, &alg->parameter));
	PBKDF2PARAM_free(kdf);
	PBE2PARAM_free(pbe2);
}

static enum cs_err with_safe_count(struct cs_bytes der, int64_t iterations)
{
	PKCS12 *p12 = p12_of(der);
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);

	for (int i = 0; i < sk_PKCS7_num(safes); i++) {
		PKCS7 *safe = sk_PKCS7_value(safes, i);
		if (PKCS7_type_is_encrypted(safe))
			set_count(safe->d.encrypted->enc_data->algorithm, iterations);
	}
	assert_int_equal(PKCS12_pack_authsafes(p12, safes), 1);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return verdict(p12, PASS);
}

static void encrypted_safes_are_bounded_too(void **state)
{
	static const int64_t bad[] = { 0, -5, INT32_MAX, (int64_t)1 << 40 };
	struct made m = made_new();
	CS_AUTO(cs_buf_free) struct cs_buf p12 = sealed(&m, "");

	(void)state;
	for (size_t i = 0; i < CS_COUNT(bad); i++)
		assert_int_equal(with_safe_count(cs_buf_view(&p12), bad[i]), CS_EITERATIONS);
	assert_int_equal(with_safe_count(cs_buf_view(&p12), 2048), CS_OK);
	assert_int_equal(with_safe_count(cs_buf_view(&p12), 2049),
	        CS_EPASSPHRASE); /* the MAC covers the counts */
}

static PKCS8_PRIV_KEY_INFO *p8_of(const struct fx_cert *cert)
{
	const uint8_t *p = cert->pkcs8;

	return d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)cert->pkcs8_len);
}

/* COPIES of a shrouded key that asks for ITERATIONS, in a safe that is ENCRYPTED or not; the MAC is
 * right. */
static PKCS12 *with_keys(const struct fx_cert *cert, int64_t iterations, int copies, bool encrypted)
{
	PKCS8_PRIV_KEY_INFO *p8 = p8_of(cert);
	STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	PKCS12 *p12 = PKCS12_init(NID_pkcs7_data);

	for (int i = 0; i < copies; i++) {
		X509_SIG *sig = PKCS8_encrypt(-1, EVP_aes_256_cbc(), PASS, -1, NULL, 0, 1, p8);
		X509_ALGOR *alg = NULL;
		X509_SIG_getm(sig, &alg, NULL);
		set_count(alg, iterations);
		sk_PKCS12_SAFEBAG_push(bags, PKCS12_SAFEBAG_create0_pkcs8(sig));
	}
	PKCS7 *safe = encrypted ? PKCS12_pack_p7encdata(NID_aes_256_cbc, PASS, -1, NULL, 0, 1, bags)
	                        : PKCS12_pack_p7data(bags);
	assert_non_null(safe);
	sk_PKCS7_push(safes, safe);
	assert_int_equal(PKCS12_pack_authsafes(p12, safes), 1);
	assert_int_equal(PKCS12_set_mac(p12, PASS, -1, NULL, 0, 1, NULL), 1);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return p12;
}

static void hidden_counts_are_found_after_decryption(void **state)
{
	struct made m = made_new();

	(void)state;
	assert_int_equal(verdict(with_keys(&m.leaf, INT32_MAX, 1, true), PASS), CS_EITERATIONS);
	assert_int_equal(verdict(with_keys(&m.leaf, INT32_MAX, 1, false), PASS), CS_EITERATIONS);
	/* each of three counts is allowed, their sum is not */
	assert_int_equal(
	        verdict(with_keys(&m.leaf, CS_KDF_ITERATIONS_MAX, 3, false), PASS), CS_EITERATIONS);
	assert_int_equal(verdict(with_keys(&m.leaf, 1, 1, true), PASS), CS_OK);
}

static PKCS12 *foreign(OSSL_LIB_CTX *ctx, const struct made *m, const char *pass, int key_nid,
        int cert_nid, int mac)
{
	const uint8_t *p = m->leaf.der, *k = m->leaf.pkcs8;
	X509 *x = d2i_X509(NULL, &p, (long)m->leaf.der_len);
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &k, (long)m->leaf.pkcs8_len);
	PKCS12 *p12 = PKCS12_create_ex(
	        pass, "foreign", key, x, NULL, key_nid, cert_nid, 1000, mac, 0, ctx, NULL);

	EVP_PKEY_free(key);
	X509_free(x);
	return p12;
}

/* The form of RFC 9579, which OpenSSL 3.0 cannot write. KEY_LEN bytes of MAC key. */
static PKCS12 *with_pbmac1(const struct made *m, int key_len)
{
	PKCS12 *p12 = foreign(NULL, m, PASS, 0, 0, 1000);
	static const uint8_t salt[] = "saltsalt";
	PBE2PARAM *params = PBE2PARAM_new();
	const X509_ALGOR *alg = NULL;
	const ASN1_OCTET_STRING *digest = NULL, *mac_salt = NULL;
	ASN1_TYPE *packed = NULL;
	uint8_t key[64], mac[32], content[16384], *p = content;
	size_t n = 0;

	X509_ALGOR_free(params->keyfunc);
	params->keyfunc = PKCS5_pbkdf2_set(
	        3000, (unsigned char *)(uintptr_t)salt, 8, NID_hmacWithSHA256, key_len);
	X509_ALGOR_set0(params->encryption, OBJ_nid2obj(NID_hmacWithSHA256), V_ASN1_NULL, NULL);
	assert_non_null(ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBE2PARAM), params, &packed));
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	const int len = ASN1_item_i2d((ASN1_VALUE *)safes, &p, ASN1_ITEM_rptr(PKCS12_AUTHSAFES));
	PKCS5_PBKDF2_HMAC(PASS, -1, salt, 8, 3000, EVP_sha256(), key_len, key);
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, (size_t)key_len, content,
	        (size_t)len, mac, sizeof(mac), &n));
	PKCS12_get0_mac(&digest, &alg, &mac_salt, NULL, p12);
	X509_ALGOR *to = (X509_ALGOR *)(uintptr_t)alg;
	ASN1_OBJECT_free(to->algorithm);
	to->algorithm = OBJ_nid2obj(NID_pbmac1);
	ASN1_TYPE_free(to->parameter);
	to->parameter = packed;
	ASN1_OCTET_STRING_set((ASN1_OCTET_STRING *)(uintptr_t)digest, mac, sizeof(mac));
	sk_PKCS7_pop_free(safes, PKCS7_free);
	PBE2PARAM_free(params);
	return p12;
}

static void pbmac1_is_checked(void **state)
{
	struct made m = made_new();

	(void)state;
	assert_int_equal(verdict(with_pbmac1(&m, 32), PASS), CS_OK);
	assert_int_equal(verdict(with_pbmac1(&m, 32), "wrong"), CS_EPASSPHRASE);
	assert_int_equal(verdict(with_pbmac1(&m, 8), PASS),
	        CS_EMALFORMED); /* too short to protect anything */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_costs_are_bounded_before_any_derivation),
		cmocka_unit_test(encrypted_safes_are_bounded_too),
		cmocka_unit_test(hidden_counts_are_found_after_decryption),
		cmocka_unit_test(pbmac1_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
