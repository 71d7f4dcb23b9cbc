/* certspan cert list|show|delete|retire|rename. */
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/view.h"
#include "proto/base/buf.h"

#define QUERY_MAX 4096

static void join_texts(const json_t *list, char *out, size_t size)
{
	size_t i, n = 0;
	json_t *item;

	snprintf(out, size, "-");
	json_array_foreach(list, i, item) if (n < size) n +=
	        (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "",
	                json_is_string(item) ? json_string_value(item) : text_at(item, "code"));
}

/* "2027-02-18 12:00 UTC, in 86 d" */
static const char *when(const char *time, char *out, size_t size)
{
	const int64_t days = view_days(time);

	if (days == INT64_MAX)
		return "-";
	snprintf(out, size, "%.10s %.5s UTC, %s%s", time, time + 11, days < 0 ? "" : "in ",
	        view_left(time));
	return out;
}

/* Names that it covers, as the guide's table has them. */
static void supported_names(const json_t *c, char *out, size_t size)
{
	char ips[256];
	const bool dns = json_array_size(json_object_get(c, "dns_names")) > 0,
	           ip = json_array_size(json_object_get(c, "ip_addresses")) > 0;

	snprintf(out, size, "No Supported Names");
	if (dns)
		join_texts(json_object_get(c, "dns_names"), out, size);
	if (!ip)
		return;
	join_texts(json_object_get(c, "ip_addresses"), ips, sizeof(ips));
	const size_t n = dns ? strlen(out) : 0;
	snprintf(out + n, size - n, "%s%s", dns ? ", " : "", ips);
}

/* "active", "retired, goes 2026-12-24", "root". */
static void state_text(const json_t *c, char *out, size_t size)
{
	const char *state = text_at(c, "state"), *kind = text_at(c, "kind"),
	           *validity = text_at(c, "validity"), *goes = text_at(c, "goes_at");
	const bool good = strcmp(validity, "valid") == 0;

	snprintf(out, size, "%s%s%s%s%.10s", view_word(state[0] != '\0' ? state : kind, false),
	        good ? "" : ", ", good ? "" : view_word(validity, true),
	        goes[0] != '\0' ? ", goes " : "", goes);
}

static void cert_row(struct table *table, const json_t *c)
{
	char names[512], defaults[256], warnings[256], state[128], end[64];
	const char *validity = text_at(c, "validity");

	supported_names(c, names, sizeof(names));
	join_texts(json_object_get(c, "default_for"), defaults, sizeof(defaults));
	join_texts(json_object_get(c, "warnings"), warnings, sizeof(warnings));
	state_text(c, state, sizeof(state));
	table_row(table,
	        strcmp(validity, "valid") == 0     ? TABLE_PLAIN
	        : strcmp(validity, "expired") == 0 ? TABLE_BAD
	                                           : TABLE_WARN,
	        "%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s", table_safe(text_at(c, "id")),
	        table_safe(text_at(c, "name")), table_safe(text_at(c, "issued_to")),
	        table_safe(text_at(c, "issued_by")),
	        when(text_at(c, "not_after"), end, sizeof(end)), table_safe(names),
	        true_at(c, "has_key") ? "yes" : "no", table_safe(defaults), table_safe(state),
	        table_safe(warnings), table_safe(text_at(c, "kind")), table_safe(text_at(c, "key")),
	        table_safe(text_at(c, "verdict")));
}

static enum cs_err add_query(struct cli *cli, struct cs_buf *query)
{
	static const char *const names[] = { "state", "host", "sort", "issuer" };
	const char *kind = cli_value(cli, "kind"), *within = cli_value(cli, "expires-within");
	int64_t seconds = 0;

	CS_TRY(cs_buf_printf(query, "&kind=%s", api_escape(kind != NULL ? kind : "all")));
	for (size_t i = 0; i < CS_COUNT(names); i++)
		if (cli_value(cli, names[i]) != NULL)
			CS_TRY(cs_buf_printf(
			        query, "&%s=%s", names[i], api_escape(cli_value(cli, names[i]))));
	if (cli_flag(cli, "default"))
		CS_TRY(cs_buf_printf(query, "&default=1"));
	if (within == NULL)
		return CS_OK;
	if (!cli_seconds(within, 86400, &seconds) || seconds < 0)
		return CS_EUSAGE;
	return cs_buf_printf(query, "&expires_within=%lld", (long long)seconds);
}

