#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include "node/admin/page.h"
#include "node/admin/prune.h"

static const struct pki_cert ends[] = {
	{ .not_after = 30, .issuer = "CN=b" },
	{ .not_after = 10, .issuer = "CN=a" },
	{ .not_after = 20, .issuer = "CN=B" },
	{ .not_after = 10, .issuer = "CN=c" },
};
static const struct page_row all[] = {
	{ "d4", "alpha", &ends[0], NULL },
	{ "c3", "Beta", &ends[1], NULL },
	{ "b2", "gamma", &ends[2], NULL },
	{ "a1", "beta", &ends[3], NULL },
};

/* The ids of all pages of LIMIT, one after the other. */
static void collect(enum page_sort sort, size_t limit, char *out)
{
	struct page_row rows[8], after;
	bool more = true, first = true;
	size_t n = 0;

	out[0] = '\0';
	while (more) {
		struct page page = {
			.sort = sort, .after = first ? NULL : &after, .rows = rows, .limit = limit
		};
		for (size_t i = 0; i < CS_COUNT(all); i++)
			page_offer(&page, &all[i]);
		assert_int_equal(page.total, CS_COUNT(all));
		assert_true(page.count <= limit);
		for (size_t i = 0; i < page.count; i++)
			n += (size_t)snprintf(out + n, 32 - n, "%s", rows[i].id);
		after = rows[page.count - 1];
		more = page.more;
		first = false;
	}
}

static void test_pages_join_without_gap(void **state)
{
	static const struct {
		const char *word, *ids;
	} table[] = { { "id", "a1b2c3d4" }, { "name", "d4a1c3b2" }, { "expires", "a1c3b2d4" },
		{ "issuer", "c3b2d4a1" } };
	enum page_sort sort;
	char out[32];

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		assert_int_equal(page_sort_of(table[i].word, &sort), CS_OK);
		for (size_t limit = 1; limit <= 5; limit++) {
			collect(sort, limit, out);
			assert_string_equal(out, table[i].ids);
		}
	}
	assert_int_equal(page_sort_of("colour", &sort), CS_EUSAGE);
}

static void test_what_is_retired_goes_late(void **state)
{
	const int64_t day = 86400, now = 1000 * day;
	const struct {
		uint32_t life;
		int64_t retired_days;
		uint64_t generation;
		bool due;
	} table[] = {
		{ CERT_RETIRED, 31, 79, true },
		{ CERT_RETIRED, 31, 80, false }, /* only 20 generations back */
		{ CERT_RETIRED, 29, 10, false },
		{ CERT_ACTIVE, 31, 10, false },
		{ CERT_STAGED, 31, 10, false },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct wire_certificate life = { .state = table[i].life,
			.retired_at = (uint64_t)(now - table[i].retired_days * day) };
		assert_int_equal(prune_due(&life, table[i].generation, 100, now), table[i].due);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_join_without_gap),
		cmocka_unit_test(test_what_is_retired_goes_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
