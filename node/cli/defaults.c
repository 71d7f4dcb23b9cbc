/* certspan default show|set. */
#include "node/cli/api.h"
#include "node/cli/view.h"

static void print_default(struct cli *cli, const json_t *doc)
{
	const json_t *choice = json_object_get(doc, "default");
	size_t i;
	json_t *node;

	if (!json_is_object(choice))
		printf("no default certificate: clients without a known name are refused\nnext: "
		       "certspan default set ID\n");
	else
		printf("%s  %s   since %s by %s\n", table_safe(text_at(choice, "cert")),
		        table_safe(text_at(choice, "name")), table_safe(text_at(choice, "at")),
		        table_safe(text_at(choice, "actor")));
	CS_AUTO(table_free) struct table *table = table_new("NODE|CERTIFICATE|NAME|CHOICE", false);
	json_array_foreach(json_object_get(doc, "nodes"), i, node)
	        table_row(table, TABLE_PLAIN, "%s|%s|%s|%s", table_safe(text_at(node, "node")),
	                table_safe(text_at(node, "cert")), table_safe(text_at(node, "name")),
	                true_at(node, "own") ? "its own" : "the cluster's");
	if (i > 0)
		table_print(table, stdout, cli_color(cli));
}

int cli_default_show(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/default");

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	print_default(cli, doc);
	json_decref(doc);
	return 0;
}

int cli_default_set(struct cli *cli)
{
	json_t *fields = json_pack("{s:s}", "id", cli->operands[0]), *doc = NULL;
	const char *node = cli_value(cli, "node");

	if (fields == NULL)
		return cli_fail(cli, CS_EUSAGE, "certspan cert list",
		        "no certificate id: it is no UTF-8 text");
	if (node != NULL)
		json_object_set_new(fields, "node", json_string(node));
	api_list(cli, "accept-uncovered", fields, "accept_uncovered");
	const int rc = api_write(cli, "PUT", "/v1/default", fields, &doc);
	if (doc == NULL)
		return rc;
	return api_outcome(cli, doc, "default%s%s is %s", node != NULL ? " of " : "",
	        node != NULL ? table_safe(node) : "",
	        table_safe(
	                text_at(doc, "cert")[0] != '\0' ? text_at(doc, "cert") : cli->operands[0]));
}

int cli_default_clear(struct cli *cli)
{
	json_t *doc = NULL;
	const char *node = cli_value(cli, "node");

	if (node == NULL)
		return cli_fail(cli, CS_EUSAGE,
		        "certspan default clear --node NAME; the cluster's own is replaced by "
		        "`default set ID`",
		        "--node is missing");
	const int rc =
	        api_write(cli, "DELETE", "/v1/default", json_pack("{s:s}", "node", node), &doc);
	return doc == NULL ? rc
	                   : api_outcome(cli, doc, "%s follows the cluster's default",
	                             table_safe(node));
}
