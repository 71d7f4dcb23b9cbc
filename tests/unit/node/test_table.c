#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "node/cli/table.h"

static char *printed(struct table *table, bool color)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	table_print(table, out, color);
	fclose(out);
	return text;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	(void)state;
	CS_AUTO(table_free) struct table *table = table_new("A|LONGER|C", false);
	table_row(table, TABLE_PLAIN, "%s|%s|%s", "wide one", "x", "y");
	table_row(table, TABLE_PLAIN, "%s|%s|%s", "\xc3\xa4", "x", "z");
	char *text = printed(table, false);

	assert_string_equal(
	        text, "A         LONGER  C\nwide one  x       y\n\xc3\xa4         x       z\n");
	free(text);
}

static void wide_columns_show_in_wide_form_alone(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		CS_AUTO(table_free) struct table *table = table_new("A|+B|C", wide == 1);
		table_row(table, TABLE_PLAIN, "1|2|3");
		char *text = printed(table, false);
		assert_string_equal(text, wide == 1 ? "A  B  C\n1  2  3\n" : "A  C\n1  3\n");
		free(text);
	}
}

static void missing_and_odd_cells_do_no_harm(void **state)
{
	(void)state;
	CS_AUTO(table_free) struct table *table = table_new("A|B|C", false);
	table_row(table, TABLE_BAD, "only");
	table_row(table, TABLE_BAD, "%s|%s|%s", table_safe("a|b"), table_safe("x\x1b[31m\n"),
	        table_safe(NULL));
	char *text = printed(table, false);

	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "a/b"));
	assert_non_null(strstr(text, "x\\x1b[31m\\x0a"));
	free(text);
	text = printed(table, true);
	assert_non_null(strstr(text, "\x1b[31m")); /* our own tint */
	free(text);
}

static void width_counts_characters(void **state)
{
	(void)state;
	assert_int_equal(table_width("abc"), 3);
	assert_int_equal(table_width("\xc3\xa4\xe2\x82\xac"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(wide_columns_show_in_wide_form_alone),
		cmocka_unit_test(missing_and_odd_cells_do_no_harm),
		cmocka_unit_test(width_counts_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
