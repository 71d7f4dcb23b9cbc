/* Old faults of PKCS#12 and PKCS#7 libraries as inputs: each made here, each read to one clear
 * verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include "proto/base/limits.h"
#include "store/pki/intake.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"

#define PASS "correct horse"

typedef STACK_OF(PKCS12_SAFEBAG) bag_stack;

static struct fx_cert ca, leaf;

static X509 *x509_of(const struct fx_cert *cert)
{
	const uint8_t *p = cert->der;

	return d2i_X509(NULL, &p, (long)cert->der_len);
}

static EVP_PKEY *key_of(const struct fx_cert *cert)
{
	const uint8_t *p = cert->pkcs8;

	return d2i_AutoPrivateKey(NULL, &p, (long)cert->pkcs8_len);
}

/* The verdict of the whole intake; a refusal has a sentence, and the error queue is clean. */
static enum cs_err judged(struct cs_bytes der, const char *passphrase, char name[512])
{
	CS_AUTO(intake_free) struct intake *intake = NULL;
	const struct intake_pair *pairs = NULL;
	const char *reason = "";

	assert_int_equal(intake_new(&intake), CS_OK);
	assert_int_equal(intake_add(intake, "f", der, passphrase), CS_OK);
	const enum cs_err rc = intake_finish(intake, &reason);
	assert_true(rc == CS_OK || reason[0] != '\0');
	assert_null(strchr(reason, '\n'));
	assert_int_equal(ERR_peek_error(), 0);
	if (name != NULL)
		snprintf(name, 512, "%s",
		        intake_pairs(intake, &pairs) > 0 ? pairs[0].name : "nothing");
	return rc;
}

static PKCS12 *p12_with(STACK_OF(PKCS7) * safes)
{
	PKCS12 *p12 = PKCS12_init(NID_pkcs7_data);

	assert_int_equal(PKCS12_pack_authsafes(p12, safes), 1);
	assert_int_equal(PKCS12_set_mac(p12, PASS, -1, NULL, 0, 1, NULL), 1);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return p12;
}

static enum cs_err judged_p12(PKCS12 *p12, char name[512])
{
	uint8_t *der = NULL;
	const int n = i2d_PKCS12(p12, &der);

	assert_true(n > 0);
	const enum cs_err rc = judged((struct cs_bytes){ der, (size_t)n }, PASS, name);
	OPENSSL_free(der);
	PKCS12_free(p12);
	return rc;
}

/* One safe of TYPE whose content is left out or not, the MAC right. */
static enum cs_err with_empty_safe(int type)
{
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	PKCS7 *safe = PKCS7_new();

	assert_int_equal(PKCS7_set_type(safe, type), 1);
	if (type == NID_pkcs7_data) { /* ContentInfo { data }, and no content at all */
		ASN1_OCTET_STRING_free(safe->d.data);
		safe->d.data = NULL;
	} else { /* EncryptedContentInfo without encryptedContent */
		PKCS7_ENC_CONTENT *inner = safe->d.encrypted->enc_data;
		X509_ALGOR_free(inner->algorithm);
		inner->algorithm = PKCS5_pbe2_set(EVP_aes_256_cbc(), 2048, NULL, 0);
		ASN1_INTEGER_set(safe->d.encrypted->version, 0);
	}
	sk_PKCS7_push(safes, safe);
	return judged_p12(p12_with(safes), NULL);
}

static void cve_2024_0727_and_2025_69421_content_that_is_not_there(void **state)
{
	/* PFX { 3, ContentInfo { data }, MacData }: the outermost content is missing */
	static const uint8_t hollow[] = { 0x30, 0x2f, 0x02, 0x01, 0x03, 0x30, 0x0b, 0x06, 0x09,
		0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01, 0x30, 0x1d, 0x30, 0x14, 0x30,
		0x07, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x04, 0x09, 1, 2, 3, 4, 5, 6, 7, 8,
		9, 0x04, 0x02, 1, 2, 0x02, 0x01, 0x01 };

	(void)state;
	assert_int_equal(
	        judged((struct cs_bytes){ hollow, sizeof(hollow) }, PASS, NULL), CS_EMALFORMED);
	assert_int_equal(with_empty_safe(NID_pkcs7_data), CS_EMALFORMED);
	assert_int_equal(with_empty_safe(NID_pkcs7_encrypted), CS_EMALFORMED);
}

