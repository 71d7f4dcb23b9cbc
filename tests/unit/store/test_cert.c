#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include "proto/base/limits.h"
#include "store/pki/cert.h"
#include "tests/unit/fixture.h"
#include "store/pki/warnings.h"

#define DAY ((int64_t)86400)

static struct pki_cert *read_cert(const struct fx_cert *made)
{
	struct pki_cert *cert = NULL;

	assert_int_equal(pki_cert_read(fx_der(made), &cert), CS_OK);
	return cert;
}

/* A self-signed certificate with one raw SAN entry, which fx_cert cannot make. */
static struct cs_bytes with_raw_san(uint8_t *out, int type, const void *value, int n, int times)
{
	struct fx_cert made = fx_cert((struct fx_spec){ .cn = "raw" });
	const uint8_t *p = made.der, *k = made.pkcs8;
	X509 *x = d2i_X509(NULL, &p, (long)made.der_len);
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &k, (long)made.pkcs8_len);
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *text =
	        ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);

	ASN1_STRING_set(text, value, n);
	GENERAL_NAME_set0_value(g, type, text);
	sk_GENERAL_NAME_push(names, g);
	for (int i = 0; i < times; i++)
		assert_int_equal(
		        X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	uint8_t *q = out;
	const int len = i2d_X509(x, &q);
	GENERAL_NAMES_free(names);
	EVP_PKEY_free(key);
	X509_free(x);
	return (struct cs_bytes){ out, (size_t)len };
}

static void facts_of_a_leaf(void **state)
{
	struct fx_cert ca =
	        fx_cert((struct fx_spec){ .cn = "Test CA", .ca = true, .key = "RSA-2048" });
	struct fx_cert made = fx_cert((struct fx_spec){ .cn = "leaf",
	        .san = "DNS:B.example.com,IP:192.0.2.7,DNS:*.a.test",
	        .issuer = &ca,
	        .eku = "serverAuth" });
	CS_AUTO(pki_cert_free) struct pki_cert *cert = read_cert(&made);
	CS_AUTO(pki_cert_free) struct pki_cert *issuer = read_cert(&ca);
	uint8_t sha256[32];
	char id[17];

	(void)state;
	SHA256(made.der, made.der_len, sha256);
	assert_memory_equal(cert->sha256, sha256, 32);
	pki_cert_id(cert->sha256, id);
	assert_int_equal(strlen(id), 16);
	assert_true(cs_bytes_equal(cert->der, fx_der(&made)));
	assert_string_equal(cert->subject, "CN=leaf");
	assert_string_equal(cert->issuer_cn, "Test CA");
	assert_string_equal(cert->signature, "sha256WithRSAEncryption");
	assert_int_equal(cert->key, PKI_KEY_P256);
	assert_int_equal(cert->key_bits, 256);
	assert_string_equal(pki_key_name(cert->key), "P-256");
	assert_int_equal(cert->not_after - cert->not_before, 91 * DAY);
	assert_int_equal(cert->dns_count, 2);
	assert_string_equal(cert->dns[0], "b.example.com");
	assert_string_equal(cert->dns[1], "*.a.test");
	assert_int_equal(cert->ip_count, 1);
	assert_string_equal(cert->ip_text[0], "192.0.2.7");
	assert_true(cert->server_auth && !cert->is_ca && !cert->self_signed && !cert->weak_hash);
	assert_true(cs_bytes_equal(cert->issuer_der, issuer->subject_der));
	assert_true(cs_bytes_equal(cert->aki, issuer->ski));
	assert_true(issuer->is_ca && issuer->self_signed && issuer->key == PKI_KEY_RSA &&
	            issuer->key_bits == 2048);
}

static void key_types_are_told_apart(void **state)
{
	static const struct {
		const char *made;
		enum pki_key key;
	} table[] = { { "P-384", PKI_KEY_P384 }, { "ED25519", PKI_KEY_ED25519 },
		{ "RSA-2048", PKI_KEY_RSA } };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct fx_cert made = fx_cert((struct fx_spec){ .key = table[i].made });
		CS_AUTO(pki_cert_free) struct pki_cert *cert = read_cert(&made);
		assert_int_equal(cert->key, table[i].key);
	}
}

