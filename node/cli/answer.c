/* What the API answers, for people: errors, outcomes, fields. */
#include <stdarg.h>
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/table.h"
#include "proto/base/limits.h"

const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

int64_t int_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_real(value) ? (int64_t)json_real_value(value)
	                           : (int64_t)json_integer_value(value);
}

bool true_at(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *api_escape(const char *text)
{
	static char buffers[8][3 * CS_TEXT_MAX + 1];
	static unsigned turn;
	char *out = buffers[turn++ % CS_COUNT(buffers)], *end = out;

	for (const unsigned char *c = (const unsigned char *)(text != NULL ? text : "");
	        *c != '\0' && end < out + 3 * CS_TEXT_MAX - 3; c++) {
		const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		                   (*c >= '0' && *c <= '9') || strchr("-._~*", *c) != NULL;
		end += snprintf(end, 4, plain ? "%c" : "%%%02X", *c);
	}
	*end = '\0';
	return out;
}

void api_list(struct cli *cli, const char *option, json_t *fields, const char *key)
{
	json_t *list = json_array();
	size_t at = 0;

	for (const char *value; (value = cli_next_value(cli, option, &at)) != NULL;)
		json_array_append_new(list, json_string(value));
	if (json_array_size(list) > 0)
		json_object_set(fields, key, list);
	json_decref(list);
}

static void print_rows(const json_t *rows, const char *first, const char *second, const char *third)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	        fprintf(stderr, "  %s %s  %s\n", table_safe(text_at(row, first)),
	                table_safe(text_at(row, second)), table_safe(text_at(row, third)));
}

int api_error(struct cli *cli, json_t *doc)
{
	const json_t *error = json_object_get(doc, "error");
	const int exit_code = (int)int_at(error, "exit");

	fprintf(stderr, "certspan: %s\n",
	        error != NULL ? table_safe(text_at(error, "text"))
	                      : "the daemon refused it without saying why");
	print_rows(json_object_get(error, "uncovered"), "node", "host", "text");
	print_rows(json_object_get(doc, "findings"), "file", "what", "reason");
	if (text_at(error, "next")[0] != '\0')
		fprintf(stderr, "next: %s\n", table_safe(text_at(error, "next")));
	if (cli->output == CLI_JSON)
		cli_print(cli, json_incref(doc), 0);
	json_decref(doc);
	return exit_code > 0 && exit_code < 256 ? exit_code : cs_err_exit(CS_EBUG);
}

static void print_warnings(const json_t *doc)
{
	size_t i;
	json_t *warning;

	json_array_foreach(json_object_get(doc, "warnings"), i, warning)
	        fprintf(stderr, "warning: %s\n", table_safe(text_at(warning, "text")));
}

int api_outcome(struct cli *cli, json_t *doc, const char *fmt, ...)
{
	const int exit_code = (int)int_at(doc, "exit");
	char what[CS_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (!cli->quiet)
		print_warnings(doc);
	if (exit_code != 0) {
		fprintf(stderr, "certspan: %s\n", table_safe(text_at(doc, "text")));
		if (text_at(doc, "next")[0] != '\0')
			fprintf(stderr, "next: %s\n", table_safe(text_at(doc, "next")));
	}
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, exit_code);
	if (true_at(doc, "dry_run"))
		printf("dry run, nothing was changed: %s\n", what);
	else
		printf("%s   commit %lld   generation %lld   acknowledged: %s\n", what,
		        (long long)int_at(doc, "seq"), (long long)int_at(doc, "generation"),
		        table_safe(text_at(doc, "acknowledged")));
	json_decref(doc);
	return exit_code;
}
