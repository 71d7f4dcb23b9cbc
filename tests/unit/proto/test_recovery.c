#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>
#include "proto/role/recovery.h"

#define PASS "correct horse battery"

static struct recovery sample(size_t count)
{
	struct recovery r = { .made = 1795560000, .count = count };

	randombytes_buf(r.cluster, sizeof(r.cluster));
	for (size_t i = 0; i < count; i++) {
		r.secrets[i].epoch = (uint32_t)i + 1;
		randombytes_buf(r.secrets[i].secret, 32);
	}
	return r;
}

static struct cs_buf written(const struct recovery *r, bool strong)
{
	struct cs_buf out = cs_buf_new(RECOVERY_FILE_MAX);

	assert_int_equal(recovery_write(r, cs_bytes_of(PASS), strong, &out), CS_OK);
	return out;
}

static void expect_same(const struct recovery *r, struct cs_bytes file)
{
	struct recovery back;

	assert_int_equal(recovery_read(file, cs_bytes_of(PASS), &back), CS_OK);
	assert_memory_equal(back.cluster, r->cluster, sizeof(r->cluster));
	assert_int_equal(back.made, r->made);
	assert_int_equal(back.count, r->count);
	assert_memory_equal(back.secrets, r->secrets, r->count * sizeof(r->secrets[0]));
}

static void it_gives_back_what_was_written(void **state)
{
	static const size_t counts[] = { 1, 2, RECOVERY_SECRETS_MAX };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(counts); i++) {
		const struct recovery r = sample(counts[i]);
		CS_AUTO(cs_buf_free) struct cs_buf file = written(&r, false);
		expect_same(&r, cs_buf_view(&file));
	}
	const struct recovery r = sample(1);
	CS_AUTO(cs_buf_free) struct cs_buf strong = written(&r, true);
	assert_non_null(strstr(cs_buf_text(&strong), "kdf argon2id 3 268435456\n"));
	expect_same(&r, cs_buf_view(&strong));
}

static void another_passphrase_opens_nothing(void **state)
{
	const struct recovery r = sample(1);
	CS_AUTO(cs_buf_free) struct cs_buf file = written(&r, false);
	const struct recovery empty = { .count = 0 };
	struct recovery back;

	(void)state;
	assert_int_equal(
	        recovery_read(cs_buf_view(&file), cs_bytes_of(PASS " "), &back), CS_EPASSPHRASE);
	assert_memory_equal(&back, &empty, sizeof(back));
	assert_int_equal(recovery_read(cs_buf_view(&file), cs_bytes_of(""), &back), CS_EPASSPHRASE);
}

static void every_cut_is_refused(void **state)
{
	const struct recovery r = sample(2);
	CS_AUTO(cs_buf_free) struct cs_buf file = written(&r, false);
	struct recovery back;

	(void)state;
	for (size_t n = 0; n < file.n; n++) {
		const enum cs_err rc =
		        recovery_read((struct cs_bytes){ file.p, n }, cs_bytes_of(PASS), &back);
		assert_int_equal(rc, n == 0 ? CS_EEMPTY : CS_EMALFORMED);
	}
	assert_int_equal(cs_buf_add(&file, "\n", 1), CS_OK);
	assert_int_equal(recovery_look(cs_buf_view(&file), &back), CS_EMALFORMED);
}

/* To every other value of a byte: case of digits, line ends and the checksum itself too. */
static void every_changed_byte_is_refused(void **state)
{
	const struct recovery r = sample(1);
	CS_AUTO(cs_buf_free) struct cs_buf file = written(&r, false);
	struct recovery back;

	(void)state;
	for (size_t i = 0; i < file.n; i++)
		for (unsigned add = 1; add < 256; add++) {
			file.p[i] = (uint8_t)(file.p[i] + 1);
			const enum cs_err rc = recovery_look(cs_buf_view(&file), &back);
			assert_true(rc == CS_EMALFORMED || rc == CS_EVERSION);
			if (add == 255)
				file.p[i] = (uint8_t)(file.p[i] + 1);
		}
	expect_same(&r, cs_buf_view(&file));
}

static void a_newer_version_is_named_as_such(void **state)
{
	struct recovery back;

	(void)state;
	assert_int_equal(recovery_look(cs_bytes_of("certspan recovery file 2\nwhatever"), &back),
	        CS_EVERSION);
}

/* Whoever can make a checksum can ask for any memory: the bounds are ours. */
static void a_kdf_past_the_bounds_is_refused_before_it_runs(void **state)
{
	static const char *const lines[] = { "kdf argon2id 11 65536\n",
		"kdf argon2id 1 268435457\n", "kdf argon2id 1 8191\n", "kdf argon2id 0 65536\n" };
	const struct recovery r = sample(1);
	CS_AUTO(cs_buf_free) struct cs_buf file = written(&r, false);
	struct recovery back;

	(void)state;
	for (size_t i = 0; i < CS_COUNT(lines); i++) {
		CS_AUTO(cs_buf_free) struct cs_buf forged = cs_buf_new(RECOVERY_FILE_MAX);
		char hex[33];
		uint8_t sum[16];
		const char *text = cs_buf_text(&file), *kdf = strstr(text, "kdf "),
		           *salt = strstr(text, "salt "), *end = strstr(text, "sum ");
		assert_int_equal(cs_buf_printf(&forged, "%.*s%s%.*s", (int)(kdf - text), text,
		                         lines[i], (int)(end - salt), salt),
		        CS_OK);
		crypto_generichash(sum, sizeof(sum), forged.p, forged.n, NULL, 0);
		sodium_bin2hex(hex, sizeof(hex), sum, sizeof(sum));
		assert_int_equal(cs_buf_printf(&forged, "sum %s\n", hex), CS_OK);
		assert_int_equal(recovery_look(cs_buf_view(&forged), &back), CS_OK);
		assert_int_equal(recovery_read(cs_buf_view(&forged), cs_bytes_of(PASS), &back),
		        CS_EITERATIONS);
	}
}

static void a_generated_passphrase_is_long_and_new(void **state)
{
	char a[RECOVERY_PASSPHRASE_BYTES], b[RECOVERY_PASSPHRASE_BYTES];

	(void)state;
	recovery_passphrase(a);
	recovery_passphrase(b);
	assert_int_equal(strlen(a), 35);
	assert_int_equal(strspn(a, "abcdefghjkmnpqrstuvwxyz23456789-"), 35);
	assert_string_not_equal(a, b);
}

static int begin(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gives_back_what_was_written),
		cmocka_unit_test(another_passphrase_opens_nothing),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(a_newer_version_is_named_as_such),
		cmocka_unit_test(a_kdf_past_the_bounds_is_refused_before_it_runs),
		cmocka_unit_test(a_generated_passphrase_is_long_and_new),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
