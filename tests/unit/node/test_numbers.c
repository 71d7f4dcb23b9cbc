#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "node/keyd/numbers.h"
#include "tests/unit/fixture.h"

#define ID "0123456789abcdef"

static const uint8_t wrap[32] = "a key of this node alone", other[32] = "of another one";

static struct signkey *key_of(const struct fx_cert *cert)
{
	struct signkey *key = NULL;

	assert_int_equal(signkey_from_pkcs8(fx_key(cert), &key), CS_OK);
	return key;
}

static void keys_survive_wrapping(void **state)
{
	static const char *const kinds[] = { "P-256", "P-384", "RSA-2048", "RSA-4096" };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(kinds); i++) {
		const struct fx_cert cert = fx_cert((struct fx_spec){ .key = kinds[i] });
		CS_AUTO(signkey_free) struct signkey *key = key_of(&cert), *again = NULL;
		CS_AUTO(cs_buf_free) struct cs_buf wrapped = cs_buf_new(NUMBERS_WRAPPED_MAX);

		assert_int_equal(numbers_wrap(key, wrap, ID, &wrapped), CS_OK);
		assert_int_equal(numbers_unwrap(cs_buf_view(&wrapped), wrap, ID, &again), CS_OK);
		assert_int_equal(signkey_kind(again), signkey_kind(key));
		assert_int_equal(signkey_prove(again, fx_der(&cert)), CS_OK);
	}
}

static void no_altered_byte_passes(void **state)
{
	const struct fx_cert cert = fx_cert((struct fx_spec){ 0 });
	CS_AUTO(signkey_free) struct signkey *key = key_of(&cert), *again = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf wrapped = cs_buf_new(NUMBERS_WRAPPED_MAX);

	(void)state;
	assert_int_equal(numbers_wrap(key, wrap, ID, &wrapped), CS_OK);
	for (size_t i = 0; i < wrapped.n; i++) {
		wrapped.p[i] ^= 0x10;
		assert_int_equal(
		        numbers_unwrap(cs_buf_view(&wrapped), wrap, ID, &again), CS_ECORRUPT);
		wrapped.p[i] ^= 0x10;
	}
	for (size_t n = 0; n < wrapped.n; n++)
		assert_int_equal(
		        numbers_unwrap((struct cs_bytes){ wrapped.p, n }, wrap, ID, &again),
		        CS_ECORRUPT);
	assert_int_equal(numbers_unwrap(cs_buf_view(&wrapped), other, ID, &again), CS_ECORRUPT);
	assert_int_equal(numbers_unwrap(cs_buf_view(&wrapped), wrap, "fedcba9876543210", &again),
	        CS_ECORRUPT);
	wrapped.p[1] = PKI_KEY_P384; /* the type is authenticated too */
	assert_int_equal(numbers_unwrap(cs_buf_view(&wrapped), wrap, ID, &again), CS_ECORRUPT);
	assert_null(again);
}

static void a_key_proves_itself_by_its_leaf_alone(void **state)
{
	const struct fx_cert a = fx_cert((struct fx_spec){ .key = "RSA-2048" }),
	                     b = fx_cert((struct fx_spec){ .key = "RSA-2048" });
	CS_AUTO(signkey_free) struct signkey *key = key_of(&a);

	(void)state;
	assert_int_equal(signkey_prove(key, fx_der(&a)), CS_OK);
	assert_int_equal(signkey_prove(key, fx_der(&b)), CS_EMISMATCH);
	assert_int_equal(
	        signkey_prove(key, (struct cs_bytes){ a.der, a.der_len - 1 }), CS_EMALFORMED);
}

static void other_keys_are_refused(void **state)
{
	static const char *const kinds[] = { "ED25519", "RSA-1024", "RSA-5120" };
	struct signkey *key = NULL;

	(void)state;
	for (size_t i = 0; i < CS_COUNT(kinds); i++) {
		const struct fx_cert cert = fx_cert((struct fx_spec){ .key = kinds[i] });
		if (signkey_from_pkcs8(fx_key(&cert), &key) != CS_EUNSUPPORTED)
			fail_msg("%s was taken", kinds[i]);
	}
	struct fx_cert cert = fx_cert((struct fx_spec){ 0 });
	assert_int_equal(
	        signkey_from_pkcs8((struct cs_bytes){ cert.pkcs8, cert.pkcs8_len - 1 }, &key),
	        CS_EMALFORMED);
	assert_int_equal(
	        signkey_from_pkcs8((struct cs_bytes){ cert.pkcs8, cert.pkcs8_len + 1 }, &key),
	        CS_ETRAILING);
	assert_null(key);
}

static void every_scheme_of_a_key_works_in_any_order(void **state)
{
	static const uint16_t schemes[] = { 0x0804, 0x0401, 0x0806, 0x0601, 0x0805, 0x0501,
		0x0804 };
	const struct fx_cert cert = fx_cert((struct fx_spec){ .key = "RSA-2048" });
	CS_AUTO(signkey_free) struct signkey *key = key_of(&cert);
	uint8_t signature[SIGN_SIGNATURE_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < CS_COUNT(schemes); i++) {
		assert_int_equal(
		        signkey_sign(key, tbs_scheme(schemes[i]), cs_bytes_of("x"), signature, &n),
		        CS_OK);
		assert_int_equal(n, 256);
	}
	assert_int_equal(signkey_prove(key, fx_der(&cert)), CS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_survive_wrapping),
		cmocka_unit_test(no_altered_byte_passes),
		cmocka_unit_test(a_key_proves_itself_by_its_leaf_alone),
		cmocka_unit_test(other_keys_are_refused),
		cmocka_unit_test(every_scheme_of_a_key_works_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
