/* certspan coverage check|matrix: each hostname against what would be served. */
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/view.h"
#include "proto/base/buf.h"

#define QUERY_MAX 7000

static int get(struct cli *cli, json_t **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf query = cs_buf_new(QUERY_MAX);
	enum cs_err rc = CS_OK;

	*out = NULL;
	for (size_t i = 0; i < cli->operand_count && rc == CS_OK; i++)
		rc = cs_buf_printf(
		        &query, "%s%s", i > 0 ? "," : "?host=", api_escape(cli->operands[i]));
	if (rc != CS_OK)
		return cli_fail(cli, rc, "ask in several steps", "too many hostnames at once");
	return api_get(cli, out, "/v1/coverage%s", cs_buf_text(&query));
}

static const char *cell(const json_t *cover)
{
	static char cells[4][160];
	static unsigned turn;
	char *out = cells[turn++ % CS_COUNT(cells)];
	const char *word = text_at(cover, "cover"), *name = text_at(cover, "name");

	if (word[0] == '\0' || strcmp(word, "none") == 0)
		return "none";
	snprintf(out, sizeof(cells[0]), "%s by %.120s", word,
	        table_safe(name[0] != '\0' ? name : text_at(cover, "cert")));
	return out;
}

static void rows(struct cli *cli, const json_t *doc, bool asked_only)
{
	CS_AUTO(table_free)
	struct table *table =
	        table_new("HOST|NODE|KIND|BY SNI|AS DEFAULT|+NAME", cli->output == CLI_WIDE);
	size_t i, shown = 0;
	json_t *row;

	json_array_foreach(json_object_get(doc, "rows"), i, row)
	{
		if (asked_only && strcmp(text_at(row, "kind"), "asked") != 0)
			continue;
		shown++;
		const json_t *sni = json_object_get(row, "sni");
		table_row(table, true_at(row, "covered") ? TABLE_PLAIN : TABLE_BAD,
		        "%s|%s|%s|%s|%s|%s", table_safe(text_at(row, "host")),
		        table_safe(text_at(row, "node")), table_safe(text_at(row, "kind")),
		        cell(sni), cell(json_object_get(row, "default")),
		        table_safe(text_at(sni, "by")));
	}
	if (shown > 0)
		table_print(table, stdout, cli_color(cli));
}

int cli_coverage_matrix(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = get(cli, &doc);

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	rows(cli, doc, false);
	printf("\n%lld of %lld hostnames are covered   generation %lld\n",
	        (long long)int_at(doc, "covered"), (long long)int_at(doc, "total"),
	        (long long)int_at(doc, "generation"));
	json_decref(doc);
	return 0;
}

int cli_coverage_check(struct cli *cli)
{
	json_t *doc = NULL, *row;
	const int rc = get(cli, &doc);
	size_t i;

	if (rc != 0)
		return rc;
	const bool missing = json_array_size(json_object_get(doc, "uncovered")) > 0;
	const int exit_code = missing && cli_flag(cli, "exit-code") ? 1 : 0;
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, exit_code);
	if (cli->operand_count > 0)
		rows(cli, doc, true);
	json_array_foreach(json_object_get(doc, "uncovered"), i, row)
	        printf("UNCOVERED  %s  %s  %s\n", table_safe(text_at(row, "host")),
	                table_safe(text_at(row, "node")), table_safe(text_at(row, "text")));
	if (!missing)
		printf("every hostname is covered (%lld)\n", (long long)int_at(doc, "total"));
	json_decref(doc);
	return exit_code;
}
