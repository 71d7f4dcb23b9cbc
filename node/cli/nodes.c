/* certspan node list|show|set|remove|token create. */
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/view.h"

static void names_of(const json_t *node, char *out, size_t size)
{
	size_t i, n = 0;
	json_t *name;

	snprintf(out, size, "-");
	json_array_foreach(json_object_get(node, "hostnames"), i, name) if (n < size) n +=
	        (size_t)snprintf(
	                out + n, size - n, "%s%s", i > 0 ? ", " : "", json_string_value(name));
}

int cli_node_list(struct cli *cli)
{
	json_t *doc = NULL, *node;
	const int rc = api_get(cli, &doc, "/v1/nodes");
	size_t i;

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	CS_AUTO(table_free)
	struct table *table = table_new("NODE|ROLE|PUBLIC|INTERNAL|ENROLLED|+HOSTNAMES|+CURVE KEY",
	        cli->output == CLI_WIDE);
	json_array_foreach(json_object_get(doc, "nodes"), i, node)
	{
		char names[1024];
		names_of(node, names, sizeof(names));
		table_row(table, true_at(node, "enrolled") ? TABLE_PLAIN : TABLE_WARN,
		        "%s|%s|%s|%s|%s|%s|%s", table_safe(text_at(node, "name")),
		        table_safe(text_at(node, "role")), table_safe(text_at(node, "public")),
		        table_safe(text_at(node, "internal")),
		        true_at(node, "enrolled") ? table_safe(text_at(node, "enrolled_at"))
		                                  : "not yet",
		        table_safe(names), table_safe(text_at(node, "curve_key")));
	}
	table_print(table, stdout, cli_color(cli));
	json_decref(doc);
	return 0;
}

/* The machine under the node (S40), as that node says it. */
static void print_machine(const json_t *machine)
{
	static const struct {
		const char *key, *label;
	} rows[] = { { "model", "model" }, { "hypervisor", "hypervisor" },
		{ "firmware", "firmware" }, { "firmware_date", "of" }, { "serial", "serial" },
		{ "system_id", "system id" }, { "version", "version" }, { "kernel", "kernel" },
		{ "arch", "arch" }, { "time", "system time" }, { "zone", "time zone" },
		{ "sandbox", "sandbox" } };
	const json_t *load = json_object_get(machine, "load");

	if (!json_is_object(machine)) {
		printf("%-12s this node has not said it yet\n", "machine");
		return;
	}
	for (size_t i = 0; i < CS_COUNT(rows); i++)
		printf("%-12s %s\n", rows[i].label,
		        json_is_string(json_object_get(machine, rows[i].key))
		                ? table_safe(text_at(machine, rows[i].key))
		                : "not known");
	printf("%-12s %s\n", "uptime", view_age(int_at(machine, "uptime_s")));
	if (json_array_size(load) == 3)
		printf("%-12s %.2f %.2f %.2f\n", "load", json_number_value(json_array_get(load, 0)),
		        json_number_value(json_array_get(load, 1)),
		        json_number_value(json_array_get(load, 2)));
}

static void print_node(const json_t *doc)
{
	const json_t *node = json_object_get(doc, "node"), *status = json_object_get(doc, "status");
	char names[1024];
	size_t i;
	json_t *row;

	if (!json_is_object(status))
		status = json_object_get(node, "status");
	names_of(node, names, sizeof(names));
	printf("%-12s %s\n%-12s %s\n%-12s %s\n%-12s %s\n%-12s %s\n", "name",
	        table_safe(text_at(node, "name")), "role", table_safe(text_at(node, "role")),
	        "public", table_safe(text_at(node, "public")), "internal",
	        table_safe(text_at(node, "internal")), "hostnames", table_safe(names));
	printf("%-12s %s\n", "enrolled",
	        true_at(node, "enrolled") ? table_safe(text_at(node, "enrolled_at")) : "not yet");
	if (!json_is_object(status))
		return;
	printf("%-12s %s\n%-12s %lld\n", "state", view_word(text_at(status, "state"), false),
	        "generation", (long long)int_at(status, "generation"));
	print_machine(json_object_get(status, "machine"));
	json_array_foreach(json_object_get(status, "hosts"), i, row)
	        printf("%-12s %s: %s\n", i == 0 ? "hosts" : "", table_safe(text_at(row, "host")),
	                true_at(row, "covered") ? table_safe(text_at(row, "by")) : "NOT COVERED");
	json_array_foreach(json_object_get(status, "served"), i, row)
	        printf("%-12s %s %s: %s, %s ago\n", i == 0 ? "served" : "", text_at(row, "kind"),
	                table_safe(text_at(row, "sni")), table_safe(text_at(row, "result")),
	                view_age(int_at(row, "age_s")));
	if (text_at(status, "error")[0] != '\0')
		printf("%-12s %s\n", "error", table_safe(text_at(status, "error")));
}