static void only_whole_certificates_are_read(void **state)
{
	struct fx_cert made = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	struct pki_cert *cert = NULL;
	uint8_t longer[8193];

	(void)state;
	for (size_t n = 0; n < made.der_len; n += 7) {
		assert_int_equal(
		        pki_cert_read((struct cs_bytes){ made.der, n }, &cert), CS_EMALFORMED);
		assert_null(cert);
	}
	memcpy(longer, made.der, made.der_len);
	longer[made.der_len] = 0;
	assert_int_equal(
	        pki_cert_read((struct cs_bytes){ longer, made.der_len + 1 }, &cert), CS_ETRAILING);
	assert_int_equal(
	        pki_cert_read((struct cs_bytes){ longer, CS_DER_MAX + 1 }, &cert), CS_ETOOBIG);
	assert_int_equal(ERR_peek_error(), 0); /* the error queue is left clean */
}

static void names_that_lie_are_refused(void **state)
{
	uint8_t der[8192];
	struct pki_cert *cert = NULL;

	(void)state;
	assert_int_equal(
	        pki_cert_read(with_raw_san(der, GEN_DNS, "good.test\0.evil.test", 20, 1), &cert),
	        CS_EMALFORMED);
	assert_int_equal(
	        pki_cert_read(with_raw_san(der, GEN_DNS, "good.test", 9, 2), &cert), CS_EMALFORMED);
	assert_int_equal(
	        pki_cert_read(with_raw_san(der, GEN_IPADD, "12345", 5, 1), &cert), CS_EMALFORMED);
	assert_null(cert);
	assert_int_equal(
	        pki_cert_read(with_raw_san(der, GEN_DNS, "a\nb\x80.test", 9, 1), &cert), CS_OK);
	assert_string_equal(cert->dns[0], "a\\x0ab\\x80.test");
	pki_cert_free(&cert);
}

static void subjects_cannot_play_tricks(void **state)
{
	static const struct {
		const char *cn, *subject, *shown;
	} table[] = {
		{ "a,b=c", "CN=a\\,b=c", "a,b=c" },
		{ "a\nb\x1b[2J", "CN=a\\0Ab\\1B[2J", "a\\x0ab\\x1b[2J" },
		{ "gr\xc3\xbc\xc3\x9f", "CN=gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\xe2\x80\xaetxt", "CN=a\\E2\\80\\AEtxt", "a\\xe2\\x80\\xaetxt" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct fx_cert made = fx_cert((struct fx_spec){ .cn = table[i].cn });
		CS_AUTO(pki_cert_free) struct pki_cert *cert = read_cert(&made);
		assert_string_equal(cert->subject, table[i].subject);
		assert_string_equal(cert->subject_cn, table[i].shown);
	}
}

static bool warns(const struct pki_cert *cert, const struct cs_bytes *chain, size_t n, int64_t now,
        const char *code)
{
	struct pki_warning list[16];

	for (size_t i = 0, count = pki_cert_warnings(cert, chain, n, now, list, 16); i < count; i++)
		if (strcmp(list[i].code, code) == 0)
			return true;
	return false;
}

static void warnings_name_what_clients_will_see(void **state)
{
	struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "ca" });
	struct fx_cert made = fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &ca });
	struct fx_cert bare =
	        fx_cert((struct fx_spec){ .ca = true, .eku = "clientAuth", .key = "RSA-1024" });
	const struct cs_bytes chain[] = { fx_der(&ca) }, wrong[] = { fx_der(&bare) };
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = read_cert(&made);
	CS_AUTO(pki_cert_free) struct pki_cert *odd = read_cert(&bare);
	const int64_t now = leaf->not_before + DAY;
	struct pki_warning list[16];

	(void)state;
	assert_int_equal(pki_cert_warnings(leaf, chain, 1, now, list, 16), 0);
	assert_true(warns(leaf, chain, 1, leaf->not_after + 1, "expired"));
	assert_true(warns(leaf, chain, 1, leaf->not_before - 1, "not-yet-valid"));
	assert_true(warns(leaf, chain, 1, leaf->not_after - 29 * DAY, "expires-soon"));
	assert_false(warns(leaf, chain, 1, leaf->not_after - 31 * DAY, "expires-soon"));
	assert_true(warns(leaf, NULL, 0, now, "chain-incomplete"));
	assert_true(warns(leaf, wrong, 1, now, "chain-incomplete"));
	static const char *const odd_codes[] = { "no-san", "is-ca", "no-server-auth", "self-signed",
		"weak-key" };
	for (size_t i = 0; i < CS_COUNT(odd_codes); i++)
		assert_true(warns(odd, NULL, 0, now, odd_codes[i]));
	assert_int_equal(pki_cert_warnings(odd, NULL, 0, now, list, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_a_leaf),
		cmocka_unit_test(key_types_are_told_apart),
		cmocka_unit_test(only_whole_certificates_are_read),
		cmocka_unit_test(names_that_lie_are_refused),
		cmocka_unit_test(subjects_cannot_play_tricks),
		cmocka_unit_test(warnings_name_what_clients_will_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
