/* certspan setting list|get|set. */
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/table.h"

static const char *value_of(const json_t *value)
{
	static char texts[4][1100];
	static unsigned turn;
	char *out = texts[turn++ % CS_COUNT(texts)];
	size_t i, n = 0;
	json_t *item;

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value)) {
		snprintf(out, sizeof(texts[0]), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return out;
	}
	out[0] = '\0';
	json_array_foreach(value, i, item) if (n < sizeof(texts[0])) n += (size_t)snprintf(
	        out + n, sizeof(texts[0]) - n, "%s%s", i > 0 ? "," : "", json_string_value(item));
	return out;
}

int cli_setting_list(struct cli *cli)
{
	json_t *doc = NULL, *s;
	const int rc = api_get(cli, &doc, "/v1/settings");
	size_t i;

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	CS_AUTO(table_free) struct table *table = table_new("NAME|VALUE|DEFAULT|WHAT IT IS", false);
	json_array_foreach(json_object_get(doc, "settings"), i, s)
	        table_row(table, TABLE_PLAIN, "%s|%s|%s|%s", table_safe(text_at(s, "name")),
	                table_safe(value_of(json_object_get(s, "value"))),
	                table_safe(value_of(json_object_get(s, "default"))),
	                table_safe(text_at(s, "help")));
	table_print(table, stdout, cli_color(cli));
	json_decref(doc);
	return 0;
}

int cli_setting_get(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/settings/%s", api_escape(cli->operands[0]));

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	printf("%s\n", value_of(json_object_get(json_object_get(doc, "setting"), "value")));
	json_decref(doc);
	return 0;
}

int cli_setting_set(struct cli *cli)
{
	json_t *fields = json_pack("{s:s}", "value", cli->operands[1]), *doc = NULL;
	char path[4096];

	if (fields == NULL)
		return cli_fail(
		        cli, CS_EUSAGE, "certspan setting list", "the value is no UTF-8 text");
	api_list(cli, "accept-uncovered", fields, "accept_uncovered");
	snprintf(path, sizeof(path), "/v1/settings/%s", api_escape(cli->operands[0]));
	const int rc = api_write(cli, "PUT", path, fields, &doc);
	return doc == NULL ? rc : api_outcome(cli, doc, "%s is set", table_safe(cli->operands[0]));
}
