/* Allocations of OpenSSL fail, one at a time: nothing crashes, nothing is taken for good that is
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include "store/pki/intake.h"
#include "store/pki/p12.h"
#include "tests/unit/fixture.h"

#define MOST 1000000 /* no operation here allocates more often; each round of a KDF does */

static long countdown = -1; /* the allocation that fails; negative: none */

static bool fails_now(void)
{
	return countdown >= 0 && countdown-- == 0;
}

static void *take(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails_now() ? NULL : malloc(n);
}

static void *grow(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails_now() ? NULL : realloc(p, n);
}

static void give_back(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static struct fx_cert leaf;
static struct cs_buf bundle;

static enum cs_err read_once(void)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	return pki_cert_read(fx_der(&leaf), &cert);
}

static enum cs_err seal_once(void)
{
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(1u << 20);

	return p12_seal(fx_der(&leaf), fx_key(&leaf), NULL, 0, "n", "x", &out);
}

static enum cs_err open_once(void)
{
	CS_AUTO(p12_content_free) struct p12_content content;
	const enum cs_err rc = p12_open(cs_buf_view(&bundle), "x", false, &content);

	return rc == CS_OK && (content.key_count != 1 || content.cert_count != 1) ? CS_EBUG : rc;
}

static enum cs_err take_once(void)
{
	CS_AUTO(intake_free) struct intake *intake = NULL;
	const struct intake_pair *pairs = NULL;
	const char *reason = NULL;

	CS_TRY(intake_new(&intake));
	CS_TRY(intake_add(intake, "f", cs_buf_view(&bundle), "x"));
	CS_TRY(intake_finish(intake, &reason));
	return intake_pairs(intake, &pairs) == 1 ? CS_OK : CS_EBUG;
}

/* Lets the n-th allocation fail until the operation needs fewer than n: every one of the first,
 * then wider apart. */
static void fail_each(enum cs_err (*operation)(void))
{
	assert_int_equal(operation(), CS_OK); /* algorithms are fetched and cached now */
	for (long n = 0; n < MOST; n += 1 + n / 24) {
		countdown = n;
		const enum cs_err rc = operation();
		const bool reached = countdown < 0;
		countdown = -1;
		ERR_clear_error();
		assert_int_not_equal(rc, CS_EBUG);
		if (!reached) {
			assert_int_equal(rc, CS_OK);
			return;
		}
	}
	fail_msg("more than %d allocations", MOST);
}

static void reading_a_certificate(void **state)
{
	(void)state;
	fail_each(read_once);
}

static void sealing_a_bundle(void **state)
{
	(void)state;
	fail_each(seal_once);
}

static void opening_a_bundle(void **state)
{
	(void)state;
	fail_each(open_once);
}

static void taking_a_file(void **state)
{
	(void)state;
	fail_each(take_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_a_certificate),
		cmocka_unit_test(sealing_a_bundle),
		cmocka_unit_test(opening_a_bundle),
		cmocka_unit_test(taking_a_file),
	};

	if (CRYPTO_set_mem_functions(take, grow, give_back) != 1)
		abort();
	leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test,IP:192.0.2.1" });
	bundle = cs_buf_new(1u << 20);
	if (p12_seal(fx_der(&leaf), fx_key(&leaf), NULL, 0, "n", "x", &bundle) != CS_OK)
		abort();
	const int rc = cmocka_run_group_tests(tests, NULL, NULL);
	cs_buf_free(&bundle);
	return rc;
}
