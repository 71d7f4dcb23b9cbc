/* certspan sync status|wait. */
#include <stdlib.h>
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/view.h"

#define WAIT_S 30

int cli_sync_status(struct cli *cli)
{
	json_t *doc = NULL, *n;
	const int rc = api_get(cli, &doc, "/v1/sync");
	size_t i;

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	printf("%s   commit %lld   released %lld   epoch %lld   generation %lld\n%s%s\n",
	        view_word(text_at(doc, "state"), false), (long long)int_at(doc, "seq"),
	        (long long)int_at(doc, "released"), (long long)int_at(doc, "epoch"),
	        (long long)int_at(doc, "generation"), text_at(doc, "action"),
	        text_at(doc, "action")[0] != '\0' ? "\n" : "");
	CS_AUTO(table_free)
	struct table *table =
	        table_new("NODE|ROLE|STATE|STAGED|STORED|LOADED|SERVED|LAG|SYNC SET", false);
	json_array_foreach(json_object_get(doc, "nodes"), i, n) table_row(table,
	        strcmp(text_at(n, "state"), "in-sync") == 0 ? TABLE_PLAIN : TABLE_WARN,
	        "%s|%s|%s|%lld|%lld|%lld|%lld|%lld, %s|%s", table_safe(text_at(n, "name")),
	        table_safe(text_at(n, "role")), view_word(text_at(n, "state"), false),
	        (long long)int_at(n, "staged"), (long long)int_at(n, "stored"),
	        (long long)int_at(n, "loaded"), (long long)int_at(n, "served"),
	        (long long)int_at(n, "lag_commits"), view_age(int_at(n, "lag_s")),
	        true_at(n, "in_sync_set") ? "yes" : "-");
	table_print(table, stdout, cli_color(cli));
	json_decref(doc);
	return 0;
}

/* "backup", "all", "nodes=N" into the API's words. */
static bool wait_for(const char *text, json_t *body)
{
	char *end = NULL;

	if (strcmp(text, "all") == 0 || strcmp(text, "served") == 0)
		return json_object_set_new(body, "for", json_string("served")) == 0;
	if (strcmp(text, "backup") == 0 || strcmp(text, "stored") == 0)
		return json_object_set_new(body, "for", json_string("stored")) == 0;
	if (strncmp(text, "nodes=", 6) != 0 || text[6] < '0' || text[6] > '9')
		return false;
	const long n = strtol(text + 6, &end, 10);
	if (*end != '\0' || n < 1 || n > 4096)
		return false;
	json_object_set_new(body, "nodes", json_integer(n));
	return json_object_set_new(body, "for", json_string("served")) == 0;
}

int cli_sync_wait(struct cli *cli)
{
	const char *mode = cli_value(cli, "for"), *seq = cli_value(cli, "seq");
	const int wait_s = cli->timeout_s > 0 ? cli->timeout_s : WAIT_S;
	json_t *body = json_pack("{s:i}", "timeout_s", wait_s), *doc = NULL;
	char *end = NULL;

	if (!wait_for(mode != NULL ? mode : cli->ack != NULL ? cli->ack : "all", body)) {
		json_decref(body);
		return cli_fail(cli, CS_EUSAGE, "give --for backup, --for nodes=2 or --for all",
		        "wait for whom? %.60s", mode);
	}
	if (seq != NULL) {
		const long long n = strtoll(seq, &end, 10);
		if (seq[0] < '0' || seq[0] > '9' || *end != '\0') {
			json_decref(body);
			return cli_fail(cli, CS_EUSAGE, "give the number that the write printed",
			        "no commit number: %.60s", seq);
		}
		json_object_set_new(body, "seq", json_integer(n));
	}
	const int rc = api_post(cli, "/v1/sync/wait", body, wait_s, &doc);
	if (doc == NULL)
		return rc;
	return api_outcome(cli, doc,
	        int_at(doc, "exit") == 0 ? "every node asked for has it" : "not everywhere yet");
}