/* All pages, one after the other, in the first one's list. */
static int all_pages(struct cli *cli, const char *query, json_t **out)
{
	char next[80] = "";
	int rc = 0;

	*out = NULL;
	do {
		json_t *page = NULL;
		rc = api_get(cli, &page, "/v1/certs?limit=1000%s%s%s",
		        next[0] != '\0' ? "&after=" : "", api_escape(next), query);
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

static void print_list(const struct cli *cli, const json_t *certs)
{
	CS_AUTO(table_free)
	struct table *table = table_new("ID|NAME|ISSUED TO|ISSUED BY|EXPIRES|NAMES|KEY?|DEFAULT|"
	                                "STATE|WARNINGS|+KIND|+KEY|+VERDICT",
	        cli->output == CLI_WIDE);
	size_t i;
	json_t *cert;

	json_array_foreach(certs, i, cert) cert_row(table, cert);
	table_print(table, stdout, cli_color(cli));
	if (i == 0)
		cli_say(cli, "no such certificate yet\nnext: certspan cert import FILE\n");
}

int cli_cert_list(struct cli *cli)
{
	CS_AUTO(cs_buf_free) struct cs_buf query = cs_buf_new(QUERY_MAX);
	json_t *doc = NULL;
	const enum cs_err err = add_query(cli, &query);

	if (err == CS_EUSAGE)
		return cli_fail(cli, err, "--expires-within 30d", "--expires-within: no time");
	if (err != CS_OK)
		return cli_fail(cli, err, NULL, "%s", cs_err_text(err));
	const int rc = all_pages(cli, cs_buf_text(&query), &doc);
	if (rc != 0)
		return rc;
	json_object_set_new(doc, "next", json_null());
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, 0);
	print_list(cli, json_object_get(doc, "certs"));
	json_decref(doc);
	return 0;
}

static void line(const char *label, const char *value)
{
	if (value[0] != '\0' && strcmp(value, "-") != 0)
		printf("%-14s %s\n", label, table_safe(value));
}

/* Every element of a list on a line of its own. */
static void lines(const char *label, const json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) printf("%-14s %s\n", i == 0 ? label : "",
	        table_safe(json_is_string(item) ? json_string_value(item) : "?"));
}

static void print_origin(const json_t *c)
{
	line("verdict", text_at(c, "verdict"));
	line("replaces", text_at(c, "replaces"));
	line("replaced by", text_at(c, "replaced_by"));
	line("imported", text_at(c, "imported_at"));
	line("activated", text_at(c, "activated_at"));
	line("retired", text_at(c, "retired_at"));
	line("goes", text_at(c, "goes_at"));
	if (int_at(c, "kdf_iterations") > 0)
		printf("%-14s %lld rounds protected what was imported\n", "key derivation",
		        (long long)int_at(c, "kdf_iterations"));
}

static void print_extras(const json_t *c)
{
	const json_t *aia = json_object_get(c, "aia"), *scts = json_object_get(c, "scts");

	lines("AIA issuer", json_object_get(aia, "issuers"));
	lines("AIA OCSP", json_object_get(aia, "ocsp"));
	if (int_at(scts, "count") > 0)
		printf("%-14s %lld\n", "SCTs", (long long)int_at(scts, "count"));
	lines("SCT log", json_object_get(scts, "logs"));
	if (true_at(c, "must_staple"))
		line("must staple", "yes");
}

static void print_lists(const json_t *c)
{
	size_t i;
	json_t *item;
	char end[64];

	json_array_foreach(json_object_get(c, "covers"), i, item) printf("%-14s %s (%s, %s)\n",
	        i == 0 ? "covers" : "", table_safe(text_at(item, "host")),
	        table_safe(text_at(item, "node")), text_at(item, "cover"));
	json_array_foreach(json_object_get(c, "chain"), i, item) printf("%-14s %s%s, until %s\n",
	        i == 0 ? "chain" : "", table_safe(text_at(item, "subject")),
	        true_at(item, "self_signed") ? " (root)" : "",
	        when(text_at(item, "not_after"), end, sizeof(end)));
	json_array_foreach(json_object_get(c, "warnings"), i, item)
	{
		const char *next = text_at(item, "next");
		printf("%-14s %s: %s\n", i == 0 ? "warnings" : "",
		        json_is_string(item) ? json_string_value(item) : text_at(item, "code"),
		        table_safe(text_at(item, "text")));
		if (next[0] != '\0')
			printf("%-14s next: %s\n", "", table_safe(next));
	}
}

