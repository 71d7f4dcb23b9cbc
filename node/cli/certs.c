/* certspan cert list|show|delete. */
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/view.h"

static void join_texts(const json_t *list, char *out, size_t size)
{
	size_t i, n = 0;
	json_t *item;

	snprintf(out, size, "-");
	json_array_foreach(list, i, item) if (n < size) n +=
	        (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "",
	                json_is_string(item) ? json_string_value(item) : text_at(item, "code"));
}

static void cert_row(struct table *table, const json_t *c)
{
	char names[512], defaults[256];
	const char *validity = text_at(c, "validity");
	const bool good = strcmp(validity, "valid") == 0;

	join_texts(json_object_get(c, "dns_names"), names, sizeof(names));
	join_texts(json_object_get(c, "default_for"), defaults, sizeof(defaults));
	table_row(table,
	        good                               ? TABLE_PLAIN
	        : strcmp(validity, "expired") == 0 ? TABLE_BAD
	                                           : TABLE_WARN,
	        "%s|%s|%s%s%s|%s|%s|%s|%s|%s|%s", table_safe(text_at(c, "id")),
	        table_safe(text_at(c, "name")), view_word(text_at(c, "state"), false),
	        good ? "" : ", ", good ? "" : view_word(validity, true),
	        table_safe(text_at(c, "key")), view_left(text_at(c, "not_after")),
	        table_safe(defaults), table_safe(names), table_safe(text_at(c, "issuer")),
	        table_safe(text_at(c, "verdict")));
}

/* All pages, one after the other, in the first one's list. */
static int all_pages(struct cli *cli, json_t **out)
{
	const char *state = cli_value(cli, "state"), *host = cli_value(cli, "host");
	char next[80] = "";
	int rc = 0;

	*out = NULL;
	do {
		json_t *page = NULL;
		rc = api_get(cli, &page, "/v1/certs?limit=1000%s%s%s%s%s%s",
		        next[0] != '\0' ? "&after=" : "", api_escape(next),
		        state != NULL ? "&state=" : "", api_escape(state),
		        host != NULL ? "&host=" : "", api_escape(host));
		if (rc != 0)
			break;
		snprintf(next, sizeof(next), "%s", text_at(page, "next"));
		if (*out == NULL) {
			*out = page;
			continue;
		}
		json_array_extend(json_object_get(*out, "certs"), json_object_get(page, "certs"));
		json_decref(page);
	} while (next[0] != '\0');
	if (rc == 0)
		return 0;
	json_decref(*out);
	*out = NULL;
	return rc;
}

int cli_cert_list(struct cli *cli)
{
	json_t *doc = NULL, *cert;
	size_t i;
	const int rc = all_pages(cli, &doc);

	if (rc != 0)
		return rc;
	json_object_set_new(doc, "next", json_null());
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, 0);
	CS_AUTO(table_free)
	struct table *table = table_new("ID|NAME|STATE|KEY|EXPIRES|DEFAULT|NAMES|+ISSUER|+VERDICT",
	        cli->output == CLI_WIDE);
	json_array_foreach(json_object_get(doc, "certs"), i, cert) cert_row(table, cert);
	table_print(table, stdout, cli_color(cli));
	if (i == 0)
		cli_say(cli, "no certificate yet\nnext: certspan cert import FILE\n");
	json_decref(doc);
	return 0;
}

static void line(const char *label, const char *value)
{
	if (value[0] != '\0')
		printf("%-14s %s\n", label, table_safe(value));
}

static void print_cert(const json_t *c)
{
	char names[2048], defaults[512];
	size_t i;
	json_t *item;

	join_texts(json_object_get(c, "dns_names"), names, sizeof(names));
	join_texts(json_object_get(c, "default_for"), defaults, sizeof(defaults));
	line("id", text_at(c, "id"));
	line("name", text_at(c, "name"));
	printf("%-14s %s, %s\n", "state", view_word(text_at(c, "state"), false),
	        view_word(text_at(c, "validity"), false));
	line("subject", text_at(c, "subject"));
	line("issuer", text_at(c, "issuer"));
	line("names", names);
	printf("%-14s %s %lld\n", "key", table_safe(text_at(c, "key")),
	        (long long)int_at(c, "key_bits"));
	printf("%-14s %s .. %s (%s)\n", "valid", text_at(c, "not_before"), text_at(c, "not_after"),
	        view_left(text_at(c, "not_after")));
	line("serial", text_at(c, "serial"));
	line("sha256", text_at(c, "sha256"));
	line("default for", defaults);
	line("verdict", text_at(c, "verdict"));
	line("replaces", text_at(c, "replaces"));
	line("replaced by", text_at(c, "replaced_by"));
	line("imported", text_at(c, "imported_at"));
	line("activated", text_at(c, "activated_at"));
	json_array_foreach(json_object_get(c, "covers"), i, item) printf("%-14s %s (%s, %s)\n",
	        i == 0 ? "covers" : "", table_safe(text_at(item, "host")),
	        table_safe(text_at(item, "node")), text_at(item, "cover"));
	json_array_foreach(json_object_get(c, "chain"), i, item)
	        printf("%-14s %s\n", i == 0 ? "chain" : "", table_safe(text_at(item, "subject")));
	json_array_foreach(json_object_get(c, "warnings"), i, item)
	        printf("%-14s %s\n", i == 0 ? "warnings" : "", table_safe(text_at(item, "text")));
}

int cli_cert_show(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/certs/%s", api_escape(cli->operands[0]));

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	print_cert(json_object_get(doc, "cert"));
	json_decref(doc);
	return 0;
}

static int delete_one(struct cli *cli, const char *id, json_t **out)
{
	char path[4096];
	json_t *fields = json_object();

	if (cli_flag(cli, "force"))
		json_object_set_new(fields, "force", json_true());
	snprintf(path, sizeof(path), "/v1/certs/%s", api_escape(id));
	return api_write(cli, "DELETE", path, fields, out);
}

int cli_cert_delete(struct cli *cli)
{
	int worst = 0;

	if (!cli_confirm(cli, "Delete %zu certificate%s with key on every node", cli->operand_count,
	            cli->operand_count == 1 ? "" : "s"))
		return cs_err_exit(CS_EUSAGE);
	if (cli->request != NULL && cli->operand_count > 1)
		return cli_fail(
		        cli, CS_EUSAGE, "delete one at a time", "--request is for one write");
	for (size_t i = 0; i < cli->operand_count; i++) {
		json_t *doc = NULL;
		int rc = delete_one(cli, cli->operands[i], &doc);
		if (doc != NULL)
			rc = api_outcome(cli, doc, "deleted %s", table_safe(cli->operands[i]));
		worst = rc > worst ? rc : worst;
	}
	return worst;
}