/* Certificate and key in one plain safe; the key's bag bears ATTRIBUTE of TYPE. */
static PKCS12 *with_attribute(int nid, int type, const void *value, int n)
{
	EVP_PKEY *key = key_of(&leaf);
	X509 *x = x509_of(&leaf);
	bag_stack *bags = NULL;
	STACK_OF(PKCS7) *safes = NULL;
	PKCS12_SAFEBAG *bag = PKCS12_add_key(&bags, key, 0, 1, -1, NULL);

	assert_non_null(PKCS12_add_cert(&bags, x));
	assert_int_equal(PKCS12_add_friendlyname_utf8(bag, "to be replaced", -1), 1);
	STACK_OF(X509_ATTRIBUTE) *attributes =
	        (STACK_OF(X509_ATTRIBUTE) *)(uintptr_t)PKCS12_SAFEBAG_get0_attrs(bag);
	X509_ATTRIBUTE_free(X509at_delete_attr(attributes, 0));
	ASN1_STRING *text = ASN1_STRING_type_new(type == V_ASN1_BOOLEAN ? V_ASN1_NULL : type);
	assert_int_equal(ASN1_STRING_set(text, value, n), 1);
	X509_ATTRIBUTE *attribute = X509_ATTRIBUTE_create_by_NID(NULL, nid, type, text, -1);
	assert_non_null(attribute);
	sk_X509_ATTRIBUTE_push(attributes, attribute);
	ASN1_STRING_free(text);
	assert_int_equal(PKCS12_add_safe(&safes, bags, -1, 1, NULL), 1);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	X509_free(x);
	EVP_PKEY_free(key);
	return p12_with(safes);
}

static void cve_2025_69419_friendly_names_beyond_the_bmp(void **state)
{
	static const struct {
		const char *utf16, *name;
		int n;
	} table[] = {
		{ "\xd8\x3d\xde\x00", "\xf0\x9f\x98\x80", 4 }, /* U+1F600 */
		{ "\xd8\x3d", "\xef\xbf\xbd", 2 }, /* half a pair */
		{ "\xde\x00\xd8\x3d", "\xef\xbf\xbd\xef\xbf\xbd", 4 }, /* the halves swapped */
		{ "\0a\0\0\0b",
		        "a\\x00"
		        "b",
		        6 }, /* NUL */
		{ "\0a\0\x1b\0\n", "a\\x1b\\x0a", 6 }, /* control bytes */
		{ "\0.\0.\0/\0e", "../e", 8 }, /* a path: data, and never a file's name */
		{ "", "", 0 },
	};
	char name[512];

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		PKCS12 *p12 = with_attribute(
		        NID_friendlyName, V_ASN1_BMPSTRING, table[i].utf16, table[i].n);
		assert_int_equal(judged_p12(p12, name), CS_OK);
		assert_string_equal(name, table[i].name);
	}
}

static void cve_2025_69419_the_longest_friendly_names_are_cut(void **state)
{
	static const uint8_t unit[] = { 0xd8, 0x3d, 0xde, 0x00 };
	static uint8_t text[60000];
	char name[512];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = unit[i % sizeof(unit)];
	for (int n = (int)sizeof(text) - 3; n <= (int)sizeof(text); n++) {
		PKCS12 *p12 = with_attribute(NID_friendlyName, V_ASN1_BMPSTRING, text, n);
		assert_int_equal(judged_p12(p12, name), n % 2 == 0 ? CS_OK : CS_EMALFORMED);
		assert_true(n % 2 != 0 || (name[0] != '\0' && strlen(name) <= CS_FRIENDLY_MAX));
	}
}

static void cve_2026_22795_attributes_of_another_type(void **state)
{
	static const int types[] = { V_ASN1_OCTET_STRING, V_ASN1_UTF8STRING, V_ASN1_IA5STRING,
		V_ASN1_INTEGER, V_ASN1_BIT_STRING, V_ASN1_UTCTIME };
	static const int attributes[] = { NID_friendlyName, NID_localKeyID };
	char name[512];

	(void)state;
	for (size_t a = 0; a < CS_COUNT(attributes); a++) {
		for (size_t i = 0; i < CS_COUNT(types); i++) {
			PKCS12 *p12 = with_attribute(attributes[a], types[i], "\1\2", 2);
			assert_int_equal(judged_p12(p12, name), CS_OK);
			assert_string_equal(name, "");
		}
		/* BOOLEAN and NULL have no pointer behind them */
		assert_int_equal(
		        judged_p12(with_attribute(attributes[a], V_ASN1_BOOLEAN, "", 0), name),
		        CS_OK);
	}
}