static void print_cert(const json_t *c)
{
	char names[2048], defaults[512], state[128], end[64];

	supported_names(c, names, sizeof(names));
	join_texts(json_object_get(c, "default_for"), defaults, sizeof(defaults));
	state_text(c, state, sizeof(state));
	line("id", text_at(c, "id"));
	line("name", text_at(c, "name"));
	line("state", state);
	line("kind", text_at(c, "kind"));
	line("subject", text_at(c, "subject"));
	line("issuer", text_at(c, "issuer"));
	line("names", names);
	printf("%-14s %s %lld\n", "public key", table_safe(text_at(c, "key")),
	        (long long)int_at(c, "key_bits"));
	line("private key", true_at(c, "has_key") ? "available" : "not available");
	line("signature", text_at(c, "signature"));
	line("valid from", text_at(c, "not_before"));
	line("valid until", when(text_at(c, "not_after"), end, sizeof(end)));
	line("serial", text_at(c, "serial_decimal"));
	line("serial hex", text_at(c, "serial"));
	line("sha256", text_at(c, "sha256"));
	line("key sha256", text_at(c, "spki_sha256"));
	line("default for", defaults);
	print_origin(c);
	print_extras(c);
	print_lists(c);
}

/* Each asked about in turn; one document for all. */
int cli_cert_show(struct cli *cli)
{
	json_t *list = json_array(), *doc = NULL, *cert;
	size_t i;

	for (i = 0; i < cli->operand_count; i++) {
		const int rc = api_get(cli, &doc, "/v1/certs/%s", api_escape(cli->operands[i]));
		if (rc != 0) {
			json_decref(list);
			return rc;
		}
		json_array_append(list, json_object_get(doc, "cert"));
		if (cli->operand_count > 1 || cli->output != CLI_JSON)
			json_decref(doc);
	}
	if (cli->output == CLI_JSON && i == 1) {
		json_decref(list);
		return cli_print(cli, doc, 0);
	}
	if (cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:o}", "schema", "certspan.certs/1", "certs", list), 0);
	json_array_foreach(list, i, cert)
	{
		if (i > 0)
			putchar('\n');
		print_cert(cert);
	}
	json_decref(list);
	return 0;
}

/* "wild (3f2a...)" or "3 certificates" */
static const char *those(const struct cli *cli, char *out, size_t size)
{
	if (cli->operand_count == 1)
		snprintf(out, size, "%s", table_safe(cli->operands[0]));
	else
		snprintf(out, size, "%zu certificates", cli->operand_count);
	return out;
}

static int many(struct cli *cli, const char *path, const char *done)
{
	json_t *fields = json_object(), *ids = json_array(), *doc = NULL;
	char what[512];

	for (size_t i = 0; i < cli->operand_count; i++)
		json_array_append_new(ids, json_string(cli->operands[i]));
	json_object_set_new(fields, "ids", ids);
	if (cli_flag(cli, "force"))
		json_object_set_new(fields, "force", json_true());
	const int rc = api_write(cli, "POST", path, fields, &doc);
	return doc != NULL ? api_outcome(cli, doc, "%s %s", done, those(cli, what, sizeof(what)))
	                   : rc;
}

static int delete_one(struct cli *cli, const char *id)
{
	char path[4096];
	json_t *fields = json_object(), *doc = NULL;

	if (cli_flag(cli, "force"))
		json_object_set_new(fields, "force", json_true());
	snprintf(path, sizeof(path), "/v1/certs/%s", api_escape(id));
	const int rc = api_write(cli, "DELETE", path, fields, &doc);
	return doc != NULL ? api_outcome(cli, doc, "deleted %s", table_safe(id)) : rc;
}

int cli_cert_delete(struct cli *cli)
{
	if (!cli_confirm(cli, "Delete %zu certificate%s with key on every node", cli->operand_count,
	            cli->operand_count == 1 ? "" : "s"))
		return cs_err_exit(CS_EUSAGE);
	if (cli->operand_count == 1)
		return delete_one(cli, cli->operands[0]);
	return many(cli, "/v1/certs/delete", "deleted");
}

int cli_cert_retire(struct cli *cli)
{
	return many(cli, "/v1/certs/retire", "retired");
}

int cli_cert_rename(struct cli *cli)
{
	json_t *fields = json_pack("{s:s}", "name", cli->operands[1]), *doc = NULL;
	char path[4096];

	if (fields == NULL)
		return cli_fail(cli, CS_EUSAGE, NULL, "the name is no UTF-8 text");
	snprintf(path, sizeof(path), "/v1/certs/%s", api_escape(cli->operands[0]));
	const int rc = api_write(cli, "PATCH", path, fields, &doc);
	return doc != NULL ? api_outcome(cli, doc, "renamed %s to %s", table_safe(cli->operands[0]),
	                             table_safe(cli->operands[1]))
	                   : rc;
}
