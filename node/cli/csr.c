/* certspan csr create|list|show|cancel, certspan cert create: requests and self-signed
 * certificates. The key is made in the key process; nothing secret passes here. */
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/import.h"
#include "node/cli/view.h"

static void names_of(const json_t *request, char *out, size_t size)
{
	static const char *const kinds[][2] = { { "dns_names", "dNSName" },
		{ "ip_addresses", "iPAddress" } };
	size_t i, n = 0;
	json_t *name;

	snprintf(out, size, "-");
	for (size_t k = 0; k < CS_COUNT(kinds); k++)
		json_array_foreach(json_object_get(request, kinds[k][0]), i, name) if (n < size)
		        n += (size_t)snprintf(out + n, size - n, "%s%s - %s", n > 0 ? ", " : "",
		                kinds[k][1], json_string_value(name));
}

static const char *key_of(const json_t *request)
{
	static char text[32];
	const char *key = text_at(request, "key");

	if (strcmp(key, "RSA") != 0)
		return table_safe(key);
	snprintf(text, sizeof(text), "RSA-%lld", (long long)int_at(request, "key_bits"));
	return text;
}

int cli_csr_list(struct cli *cli)
{
	json_t *doc = NULL, *request;
	const int rc = api_get(cli, &doc, "/v1/requests");
	size_t i;

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	CS_AUTO(table_free)
	struct table *table =
	        table_new("FINGERPRINT|NAME|SUBJECT|ALTERNATIVE NAMES|KEY|+CREATED|+KEY OF",
	                cli->output == CLI_WIDE);
	json_array_foreach(json_object_get(doc, "requests"), i, request)
	{
		char names[1024];
		names_of(request, names, sizeof(names));
		table_row(table, TABLE_PLAIN, "%s|%s|%s|%s|%s|%s|%s",
		        table_safe(text_at(request, "fingerprint")),
		        table_safe(text_at(request, "name")),
		        table_safe(text_at(request, "subject")), table_safe(names), key_of(request),
		        table_safe(text_at(request, "created_at")),
		        table_safe(text_at(request, "same_key")));
	}
	table_print(table, stdout, cli_color(cli));
	if (i == 0)
		cli_say(cli, "no request is open\nnext: certspan csr create --san HOST\n");
	json_decref(doc);
	return 0;
}

static void line(const char *label, const char *value)
{
	if (value[0] != '\0')
		printf("%-14s %s\n", label, table_safe(value));
}

static void print_request(const json_t *request)
{
	char names[4096];

	names_of(request, names, sizeof(names));
	line("fingerprint", text_at(request, "fingerprint"));
	line("name", text_at(request, "name"));
	line("subject", text_at(request, "subject"));
	line("names", names);
	line("key", key_of(request));
	line("key of", text_at(request, "same_key"));
	line("created", text_at(request, "created_at"));
	line("by", text_at(request, "created_by"));
	line("server type", text_at(request, "server_type"));
	printf("%s", text_at(request, "pem"));
}

int cli_csr_show(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/requests/%s", api_escape(cli->operands[0]));
	const json_t *request = json_object_get(doc, "request");

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	if (cli_flag(cli, "pem"))
		printf("%s", text_at(request, "pem"));
	else
		print_request(request);
	json_decref(doc);
	return 0;
}

int cli_csr_cancel(struct cli *cli)
{
	int worst = 0;

	if (!cli_confirm(cli, "Cancel %zu request%s and delete the key", cli->operand_count,
	            cli->operand_count == 1 ? "" : "s"))
		return cs_err_exit(CS_EUSAGE);
	if (cli->request != NULL && cli->operand_count > 1)
		return cli_fail(
		        cli, CS_EUSAGE, "cancel one at a time", "--request is for one write");
	for (size_t i = 0; i < cli->operand_count; i++) {
		char path[4096];
		json_t *doc = NULL;
		snprintf(path, sizeof(path), "/v1/requests/%s", api_escape(cli->operands[i]));
		int rc = api_write(cli, "DELETE", path, NULL, &doc);
		if (doc != NULL)
			rc = api_outcome(cli, doc, "cancelled %s", table_safe(cli->operands[i]));
		worst = rc > worst ? rc : worst;
	}
	return worst;
}

