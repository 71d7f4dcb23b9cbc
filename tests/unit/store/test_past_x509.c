/* Old faults of certificate libraries as inputs, and names that lie: each made here, each read to
 * one clear verdict in a bounded time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "store/pki/intake.h"
#include "store/pki/names.h"
#include "tests/unit/fixture.h"

#define QUICK_MS 2000 /* far above parsing, far below a loop without end or a quadratic one */

struct made {
	uint8_t der[CS_DER_MAX];
	size_t n;
};

static struct fx_cert base;

static EVP_PKEY *base_key(void)
{
	const uint8_t *p = base.pkcs8;

	return d2i_AutoPrivateKey(NULL, &p, (long)base.pkcs8_len);
}

static struct made made_of(X509 *x)
{
	struct made out;
	uint8_t *p = out.der;
	EVP_PKEY *key = base_key();

	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	const int n = i2d_X509(x, NULL);
	assert_in_range(n, 1, sizeof(out.der));
	out.n = (size_t)i2d_X509(x, &p);
	X509_free(x);
	return out;
}

static X509 *base_x509(void)
{
	const uint8_t *p = base.der;

	return d2i_X509(NULL, &p, (long)base.der_len);
}

/* The base certificate with one more extension in OpenSSL's configuration form. */
static struct made with_extension(int nid, const char *value)
{
	X509 *x = base_x509();
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
	return made_of(x);
}

/* Reads IN within the time; both the certificate alone and the whole intake. */
static enum cs_err read_quickly(const uint8_t *der, size_t n, struct pki_cert **out)
{
	CS_AUTO(intake_free) struct intake *intake = NULL;
	const char *reason = "";
	const int64_t start = cs_clock_mono_ms();
	const enum cs_err rc = pki_cert_read((struct cs_bytes){ der, n }, out);

	assert_int_equal(intake_new(&intake), CS_OK);
	assert_int_equal(intake_add(intake, "f", (struct cs_bytes){ der, n }, NULL), CS_OK);
	const enum cs_err taken = intake_finish(intake, &reason);
	assert_true(taken == CS_OK || reason[0] != '\0');
	assert_true(rc == CS_OK || taken != CS_OK);
	assert_true(cs_clock_mono_ms() - start < QUICK_MS);
	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static void cve_2024_6119_other_names_of_every_type(void **state)
{
	static const char *const values[] = {
		"otherName:1.3.6.1.5.5.7.8.9;UTF8:a@a.test,DNS:a.test",
		"otherName:1.3.6.1.5.5.7.8.9;BOOLEAN:TRUE,DNS:a.test",
		"otherName:1.3.6.1.5.5.7.8.9;NULL:,DNS:a.test",
		"otherName:1.3.6.1.5.5.7.8.9;INTEGER:65,DNS:a.test",
		"otherName:1.2.3.4;OCT:a.test,DNS:a.test", "email:a@a.test,DNS:a.test",
		"URI:https://b.test/,RID:1.2.3,DNS:a.test"
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(values); i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
		const struct made made = with_extension(NID_subject_alt_name, values[i]);
		assert_int_equal(read_quickly(made.der, made.n, &cert), CS_OK);
		assert_int_equal(cert->dns_count, 1);
		assert_int_equal(
		        pki_cert_covers(cert, cs_bytes_of("a.test"), NULL), PKI_COVER_EXACT);
		assert_int_equal(
		        pki_cert_covers(cert, cs_bytes_of("b.test"), NULL), PKI_COVER_NONE);
	}
}

static void cve_2022_3602_punycode_in_constraints(void **state)
{
	char value[1200] = "permitted;email:.xn--";
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	(void)state;
	memset(value + strlen(value), 'a', 1100); /* decodes to more than the 2 KiB of then */
	const struct made made = with_extension(NID_name_constraints, value);
	assert_int_equal(read_quickly(made.der, made.n, &cert), CS_OK);
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("xn--aaa.test"), NULL), PKI_COVER_NONE);
}

static void put(struct made *out, const void *bytes, size_t n)
{
	memcpy(out->der + out->n, bytes, n);
	out->n += n;
}

/* TAG, LENGTH (two bytes) around what stands behind START. */
static void wrap(struct made *out, size_t start, uint8_t tag)
{
	const size_t n = out->n - start;
	const uint8_t head[] = { tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n };

	memmove(out->der + start + sizeof(head), out->der + start, n);
	memcpy(out->der + start, head, sizeof(head));
	out->n += sizeof(head);
}

