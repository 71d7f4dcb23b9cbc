/* certspan explain HOST: the whole decision which certificate a client gets. */
#include "node/cli/api.h"
#include "node/cli/view.h"

static void print_explain(struct cli *cli, const json_t *doc)
{
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(doc, "text"), i, row)
	        printf("%s\n", table_safe(json_string_value(row)));
	if (json_array_size(json_object_get(doc, "candidates")) > 0)
		putchar('\n');
	CS_AUTO(table_free)
	struct table *table = table_new("CERTIFICATE|NAME|COVER|BY|KEY|EXPIRES|WHY", false);
	const char *chosen = text_at(json_object_get(doc, "chosen"), "cert");
	json_array_foreach(json_object_get(doc, "candidates"), i, row) table_row(table,
	        json_string_value(json_object_get(row, "cert")) != NULL && chosen[0] != '\0' &&
	                        i == 0
	                ? TABLE_GOOD
	                : TABLE_PLAIN,
	        "%s|%s|%s|%s|%s|%s|%s", table_safe(text_at(row, "cert")),
	        table_safe(text_at(row, "name")), table_safe(text_at(row, "cover")),
	        table_safe(text_at(row, "by")), table_safe(text_at(row, "key")),
	        view_left(text_at(row, "not_after")), table_safe(text_at(row, "text")));
	if (i > 0)
		table_print(table, stdout, cli_color(cli));
	json_array_foreach(json_object_get(doc, "others"), i, row)
	        printf("%snot in question: %s %s (%s): %s\n", i == 0 ? "\n" : "",
	                table_safe(text_at(row, "cert")), table_safe(text_at(row, "name")),
	                view_word(text_at(row, "state"), false), table_safe(text_at(row, "text")));
}

int cli_explain(struct cli *cli)
{
	const char *node = cli_value(cli, "node"), *client = cli_value(cli, "client");
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/explain?host=%s%s%s%s%s",
	        api_escape(cli->operands[0]), node != NULL ? "&node=" : "", api_escape(node),
	        client != NULL ? "&client=" : "", api_escape(client));

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	print_explain(cli, doc);
	json_decref(doc);
	return 0;
}