/* What a draft is made of; options and fields have the same names. */
static json_t *draft_fields(struct cli *cli)
{
	static const struct {
		const char *option, *field;
	} texts[] = { { "name", "name" }, { "key", "key" }, { "same-key", "same_key" },
		{ "from", "from" }, { "country", "country" }, { "state", "state" },
		{ "locality", "locality" }, { "organization", "organization" }, { "unit", "unit" },
		{ "common-name", "common_name" } };
	json_t *fields = json_object();

	for (size_t i = 0; i < CS_COUNT(texts); i++) {
		const char *value = cli_value(cli, texts[i].option);
		if (value != NULL)
			json_object_set_new(fields, texts[i].field, json_string(value));
	}
	api_list(cli, "san", fields, "san");
	api_list(cli, "add-san", fields, "add_san");
	if (cli_flag(cli, "allow-ip"))
		json_object_set_new(fields, "allow_ip", json_true());
	return fields;
}

static void print_would_cover(const json_t *doc)
{
	const json_t *coverage = json_object_get(doc, "would_cover");
	size_t i;
	json_t *row;

	json_array_foreach(json_object_get(coverage, "rows"), i, row)
	{
		const char *by = text_at(row, "by"), *node = text_at(row, "node");
		printf("  %-9s %s (%s)%s%s\n", by[0] != '\0' ? "covers" : "uncovered",
		        table_safe(text_at(row, "host")),
		        node[0] != '\0' ? table_safe(node) : "site", by[0] != '\0' ? " by " : "",
		        by[0] != '\0' ? table_safe(by) : "");
	}
	if (i > 0)
		printf("  %lld of %lld hostnames of the cluster\n",
		        (long long)int_at(coverage, "covered"),
		        (long long)int_at(coverage, "total"));
}

/* Makes it, after the coverage of what is to be made has been printed. FIELDS are taken over. */
static int create(struct cli *cli, const char *path, json_t *fields, json_t **out)
{
	const bool dry_run = cli->dry_run;
	json_t *before = NULL;
	int rc = 0;

	*out = NULL;
	if (cli->output != CLI_JSON) {
		cli->dry_run = true;
		rc = api_write(cli, "POST", path, json_deep_copy(fields), &before);
		cli->dry_run = dry_run;
		print_would_cover(before);
		fflush(stdout);
	}
	if (rc == 0 && (!dry_run || cli->output == CLI_JSON)) {
		json_decref(before);
		return api_write(cli, "POST", path, fields, out);
	}
	json_decref(fields);
	*out = before;
	return rc;
}

int cli_csr_create(struct cli *cli)
{
	json_t *doc = NULL;
	int rc = create(cli, "/v1/requests", draft_fields(cli), &doc);

	if (doc == NULL)
		return rc;
	json_t *request = json_incref(json_object_get(doc, "request"));
	const char *id = text_at(request, "fingerprint");
	if (cli->output != CLI_JSON)
		printf("%s", text_at(request, "pem"));
	rc = api_outcome(
	        cli, doc, "request %s %s", table_safe(id), table_safe(text_at(request, "name")));
	if (id[0] != '\0' && cli->output != CLI_JSON)
		cli_say(cli,
		        "give the request to a CA; if it asks for the server type: %s\n"
		        "next: certspan csr install %.16s FILE...\n",
		        text_at(request, "server_type"), id);
	json_decref(request);
	return rc;
}

int cli_cert_create(struct cli *cli)
{
	const char *days = cli_value(cli, "days");
	json_t *fields = draft_fields(cli), *doc = NULL;
	int64_t s = 0;

	if (days != NULL && (!cli_seconds(days, 86400, &s) || s % 86400 != 0)) {
		json_decref(fields);
		return cli_fail(
		        cli, CS_EUSAGE, NULL, "--days wants a number of days, not %.100s", days);
	}
	if (days != NULL)
		json_object_set_new(fields, "days", json_integer(s / 86400));
	if (cli_flag(cli, "self-signed"))
		json_object_set_new(fields, "self_signed", json_true());
	if (cli_flag(cli, "stage"))
		json_object_set_new(fields, "stage", json_true());
	api_list(cli, "accept-uncovered", fields, "accept_uncovered");
	api_list(cli, "allow", fields, "allow");
	const int rc = create(cli, "/v1/certs", fields, &doc);
	return doc != NULL ? import_answer(cli, doc) : rc;
}
