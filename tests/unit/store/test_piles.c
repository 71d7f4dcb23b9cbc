/* Much of everything in one import: long chains, many objects, CAs of one name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "store/pki/intake.h"
#include "tests/unit/fixture.h"

#define LONG 50

static void pem_add(struct cs_buf *out, const char *label, struct cs_bytes der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;

	assert_true(PEM_write_bio(bio, label, "", der.p, (long)der.n) > 0);
	const long n = BIO_get_mem_data(bio, &p);
	assert_int_equal(cs_buf_add(out, p, (size_t)n), CS_OK);
	BIO_free(bio);
}

static struct intake *taken(struct cs_bytes pem, enum cs_err wanted)
{
	struct intake *intake = NULL;
	const char *reason = "";

	assert_int_equal(intake_new(&intake), CS_OK);
	assert_int_equal(intake_add(intake, "pile.pem", pem, NULL), CS_OK);
	const enum cs_err rc = intake_finish(intake, &reason);
	if (rc != wanted)
		fail_msg("%s: %s", cs_err_name(rc), reason);
	assert_true(rc == CS_OK || reason[0] != '\0');
	return intake;
}

static void a_chain_of_fifty_is_cut_at_its_bound(void **state)
{
	static struct fx_cert chain[LONG];
	CS_AUTO(cs_buf_free) struct cs_buf pem = cs_buf_new(CS_UPLOAD_FILE_MAX);
	const struct intake_pair *pairs = NULL;
	const struct cs_bytes *cas = NULL;

	(void)state;
	for (size_t i = 0; i < LONG; i++) {
		char cn[16];
		snprintf(cn, sizeof(cn), "ca %zu", i);
		chain[i] = fx_cert((struct fx_spec){ .cn = i + 1 < LONG ? cn : "leaf",
		        .san = i + 1 < LONG ? NULL : "DNS:a.test",
		        .ca = i + 1 < LONG,
		        .issuer = i > 0 ? &chain[i - 1] : NULL });
		pem_add(&pem, "CERTIFICATE", fx_der(&chain[i]));
	}
	pem_add(&pem, "PRIVATE KEY", fx_key(&chain[LONG - 1]));
	CS_AUTO(intake_free) struct intake *intake = taken(cs_buf_view(&pem), CS_OK);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
	assert_in_range(pairs[0].chain_count, 1, CS_CHAIN_MAX);
	assert_false(pairs[0].chain_complete);
	assert_int_equal(intake_cas(intake, &cas), LONG - 1);
	for (size_t i = 0; i < pairs[0].chain_count; i++)
		assert_true(cs_bytes_equal(pairs[0].chain[i], fx_der(&chain[LONG - 2 - i])));
}

/* Each would be asked whether it issued each other one: by signature, 10 s of work. */
static void many_cas_of_one_name_cost_no_square(void **state)
{
	struct fx_cert leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test" }), first;
	CS_AUTO(cs_buf_free) struct cs_buf pem = cs_buf_new(CS_UPLOAD_FILE_MAX);
	const struct intake_pair *pairs = NULL;

	(void)state;
	first = fx_cert((struct fx_spec){ .cn = "same", .ca = true });
	pem_add(&pem, "CERTIFICATE", fx_der(&first));
	for (size_t i = 0; i < 300; i++) {
		struct fx_cert ca =
		        fx_cert((struct fx_spec){ .cn = "same", .ca = true, .same_key = &first });
		pem_add(&pem, "CERTIFICATE", fx_der(&ca));
	}
	pem_add(&pem, "CERTIFICATE", fx_der(&leaf));
	pem_add(&pem, "PRIVATE KEY", fx_key(&leaf));
	const int64_t start = cs_clock_mono_ms();
	CS_AUTO(intake_free) struct intake *intake = taken(cs_buf_view(&pem), CS_OK);
	assert_true(cs_clock_mono_ms() - start < 5000);
	assert_int_equal(intake_pairs(intake, &pairs), 1);
}

static void two_keys_for_one_certificate(void **state)
{
	struct fx_cert a = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	struct fx_cert b = fx_cert((struct fx_spec){ .san = "DNS:b.test" });
	CS_AUTO(cs_buf_free) struct cs_buf pem = cs_buf_new(CS_UPLOAD_FILE_MAX);

	(void)state;
	pem_add(&pem, "CERTIFICATE", fx_der(&a));
	pem_add(&pem, "PRIVATE KEY", fx_key(&a));
	pem_add(&pem, "PRIVATE KEY", fx_key(&a));
	CS_AUTO(intake_free) struct intake *twice = taken(cs_buf_view(&pem), CS_OK);
	pem_add(&pem, "PRIVATE KEY", fx_key(&b));
	CS_AUTO(intake_free) struct intake *two = taken(cs_buf_view(&pem), CS_EMISMATCH);
}

static void certificates_beyond_the_cap_are_refused(void **state)
{
	CS_AUTO(cs_buf_free) struct cs_buf pem = cs_buf_new(CS_UPLOAD_FILE_MAX);
	struct fx_cert key = fx_cert((struct fx_spec){ .san = "DNS:a.test" });

	(void)state;
	for (size_t i = 0; i < 600; i++) {
		struct fx_cert cert = fx_cert((struct fx_spec){ .same_key = &key });
		pem_add(&pem, "CERTIFICATE", fx_der(&cert));
	}
	CS_AUTO(intake_free) struct intake *intake = taken(cs_buf_view(&pem), CS_ETOOBIG);
}

static void ten_thousand_objects_of_every_label(void **state)
{
	static const char *const labels[] = { "CERTIFICATE", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
		"EC PRIVATE KEY", "RSA PRIVATE KEY", "PKCS7", "TRUSTED CERTIFICATE", "SOMETHING" };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(labels); i++) {
		CS_AUTO(cs_buf_free) struct cs_buf pem = cs_buf_new(CS_UPLOAD_FILE_MAX);
		CS_AUTO(intake_free) struct intake *intake = NULL;
		const char *reason = "";
		const int64_t start = cs_clock_mono_ms();
		for (size_t n = 0; n < 10000; n++)
			assert_int_equal(
			        cs_buf_printf(&pem, "-----BEGIN %s-----\nMA==\n-----END %s-----\n",
			                labels[i], labels[i]),
			        CS_OK);
		assert_int_equal(intake_new(&intake), CS_OK);
		assert_int_equal(intake_add(intake, "f", cs_buf_view(&pem), "x"), CS_OK);
		(void)!intake_finish(intake, &reason);
		assert_true(cs_clock_mono_ms() - start < 5000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_of_fifty_is_cut_at_its_bound),
		cmocka_unit_test(many_cas_of_one_name_cost_no_square),
		cmocka_unit_test(two_keys_for_one_certificate),
		cmocka_unit_test(certificates_beyond_the_cap_are_refused),
		cmocka_unit_test(ten_thousand_objects_of_every_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
