#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "proto/role/keyfile.h"
#include "tests/unit/fixture.h"

static char dir[64], path[128];

static void a_key_file_gives_back_what_was_written(void **state)
{
	(void)state;
	struct replicator_key a, b;
	struct keyd_key c, d;
	struct stat st;

	replicator_key_make(&a);
	snprintf(path, sizeof(path), "%s/replicator.key", dir);
	assert_int_equal(replicator_key_write(path, &a), CS_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(replicator_key_read(path, &b), CS_OK);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(replicator_key_write(path, &a), CS_EEXISTS);

	keyd_key_make(&c);
	snprintf(path, sizeof(path), "%s/keyd.key", dir);
	assert_int_equal(keyd_key_write(path, &c), CS_OK);
	assert_int_equal(keyd_key_read(path, &d), CS_OK);
	assert_memory_equal(&c, &d, sizeof(c));
	assert_int_equal(replicator_key_read(path, &b), CS_EMALFORMED);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	(void)state;
	struct keyd_key key;

	snprintf(path, sizeof(path), "%s/keyd.key", dir);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(keyd_key_read(path, &key), CS_EDENIED);
	assert_int_equal(chmod(path, 0600), 0);
}

static void every_cut_and_every_extra_byte_is_refused(void **state)
{
	(void)state;
	char text[1024];
	struct keyd_key key;

	snprintf(path, sizeof(path), "%s/keyd.key", dir);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	const size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	for (size_t cut = 0; cut <= n + 1; cut++) {
		f = fopen(path, "w");
		assert_non_null(f);
		fwrite(text, 1, cut > n ? n : cut, f);
		if (cut > n)
			fputc('x', f);
		fclose(f);
		assert_int_equal(keyd_key_read(path, &key) == CS_OK, cut == n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_file_gives_back_what_was_written),
		cmocka_unit_test(a_file_that_others_can_read_is_refused),
		cmocka_unit_test(every_cut_and_every_extra_byte_is_refused),
	};
	fx_mkdir(dir);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	fx_rmdir(dir);
	return failed;
}
