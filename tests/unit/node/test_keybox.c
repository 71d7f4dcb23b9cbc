#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "node/keyd/keybox.h"
#include "tests/unit/fixture.h"

static struct fx_cert cert;

static int mint(void **state)
{
	(void)state;
	cert = fx_cert((struct fx_spec){ 0 });
	return 0;
}

static void put(struct keybox *box, const char *id, bool hot)
{
	struct signkey *key = NULL;

	assert_int_equal(signkey_from_pkcs8(fx_key(&cert), &key), CS_OK);
	assert_int_equal(keybox_put(box, id, hot, &key), CS_OK);
	assert_null(key);
}

static void the_least_recently_used_goes_first(void **state)
{
	CS_AUTO(keybox_free) struct keybox *box = NULL;

	(void)state;
	assert_int_equal(keybox_new(3, &box), CS_OK);
	put(box, "a", true);
	put(box, "b", true);
	put(box, "c", true);
	assert_non_null(keybox_find(box, "a"));
	put(box, "d", true);
	assert_int_equal(keybox_count(box), 3);
	assert_null(keybox_find(box, "b"));
	assert_non_null(keybox_find(box, "a"));
	assert_non_null(keybox_find(box, "c"));
	assert_non_null(keybox_find(box, "d"));
}

static void a_key_opened_ahead_pushes_none_out(void **state)
{
	CS_AUTO(keybox_free) struct keybox *box = NULL;

	(void)state;
	assert_int_equal(keybox_new(2, &box), CS_OK);
	put(box, "a", false);
	put(box, "b", false);
	put(box, "c", false);
	assert_null(keybox_find(box, "c"));
	assert_non_null(keybox_find(box, "a"));
}

static void an_id_keeps_its_first_key(void **state)
{
	CS_AUTO(keybox_free) struct keybox *box = NULL;

	(void)state;
	assert_int_equal(keybox_new(2, &box), CS_OK);
	put(box, "a", true);
	const struct signkey *first = keybox_find(box, "a");
	put(box, "a", true);
	assert_ptr_equal(keybox_find(box, "a"), first);
	assert_int_equal(keybox_count(box), 1);
}

static void it_stays_bounded(void **state)
{
	CS_AUTO(keybox_free) struct keybox *box = NULL;
	char id[SIGN_KEY_ID];

	(void)state;
	assert_int_equal(keybox_new(16, &box), CS_OK);
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "%016x", (unsigned)i);
		put(box, id, true);
		snprintf(id, sizeof(id), "%016x", (unsigned)i / 2);
		(void)keybox_find(box, id);
	}
	assert_int_equal(keybox_count(box), 16);
	assert_non_null(keybox_find(box, "00000000000000c7"));
}

static bool is_not_b(void *data, const char *id)
{
	++*(size_t *)data;
	return strcmp(id, "b") != 0;
}

static void a_sweep_drops_what_is_disowned(void **state)
{
	CS_AUTO(keybox_free) struct keybox *box = NULL;
	size_t asked = 0;

	(void)state;
	assert_int_equal(keybox_new(16, &box), CS_OK);
	put(box, "a", true);
	put(box, "b", true);
	put(box, "c", true);
	for (int i = 0; i < 3; i++)
		keybox_sweep(box, 1, is_not_b, &asked);
	assert_true(asked >= 3); /* each once, wherever it lies */
	assert_null(keybox_find(box, "b"));
	assert_non_null(keybox_find(box, "a"));
	assert_non_null(keybox_find(box, "c"));
}

static void a_long_id_is_refused(void **state)
{
	CS_AUTO(keybox_free) struct keybox *box = NULL;
	struct signkey *key = NULL;

	(void)state;
	assert_int_equal(keybox_new(16, &box), CS_OK);
	assert_int_equal(signkey_from_pkcs8(fx_key(&cert), &key), CS_OK);
	assert_int_equal(keybox_put(box, "0123456789abcdef01234567", true, &key), CS_ETOOBIG);
	assert_null(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_recently_used_goes_first),
		cmocka_unit_test(a_key_opened_ahead_pushes_none_out),
		cmocka_unit_test(an_id_keeps_its_first_key),
		cmocka_unit_test(it_stays_bounded),
		cmocka_unit_test(a_sweep_drops_what_is_disowned),
		cmocka_unit_test(a_long_id_is_refused),
	};
	return cmocka_run_group_tests(tests, mint, NULL);
}
