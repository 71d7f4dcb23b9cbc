#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "store/pki/choice.h"
#include "tls-edge/tls/hello.h"

#define BYTES(text)                                                                                \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static void one_host_name_is_read_and_nothing_else(void **state)
{
	static const struct {
		struct cs_bytes in;
		enum cs_err rc;
		const char *name;
	} table[] = {
		{ BYTES("\0\4\0\0\1a"), CS_OK, "a" }, { BYTES("\0\3\0\0\0"), CS_OK, "" },
		{ BYTES(""), CS_EMALFORMED, NULL }, { BYTES("\0\0"), CS_EMALFORMED, NULL },
		{ BYTES("\0\4\0\0\1"), CS_EMALFORMED, NULL }, /* cut */
		{ BYTES("\0\4\0\0\1ab"), CS_EMALFORMED, NULL }, /* trailing */
		{ BYTES("\0\5\0\0\1ab"), CS_EMALFORMED, NULL }, /* trailing in the list */
		{ BYTES("\0\4\1\0\1a"), CS_EMALFORMED, NULL }, /* another type of name */
		{ BYTES("\0\10\0\0\1a\0\0\1b"), CS_EMALFORMED, NULL }, /* two names */
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct hello_sni sni;
		assert_int_equal(hello_sni_read(table[i].in, &sni), table[i].rc);
		assert_int_equal(sni.sent, table[i].name != NULL);
		if (sni.sent) {
			assert_int_equal(sni.n, strlen(table[i].name));
			assert_memory_equal(sni.name, table[i].name, sni.n);
		}
	}
}

static void a_name_over_255_bytes_is_too_big(void **state)
{
	uint8_t in[5 + 256] = { 1, 3, 0, 1, 0 };
	struct hello_sni sni;

	(void)state;
	assert_int_equal(hello_sni_read((struct cs_bytes){ in, sizeof(in) }, &sni), CS_ETOOBIG);
	in[1] = 2, in[3] = 0, in[4] = 255;
	assert_int_equal(hello_sni_read((struct cs_bytes){ in, sizeof(in) - 1 }, &sni), CS_OK);
	assert_int_equal(sni.n, 255);
}

static void what_a_client_can_verify_follows_its_offer(void **state)
{
	static const uint16_t ecdsa[] = { 0x0403 }, p384[] = { 0x0503 }, pss[] = { 0x0805 },
	                      pkcs1[] = { 0x0601 }, old[] = { 0x0203, 0x0201 };
#define OFFER(list) .schemes = list, .scheme_count = CS_COUNT(list)
	static const struct {
		struct hello_offer offer;
		unsigned want;
		const char *why;
	} table[] = {
		{ { .tls13 = true, OFFER(ecdsa) }, CHOICE_P256, "1.3: the scheme names the curve" },
		{ { .tls13 = true, OFFER(p384) }, CHOICE_P384, "" },
		{ { .tls13 = true, OFFER(pss) }, CHOICE_RSA, "" },
		{ { .tls13 = true, OFFER(pkcs1) }, 0, "1.3: PKCS#1 signs no handshake" },
		{ { OFFER(ecdsa), .ecdsa_cipher = true, .p256 = true, .p384 = true },
		        CHOICE_P256 | CHOICE_P384, "1.2: any hash, any curve" },
		{ { OFFER(p384), .ecdsa_cipher = true, .p256 = true }, CHOICE_P256,
		        "1.2: but of its groups" },
		{ { OFFER(ecdsa), .rsa_cipher = true, .p256 = true }, 0,
		        "1.2: the cipher says how" },
		{ { OFFER(pkcs1), .rsa_cipher = true }, CHOICE_RSA, "" },
		{ { OFFER(pss), .rsa_cipher = true, .ecdsa_cipher = true, .p256 = true },
		        CHOICE_RSA, "" },
		{ { OFFER(old), .rsa_cipher = true, .ecdsa_cipher = true, .p256 = true }, 0,
		        "SHA-1 is none of ours" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++)
		if (hello_can_verify(&table[i].offer) != table[i].want)
			fail_msg("row %zu: %s", i, table[i].why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host_name_is_read_and_nothing_else),
		cmocka_unit_test(a_name_over_255_bytes_is_too_big),
		cmocka_unit_test(what_a_client_can_verify_follows_its_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