int cli_node_show(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/nodes/%s", api_escape(cli->operands[0]));

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	print_node(doc);
	json_decref(doc);
	return 0;
}

static void put_option(struct cli *cli, json_t *fields, const char *name)
{
	const char *value = cli_value(cli, name);

	if (value != NULL)
		json_object_set_new(fields, name, json_string(value));
}

int cli_node_set(struct cli *cli)
{
	json_t *fields = json_object(), *doc = NULL;
	char path[4096];

	put_option(cli, fields, "public");
	put_option(cli, fields, "internal");
	api_list(cli, "hostname", fields, "hostnames");
	if (json_object_size(fields) == 0) {
		json_decref(fields);
		return cli_fail(cli, CS_EUSAGE, "certspan help node set",
		        "nothing to set: give --public, --internal or --hostname");
	}
	api_list(cli, "accept-uncovered", fields, "accept_uncovered");
	snprintf(path, sizeof(path), "/v1/nodes/%s", api_escape(cli->operands[0]));
	const int rc = api_write(cli, "PATCH", path, fields, &doc);
	return doc == NULL
	               ? rc
	               : api_outcome(cli, doc, "node %s is changed", table_safe(cli->operands[0]));
}

int cli_node_remove(struct cli *cli)
{
	json_t *doc = NULL;
	char path[4096];

	if (!cli_confirm(cli, "Take node %s out of the cluster", table_safe(cli->operands[0])))
		return cs_err_exit(CS_EUSAGE);
	snprintf(path, sizeof(path), "/v1/nodes/%s", api_escape(cli->operands[0]));
	const int rc = api_write(cli, "DELETE", path, NULL, &doc);
	return doc == NULL
	               ? rc
	               : api_outcome(cli, doc, "node %s is removed", table_safe(cli->operands[0]));
}

static int print_token(struct cli *cli, json_t *doc, int exit_code)
{
	size_t i;
	json_t *warning;

	json_array_foreach(json_object_get(doc, "warnings"), i, warning)
	        cli_say(cli, "warning: %s\n", table_safe(text_at(warning, "text")));
	if (exit_code != 0)
		fprintf(stderr, "certspan: %s\nnext: %s\n", table_safe(text_at(doc, "text")),
		        table_safe(text_at(doc, "next")));
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, exit_code);
	if (true_at(doc, "dry_run"))
		cli_say(cli, "dry run: no token was made\n");
	else
		printf("%s\n", text_at(doc, "token"));
	if (!true_at(doc, "dry_run"))
		cli_say(cli,
		        "good once, until %s\nnext: on the new host: certspan join - (and give it "
		        "this line), then start certspand\n",
		        text_at(doc, "expires_at"));
	json_decref(doc);
	return exit_code;
}

int cli_node_token(struct cli *cli)
{
	static const char *const needed[] = { "role", "name", "public" };
	json_t *fields = json_object(), *doc = NULL;
	const char *expires = cli_value(cli, "expires");
	int64_t s = 0;

	for (size_t i = 0; i < CS_COUNT(needed); i++) {
		if (cli_value(cli, needed[i]) == NULL) {
			json_decref(fields);
			return cli_fail(cli, CS_EUSAGE,
			        "certspan node token create --role traffic --name t1 --public HOST",
			        "--%s is missing", needed[i]);
		}
		put_option(cli, fields, needed[i]);
	}
	if (expires != NULL && !cli_seconds(expires, 1, &s)) {
		json_decref(fields);
		return cli_fail(
		        cli, CS_EUSAGE, "give --expires 1h", "no time: --expires %.40s", expires);
	}
	put_option(cli, fields, "internal");
	if (expires != NULL)
		json_object_set_new(fields, "expires_s", json_integer(s));
	api_list(cli, "hostname", fields, "hostnames");
	api_list(cli, "accept-uncovered", fields, "accept_uncovered");
	const int rc = api_write(cli, "POST", "/v1/tokens", fields, &doc);
	return doc == NULL ? rc : print_token(cli, doc, rc);
}
