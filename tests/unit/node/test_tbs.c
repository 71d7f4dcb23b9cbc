#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "node/keyd/tbs.h"

#define RSA PKI_KEY_RSA
#define P256 PKI_KEY_P256
#define P384 PKI_KEY_P384

static size_t text13(uint8_t *out, const char *context, size_t hash)
{
	memset(out, ' ', 64);
	memcpy(out + 64, context, strlen(context) + 1);
	memset(out + 65 + strlen(context), 0xab, hash);
	return 65 + strlen(context) + hash;
}

static size_t text12(uint8_t *out, uint8_t type, unsigned curve, uint8_t announced, size_t point)
{
	memset(out, 0x5a, 64);
	out[64] = type;
	out[65] = (uint8_t)(curve >> 8);
	out[66] = (uint8_t)curve;
	out[67] = announced;
	memset(out + 68, 4, point);
	return 68 + point;
}

#define SERVER "TLS 1.3, server CertificateVerify"

static void tls13_texts(void **state)
{
	static const struct {
		const char *context;
		size_t hash;
		uint16_t scheme;
		enum pki_key key;
		bool ok;
		const char *why;
	} table[] = {
		{ SERVER, 32, 0x0403, P256, true, "P-256 with SHA-256" },
		{ SERVER, 48, 0x0403, P256, true,
		        "the transcript's hash is the suite's, not the scheme's" },
		{ SERVER, 48, 0x0503, P384, true, "P-384" },
		{ SERVER, 32, 0x0804, RSA, true, "RSA-PSS" },
		{ SERVER, 32, 0x0806, RSA, true, "RSA-PSS with SHA-512" },
		{ SERVER, 32, 0x0401, RSA, false, "PKCS#1 v1.5 is not for 1.3" },
		{ SERVER, 32, 0x0403, P384, false, "the curve is part of the scheme" },
		{ SERVER, 32, 0x0603, P256, false, "no SHA-512 for ECDSA in 1.3" },
		{ SERVER, 32, 0x0403, RSA, false, "an ECDSA scheme for an RSA key" },
		{ SERVER, 32, 0x0804, P256, false, "and the other way round" },
		{ SERVER, 32, 0x0807, P256, false, "a scheme that is not ours" },
		{ SERVER, 31, 0x0403, P256, false, "a short hash" },
		{ SERVER, 33, 0x0403, P256, false, "a long hash" },
		{ SERVER, 0, 0x0403, P256, false, "no hash" },
		{ "TLS 1.3, client CertificateVerify", 32, 0x0403, P256, false,
		        "a client's signature" },
		{ "TLS 1.3, server CertificateVerifz", 32, 0x0403, P256, false, "another context" },
	};
	uint8_t text[512];

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const size_t n = text13(text, table[i].context, table[i].hash);
		const enum cs_err rc = tbs_check(tbs_scheme(table[i].scheme), true, table[i].key,
		        (struct cs_bytes){ text, n });
		if (rc != (table[i].ok ? CS_OK : CS_EREFUSED))
			fail_msg("%s: %s", table[i].why, cs_err_name(rc));
	}
}

static void tls13_spaces_and_separator_count(void **state)
{
	uint8_t text[512];
	const size_t n = text13(text, SERVER, 32);

	(void)state;
	for (size_t i = 0; i < 98; i++) {
		text[i] ^= 1;
		assert_int_equal(
		        tbs_check(tbs_scheme(0x0403), true, P256, (struct cs_bytes){ text, n }),
		        CS_EREFUSED);
		text[i] ^= 1;
	}
	assert_int_equal(
	        tbs_check(tbs_scheme(0x0403), true, P256, (struct cs_bytes){ text, n }), CS_OK);
	assert_int_equal(tbs_check(tbs_scheme(0x0403), false, P256, (struct cs_bytes){ text, n }),
	        CS_EREFUSED);
}

static void tls12_texts(void **state)
{
	static const struct {
		uint8_t type;
		unsigned curve;
		uint8_t announced;
		size_t point;
		uint16_t scheme;
		enum pki_key key;
		bool ok;
		const char *why;
	} table[] = {
		{ 3, 23, 65, 65, 0x0403, P256, true, "P-256 share, ECDSA" },
		{ 3, 23, 65, 65, 0x0503, P256, true, "the hash is free in 1.2" },
		{ 3, 24, 97, 97, 0x0503, P384, true, "P-384 share" },
		{ 3, 29, 32, 32, 0x0401, RSA, true, "X25519 share, PKCS#1 v1.5" },
		{ 3, 29, 32, 32, 0x0804, RSA, true, "RSA-PSS in 1.2" },
		{ 3, 29, 32, 32, 0x0201, RSA, false, "SHA-1" },
		{ 3, 29, 33, 33, 0x0401, RSA, false, "a point too long for the curve" },
		{ 3, 29, 32, 33, 0x0401, RSA, false, "bytes behind the point" },
		{ 3, 29, 32, 31, 0x0401, RSA, false, "a cut point" },
		{ 3, 25, 133, 133, 0x0403, P256, false, "a curve we do not use" },
		{ 3, 30, 56, 56, 0x0403, P256, false, "X448" },
		{ 1, 23, 65, 65, 0x0403, P256, false, "explicit curve parameters" },
		{ 2, 23, 65, 65, 0x0403, P256, false, "a binary curve" },
	};
	uint8_t text[512];

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const size_t n = text12(
		        text, table[i].type, table[i].curve, table[i].announced, table[i].point);
		const enum cs_err rc = tbs_check(tbs_scheme(table[i].scheme), false, table[i].key,
		        (struct cs_bytes){ text, n });
		if (rc != (table[i].ok ? CS_OK : CS_EREFUSED))
			fail_msg("%s: %s", table[i].why, cs_err_name(rc));
	}
}

static void tls12_points_are_uncompressed(void **state)
{
	uint8_t text[512];
	const size_t n = text12(text, 3, 23, 65, 65);

	(void)state;
	text[68] = 2;
	assert_int_equal(tbs_check(tbs_scheme(0x0403), false, P256, (struct cs_bytes){ text, n }),
	        CS_EREFUSED);
}

/* A document, a digest, a certificate: what an attacker in an edge would like to have signed. */
static void nothing_else_is_signed(void **state)
{
	uint8_t text[512];

	(void)state;
	memset(text, 0x30, sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++)
		for (int tls13 = 0; tls13 < 2; tls13++)
			assert_int_equal(tbs_check(tbs_scheme(0x0403), tls13, P256,
			                         (struct cs_bytes){ text, n }),
			        CS_EREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls13_texts),
		cmocka_unit_test(tls13_spaces_and_separator_count),
		cmocka_unit_test(tls12_texts),
		cmocka_unit_test(tls12_points_are_uncompressed),
		cmocka_unit_test(nothing_else_is_signed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
