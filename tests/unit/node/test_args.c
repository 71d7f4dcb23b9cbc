#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "node/cli/args.h"
#include "proto/base/text.h"

#define WORDS_MAX 16

static struct cli cli;
static struct args_error error;

/* Splits TEXT at spaces and parses it; "''" stands for an empty word. */
static enum cs_err parse(const char *text)
{
	static char copy[512];
	char *argv[WORDS_MAX] = { (char *)"certspan" }, *at = copy;
	int argc = 1;

	memset(&cli, 0, sizeof(cli));
	memset(&error, 0, sizeof(error));
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word; (word = strsep(&at, " ")) != NULL;)
		if (word[0] != '\0')
			argv[argc++] = strcmp(word, "''") == 0 ? (char *)"" : word;
	return args_parse(&cli, argc, argv, &error);
}

static void global_options_may_stand_anywhere(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"-o json node list",
		"node -o json list",
		"node list -o json",
		"node list -ojson",
		"--output=json node list",
		"node list --output json",
	};

	for (size_t i = 0; i < CS_COUNT(lines); i++) {
		assert_int_equal(parse(lines[i]), CS_OK);
		assert_int_equal(cli.output, CLI_JSON);
		assert_string_equal(cli.command->name, "node list");
	}
}

static void after_two_dashes_all_are_operands(void **state)
{
	(void)state;
	assert_int_equal(parse("coverage match --cert F -- -o '' --yes"), CS_OK);
	assert_int_equal(cli.operand_count, 3);
	assert_string_equal(cli.operands[0], "-o");
	assert_string_equal(cli.operands[1], "");
	assert_false(cli.yes);
	assert_string_equal(cli_value(&cli, "cert"), "F");
}

static void three_words_are_a_command_too(void **state)
{
	(void)state;
	assert_int_equal(
	        parse("node token create --role traffic --name t1 --hostname a --hostname b"),
	        CS_OK);
	assert_string_equal(cli.command->name, "node token create");
	size_t at = 0;
	assert_string_equal(cli_next_value(&cli, "hostname", &at), "a");
	assert_string_equal(cli_next_value(&cli, "hostname", &at), "b");
	assert_null(cli_next_value(&cli, "hostname", &at));
}

static void a_lone_dash_is_an_operand(void **state)
{
	(void)state;
	assert_int_equal(parse("join -"), CS_OK);
	assert_string_equal(cli.operands[0], "-");
}

static void an_optional_value_is_taken_only_with_its_sign(void **state)
{
	(void)state;
	assert_int_equal(parse("status --watch"), CS_OK);
	assert_string_equal(cli_value(&cli, "watch"), "");
	assert_int_equal(parse("status --watch=5"), CS_OK);
	assert_string_equal(cli_value(&cli, "watch"), "5");
	assert_int_equal(parse("status --watch 5"), CS_EUSAGE); /* status has no operand */
}

static void an_own_option_wins_over_nothing_global(void **state)
{
	(void)state;
	assert_int_equal(parse("check -w 30d -c 5d"), CS_OK);
	assert_string_equal(cli_value(&cli, "warning"), "30d");
	assert_string_equal(cli_value(&cli, "critical"), "5d");
	assert_null(cli_value(&cli, "lag"));
}

static void mistakes_are_named_with_what_was_meant(void **state)
{
	(void)state;
	static const struct {
		const char *line, *says;
	} table[] = {
		{ "stauts", "did you mean `certspan status`" },
		{ "cert imprt F", "did you mean `certspan cert import`" },
		{ "node", "needs a verb" },
		{ "node list --otuput json", "did you mean --output" },
		{ "cert import --passphrase-fiel F x", "did you mean --passphrase-file" },
		{ "--all probe", "options come after its name" },
		{ "cert show", "needs: ID" },
		{ "node show a b", "takes no \"b\"" },
		{ "node list --output", "needs a value" },
		{ "node list --yes=1", "takes no value" },
		{ "node list -o yaml", "unknown output form" },
		{ "status --timeout soon", "no time" },
		{ "zzz", "unknown command: zzz" },
	};

	for (size_t i = 0; i < CS_COUNT(table); i++) {
		assert_int_equal(parse(table[i].line), CS_EUSAGE);
		if (strstr(error.text, table[i].says) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", table[i].line, error.text,
			        table[i].says);
		assert_true(error.next[0] != '\0');
	}
}

static void help_forgives_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(parse("cert show --help"), CS_OK);
	assert_true(cli.help);
	assert_int_equal(parse("-h"), CS_OK);
	assert_true(cli.help);
	assert_null(cli.command);
}

static void every_command_can_be_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < cli_command_count; i++) {
		char line[128];
		snprintf(line, sizeof(line), "%s --help", cli_commands[i].name);
		assert_int_equal(parse(line), CS_OK);
		assert_ptr_equal(cli.command, &cli_commands[i]);
	}
}

static void times_have_units(void **state)
{
	(void)state;
	int64_t s = 0;

	assert_true(cli_seconds("25d", 1, &s) && s == 25 * 86400);
	assert_true(cli_seconds("3", 86400, &s) && s == 3 * 86400);
	assert_true(cli_seconds("10m", 1, &s) && s == 600);
	assert_false(cli_seconds("", 1, &s));
	assert_false(cli_seconds("-1", 1, &s));
	assert_false(cli_seconds("5 d", 1, &s));
	assert_false(cli_seconds("5dd", 1, &s));
}

static void distance_counts_edits(void **state)
{
	(void)state;
	assert_int_equal(cs_distance("status", "status"), 0);
	assert_int_equal(cs_distance("stauts", "status"), 1); /* neighbours swapped */
	assert_int_equal(cs_distance("stat", "status"), 2);
	assert_int_equal(cs_distance("", "abc"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_options_may_stand_anywhere),
		cmocka_unit_test(after_two_dashes_all_are_operands),
		cmocka_unit_test(three_words_are_a_command_too),
		cmocka_unit_test(a_lone_dash_is_an_operand),
		cmocka_unit_test(an_optional_value_is_taken_only_with_its_sign),
		cmocka_unit_test(an_own_option_wins_over_nothing_global),
		cmocka_unit_test(mistakes_are_named_with_what_was_meant),
		cmocka_unit_test(help_forgives_what_is_missing),
		cmocka_unit_test(every_command_can_be_found_by_its_name),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(distance_counts_edits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