/* A PKCS#7 whose signer says its digest as a BOOLEAN. */
static void cve_2026_22796_a_digest_that_is_a_boolean(void **state)
{
	EVP_PKEY *key = key_of(&leaf);
	X509 *x = x509_of(&leaf);
	BIO *content = BIO_new_mem_buf("x", 1);
	PKCS7 *p7 = PKCS7_sign(NULL, NULL, NULL, content, PKCS7_PARTIAL | PKCS7_BINARY);
	PKCS7_SIGNER_INFO *signer =
	        PKCS7_sign_add_signer(p7, x, key, EVP_sha256(), PKCS7_NOSMIMECAP);
	uint8_t *der = NULL;

	(void)state;
	assert_non_null(signer);
	assert_int_equal(PKCS7_final(p7, content, PKCS7_BINARY), 1);
	assert_true(PKCS7_add_signed_attribute(
	        signer, NID_pkcs9_messageDigest, V_ASN1_BOOLEAN, (void *)(uintptr_t)0xff));
	const int n = i2d_PKCS7(p7, &der);
	assert_int_equal(judged((struct cs_bytes){ der, (size_t)n }, NULL, NULL), CS_OK);
	OPENSSL_free(der);
	PKCS7_free(p7);
	BIO_free(content);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* ContentInfo { OID }, ContentInfo { OID, [0] {} }, ContentInfo { OID, [0] NULL }. */
static void pkcs7_of_every_kind_without_content(void **state)
{
	(void)state;
	for (uint8_t kind = 0; kind < 8; kind++) {
		const uint8_t oid[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07,
			kind };
		uint8_t der[3][17] = { { 0x30, 11 }, { 0x30, 13 }, { 0x30, 15 } };
		for (size_t i = 0; i < 3; i++)
			memcpy(der[i] + 2, oid, sizeof(oid));
		memcpy(der[1] + 13, "\xa0\x00", 2);
		memcpy(der[2] + 13, "\xa0\x02\x05\x00", 4);
		for (size_t i = 0; i < 3; i++) {
			const struct cs_bytes bytes = { der[i], (size_t)der[i][1] + 2 };
			assert_int_not_equal(judged(bytes, PASS, NULL), CS_OK);
		}
	}
}

static void deep_nesting_and_indefinite_lengths_end(void **state)
{
	static uint8_t deep[100000];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(deep); i += 2) { /* SEQUENCE of indefinite length */
		deep[i] = 0x30;
		deep[i + 1] = 0x80;
	}
	assert_int_not_equal(judged((struct cs_bytes){ deep, sizeof(deep) }, PASS, NULL), CS_OK);
	for (size_t i = 0; i + 1 < sizeof(deep); i += 2) /* constructed OCTET STRING */
		deep[i] = 0x24;
	assert_int_not_equal(judged((struct cs_bytes){ deep, sizeof(deep) }, PASS, NULL), CS_OK);
	memcpy(deep,
	        "\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0"
	        "\x80",
	        20);
	assert_int_not_equal(judged((struct cs_bytes){ deep, sizeof(deep) }, PASS, NULL), CS_OK);
}

/* BAGS, which are freed, in one safe bag. */
static bag_stack *wrapped(bag_stack *bags)
{
	static const uint8_t oid[] = { 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c,
		0x0a, 0x01, 0x06 };
	uint8_t *inner = NULL, der[8192];
	const int n = ASN1_item_i2d((ASN1_VALUE *)bags, &inner, ASN1_ITEM_rptr(PKCS12_SAFEBAGS));
	const int body = (int)sizeof(oid) + 4 + n;
	const uint8_t head[] = { 0x30, 0x82, (uint8_t)(body >> 8), (uint8_t)body };
	const uint8_t tag[] = { 0xa0, 0x82, (uint8_t)(n >> 8), (uint8_t)n };
	const uint8_t *p = der;

	assert_in_range(n, 256, sizeof(der) - 64);
	memcpy(der, head, sizeof(head));
	memcpy(der + 4, oid, sizeof(oid));
	memcpy(der + 4 + sizeof(oid), tag, sizeof(tag));
	memcpy(der + 8 + sizeof(oid), inner, (size_t)n);
	OPENSSL_free(inner);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	bag_stack *around = sk_PKCS12_SAFEBAG_new_null();
	PKCS12_SAFEBAG *bag = d2i_PKCS12_SAFEBAG(NULL, &p, body + 4);
	assert_non_null(bag);
	sk_PKCS12_SAFEBAG_push(around, bag);
	return around;
}

static enum cs_err nested(int depth)
{
	EVP_PKEY *key = key_of(&leaf);
	X509 *x = x509_of(&leaf);
	bag_stack *bags = NULL;
	STACK_OF(PKCS7) *safes = NULL;

	assert_non_null(PKCS12_add_key(&bags, key, 0, 1, -1, NULL));
	assert_non_null(PKCS12_add_cert(&bags, x));
	for (int i = 0; i < depth; i++)
		bags = wrapped(bags);
	assert_int_equal(PKCS12_add_safe(&safes, bags, -1, 1, NULL), 1);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	X509_free(x);
	EVP_PKEY_free(key);
	return judged_p12(p12_with(safes), NULL);
}

static void bags_within_bags_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(nested(2), CS_OK);
	assert_int_equal(nested(20), CS_EMALFORMED);
}

static int mint(void **state)
{
	(void)state;
	ca = fx_cert((struct fx_spec){ .cn = "ca", .ca = true });
	leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &ca });
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cve_2024_0727_and_2025_69421_content_that_is_not_there),
		cmocka_unit_test(cve_2025_69419_friendly_names_beyond_the_bmp),
		cmocka_unit_test(cve_2025_69419_the_longest_friendly_names_are_cut),
		cmocka_unit_test(cve_2026_22795_attributes_of_another_type),
		cmocka_unit_test(cve_2026_22796_a_digest_that_is_a_boolean),
		cmocka_unit_test(pkcs7_of_every_kind_without_content),
		cmocka_unit_test(deep_nesting_and_indefinite_lengths_end),
		cmocka_unit_test(bags_within_bags_are_bounded),
	};

	return cmocka_run_group_tests(tests, mint, NULL);
}