/* SubjectPublicKeyInfo of an explicit curve over P (not a prime) with a compressed generator: the
 * square root of then went round for ever. */
static struct made spki_of_a_loop(void)
{
	static const uint8_t ec_key[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
	static const uint8_t version[] = { 0x02, 0x01, 0x01 };
	static const uint8_t field[] = { 0x30, 0x0d, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01,
		0x01, 0x02, 0x02, 0x02, 0xb9 }; /* prime field, p = 697 = 17 * 41 */
	static const uint8_t curve[] = { 0x30, 0x08, 0x04, 0x02, 0x02, 0x2f, 0x04, 0x02, 0x00,
		0x12 };
	static const uint8_t generator[] = { 0x04, 0x03, 0x03, 0x00, 0x08 };
	static const uint8_t order[] = { 0x02, 0x02, 0x02, 0xb9, 0x02, 0x01, 0x01 };
	static const uint8_t point[] = { 0x03, 0x04, 0x00, 0x03, 0x00, 0x08 };
	struct made out = { .n = 0 };

	put(&out, ec_key, sizeof(ec_key));
	put(&out, version, sizeof(version));
	put(&out, field, sizeof(field));
	put(&out, curve, sizeof(curve));
	put(&out, generator, sizeof(generator));
	put(&out, order, sizeof(order));
	wrap(&out, sizeof(ec_key), 0x30);
	wrap(&out, 0, 0x30);
	put(&out, point, sizeof(point));
	wrap(&out, 0, 0x30);
	return out;
}

/* The base certificate with the bytes of its key replaced. */
static struct made with_spki(const struct made *spki)
{
	X509 *x = base_x509();
	uint8_t *old = NULL, *tbs = NULL;
	struct made out = { .n = 0 };
	const int old_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &old);
	const int tbs_n = i2d_re_X509_tbs(x, &tbs);
	const uint8_t *at = memmem(tbs, (size_t)tbs_n, old, (size_t)old_n);
	static const uint8_t rest[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04,
		0x03, 0x02, 0x03, 0x03, 0x00, 0x30, 0x00 };

	assert_non_null(at);
	const size_t head = 2 + (tbs[1] & 0x80 ? tbs[1] & 0x7f : 0); /* of the SEQUENCE around */
	put(&out, tbs + head, (size_t)(at - tbs) - head);
	put(&out, spki->der, spki->n);
	put(&out, at + old_n, (size_t)(tbs + tbs_n - at) - (size_t)old_n);
	wrap(&out, 0, 0x30);
	put(&out, rest, sizeof(rest));
	wrap(&out, 0, 0x30);
	OPENSSL_free(old);
	OPENSSL_free(tbs);
	X509_free(x);
	return out;
}

static void cve_2022_0778_a_curve_over_no_prime(void **state)
{
	const struct made spki = spki_of_a_loop(), cert = with_spki(&spki);
	struct pki_cert *out = NULL;
	const uint8_t *p = cert.der;
	X509 *x = d2i_X509(NULL, &p, (long)cert.n);

	(void)state;
	assert_non_null(x); /* the library takes it apart: the fault is in the curve alone */
	X509_free(x);
	ERR_clear_error();
	const enum cs_err rc = read_quickly(cert.der, cert.n, &out);
	assert_true(rc == CS_EMALFORMED || (rc == CS_OK && out->key == PKI_KEY_OTHER));
	pki_cert_free(&out);
}

/* An OBJECT IDENTIFIER of N bytes: the text of one had cost its square. */
static struct made with_oid(size_t n)
{
	struct made spki = { .n = 0 };
	static uint8_t oid[CS_DER_MAX];
	static const uint8_t bits[] = { 0x03, 0x02, 0x00, 0x01 };

	memset(oid, 0xff, sizeof(oid));
	oid[0] = 0x2a;
	oid[n - 1] = 0x7f;
	put(&spki, oid, n);
	wrap(&spki, 0, 0x06);
	wrap(&spki, 0, 0x30);
	put(&spki, bits, sizeof(bits));
	wrap(&spki, 0, 0x30);
	return with_spki(&spki);
}

static void cve_2023_2650_object_identifiers_without_measure(void **state)
{
	static const size_t sizes[] = { 40, 1000, 15000 };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(sizes); i++) {
		struct pki_cert *cert = NULL;
		const struct made made = with_oid(sizes[i]);
		const enum cs_err rc = read_quickly(made.der, made.n, &cert);
		assert_true(rc == CS_EMALFORMED || (rc == CS_OK && cert->key == PKI_KEY_OTHER));
		pki_cert_free(&cert);
	}
}

static void cve_2023_2650_in_a_subject(void **state)
{
	X509 *x = base_x509();
	X509_NAME *name = X509_get_subject_name(x);
	static char oid[4000] = "1.2";
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	(void)state;
	for (size_t n = strlen(oid); n + 12 < sizeof(oid); n = strlen(oid))
		snprintf(oid + n, sizeof(oid) - n, ".%u", 4000000000u);
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	assert_non_null(object);
	assert_int_equal(X509_NAME_add_entry_by_OBJ(
	                         name, object, V_ASN1_UTF8STRING, (const uint8_t *)"v", 1, -1, 0),
	        1);
	ASN1_OBJECT_free(object);
	const struct made made = made_of(x);
	assert_int_equal(read_quickly(made.der, made.n, &cert), CS_OK);
}

/* dNSName bytes as they come, of any length. */
static struct made with_dns(const void *text, size_t n)
{
	X509 *x = base_x509();
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	ASN1_STRING_set(s, text, (int)n);
	GENERAL_NAME_set0_value(g, GEN_DNS, s);
	sk_GENERAL_NAME_push(names, g);
	assert_int_equal(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);
	return made_of(x);
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME(text) text, sizeof(text) - 1

static void names_that_no_client_can_ask_for(void **state)
{
	static const struct {
		const char *name;
		size_t n;
		bool covers_itself;
		const char *why;
	} table[] = {
		{ NAME(L63 ".test"), true, "a label of 63" },
		{ NAME(L63 "a.test"), false, "a label of 64" },
		{ NAME("a\nb.test"), false, "a line feed" },
		{ NAME("a\x1b[31m.test"), false, "an escape" },
		{ NAME("a/../b.test"), false, "slashes" },
		{ NAME("%2e%2e%2fb.test"), false, "percent signs" },
		{ NAME("\xf0\x9f\x98\x80.test"), false, "beyond the BMP" },
		{ NAME("\xc3\xbc.test"), false, "U-label" },
		{ NAME("\xff\xfe.test"), false, "not UTF-8" },
		{ NAME("$(id).test"), false, "shell" },
		{ NAME("a..test"), false, "an empty label" },
		{ NAME(".a.test"), false, "a leading dot" },
		{ NAME("*"), false, "a star alone" },
		{ NAME(""), false, "nothing" },
		{ NAME(L63 "." L63 "." L63 "." L63 ".test"), false, "over 253 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
		const struct made made = with_dns(table[i].name, table[i].n);
		const struct cs_bytes host = { (const uint8_t *)table[i].name, table[i].n };
		const enum cs_err rc = read_quickly(made.der, made.n, &cert);
		const bool covers =
		        rc == CS_OK && pki_cert_covers(cert, host, NULL) != PKI_COVER_NONE;
		if (covers != table[i].covers_itself)
			fail_msg("%s", table[i].why);
		for (size_t d = 0; rc == CS_OK && d < cert->dns_count; d++)
			for (const char *c = cert->dns[d]; *c != '\0'; c++)
				assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

static void nul_in_a_name_is_refused_wherever_it_stands(void **state)
{
	static const char text[] = "good.test\0.evil.test";
	struct pki_cert *cert = NULL;

	(void)state;
	for (size_t n = 10; n < sizeof(text); n++) {
		const struct made made = with_dns(text, n);
		assert_int_equal(read_quickly(made.der, made.n, &cert), CS_EMALFORMED);
	}
	const struct made first = with_dns("\0", 1);
	assert_int_equal(read_quickly(first.der, first.n, &cert), CS_EMALFORMED);
}

static int mint(void **state)
{
	(void)state;
	base = fx_cert((struct fx_spec){ .cn = "base" });
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cve_2024_6119_other_names_of_every_type),
		cmocka_unit_test(cve_2022_3602_punycode_in_constraints),
		cmocka_unit_test(cve_2022_0778_a_curve_over_no_prime),
		cmocka_unit_test(cve_2023_2650_object_identifiers_without_measure),
		cmocka_unit_test(cve_2023_2650_in_a_subject),
		cmocka_unit_test(names_that_no_client_can_ask_for),
		cmocka_unit_test(nul_in_a_name_is_refused_wherever_it_stands),
	};

	return cmocka_run_group_tests(tests, mint, NULL);
}
