/* certspan probe: one real handshake, or what every node's prober saw. */
#include "node/probe/probe.h"
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/reach.h"
#include "node/cli/view.h"
#include "node/config/config.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "store/pki/cert.h"

#define WAIT_S 10
#define ARENA_MAX (1u << 20)

/* An edge's listen address as one to connect to: "0.0.0.0:443" is reached at 127.0.0.1. */
static void reachable(const char *listen, char *out, size_t size)
{
	const char *colon = strrchr(listen, ':');

	if (strncmp(listen, "0.0.0.0:", 8) == 0)
		snprintf(out, size, "127.0.0.1%s", colon);
	else if (strncmp(listen, "[::]:", 5) == 0)
		snprintf(out, size, "[::1]%s", colon);
	else
		snprintf(out, size, "%s", listen);
}

/* --connect, else this node's own edge, else HOST:443. */
static void address_of(struct cli *cli, const char *host, char *out, size_t size)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(CS_TEXT_MAX);
	struct wire_config config;
	const char *connect = cli_value(cli, "connect");

	if (connect != NULL) {
		snprintf(out, size, "%s", connect);
		return;
	}
	snprintf(out, size, "%s:443", host);
	if (cs_arena_new(ARENA_MAX, &arena) == CS_OK &&
	        config_read(reach_config(cli), arena, &config, &complaint) == CS_OK &&
	        config.edge_listen.n > 0)
		reachable(config.edge_listen.v[0], out, size);
}

/* The id that clients of SNI should get, "" when no daemon says it. */
static void expected(struct cli *cli, const char *sni, char out[24])
{
	json_t *doc = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "/v1/explain?host=%s", api_escape(sni));
	out[0] = '\0';
	if (cli->runtime_dir == NULL && cli_value(cli, "connect") != NULL &&
	        cli->config_file == NULL)
		return; /* a handshake with some address alone: nothing to compare with */
	if (api_try(cli, &doc, path) != 0)
		return;
	snprintf(out, 24, "%s", text_at(json_object_get(doc, "chosen"), "cert"));
	json_decref(doc);
}

static json_t *answer_json(const struct probe_question *q, const struct probe_answer *a,
        const char *result, const char *want)
{
	char sha256[65];
	json_t *doc = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:f}", "schema",
	        "certspan.probe/1", "address", q->address, "sni",
	        q->kind == PROBE_NO_SNI ? NULL : q->sni, "result", result, "want", want, "tls",
	        a->tls, "cipher", a->cipher, "took_ms", (double)a->took_us / 1000.0);

	if (doc == NULL || a->err != CS_OK)
		return doc;
	cs_hex(a->sha256, sizeof(a->sha256), sha256);
	json_object_set_new(doc, "sha256", json_string(sha256));
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	if (pki_cert_read(a->leaf, &cert) != CS_OK)
		return doc;
	char from[32], to[32];
	json_object_set_new(doc, "subject", json_string(cert->subject));
	json_object_set_new(
	        doc, "not_before", json_string(cs_time_text(cert->not_before, from, sizeof(from))));
	json_object_set_new(
	        doc, "not_after", json_string(cs_time_text(cert->not_after, to, sizeof(to))));
	json_t *names = json_array();
	for (size_t i = 0; i < cert->dns_count; i++)
		json_array_append_new(names, json_string(cert->dns[i]));
	json_object_set_new(doc, "dns_names", names);
	return doc;
}

static void print_answer(const json_t *doc, size_t chain_count)
{
	char names[1024] = "-";
	size_t i, n = 0;
	json_t *name;

	json_array_foreach(json_object_get(doc, "dns_names"), i, name) if (n < sizeof(names)) n +=
	        (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? ", " : "",
	                json_string_value(name));
	printf("%s   %s %s   %.1f ms\n", text_at(doc, "address"), text_at(doc, "tls"),
	        text_at(doc, "cipher"), json_real_value(json_object_get(doc, "took_ms")));
	printf("  asked for  %s\n", json_is_null(json_object_get(doc, "sni"))
	                                    ? "(no SNI)"
	                                    : table_safe(text_at(doc, "sni")));
	printf("  names      %s\n  valid      %s .. %s\n  sha256     %s\n  chain      %zu more\n",
	        table_safe(names), text_at(doc, "not_before"), text_at(doc, "not_after"),
	        text_at(doc, "sha256"), chain_count);
	printf("  result     %s%s%s\n", text_at(doc, "result"),
	        text_at(doc, "want")[0] != '\0' ? ", wanted " : "", text_at(doc, "want"));
}

static int judge(struct cli *cli, const struct probe_question *q, const struct probe_answer *a)
{
	char want[24], got[17];

	if (a->err != CS_OK)
		return cli_fail(cli, a->err, "certspan status; is the address right?", "%.250s: %s",
		        q->address, a->error);
	expected(cli, q->kind == PROBE_NO_SNI ? "" : q->sni, want);
	pki_cert_id(a->sha256, got);
	const char *result = want[0] == '\0'          ? "unknown"
	                     : strcmp(want, got) == 0 ? "match"
	                                              : "wrong";
	json_t *doc = answer_json(q, a, result, want);
	const int exit_code = strcmp(result, "wrong") == 0 ? cs_err_exit(CS_EREFUSED) : 0;
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, exit_code);
	print_answer(doc, a->chain_count);
	json_decref(doc);
	return exit_code;
}

static int one(struct cli *cli, const char *host)
{
	CS_AUTO(probe_answer_free) struct probe_answer answer = { .err = CS_OK };
	char address[CS_ENDPOINT_MAX + 64];
	const char *sni = cli_value(cli, "sni") != NULL ? cli_value(cli, "sni") : host;
	const int wait_s = cli->timeout_s > 0 ? cli->timeout_s : WAIT_S;

	address_of(cli, host, address, sizeof(address));
	if (!cs_endpoint_ok(address, false))
		return cli_fail(cli, CS_EUSAGE, "certspan probe HOST --connect 127.0.0.1:443",
		        "no address: %.250s", address);
	const struct probe_question question = { .address = address,
		.kind = cli_flag(cli, "no-sni") ? PROBE_NO_SNI : PROBE_SNI,
		.sni = sni,
		.deadline_ms = cs_clock_mono_ms() + (int64_t)wait_s * 1000 };
	const enum cs_err rc = probe_run(&question, &answer);
	if (rc != CS_OK)
		return cli_fail(cli, rc, "certspan help probe", "cannot ask %.200s: %s", address,
		        cs_err_text(rc));
	return judge(cli, &question, &answer);
}

static void node_rows(struct table *table, const json_t *node, size_t *bad)
{
	size_t i;
	json_t *p;

	json_array_foreach(json_object_get(node, "served"), i, p)
	{
		const char *result = text_at(p, "result"), *error = text_at(p, "error");
		const bool match = strcmp(result, "match") == 0;
		*bad += !match && strcmp(result, "unknown") != 0;
		table_row(table, match ? TABLE_GOOD : TABLE_BAD, "%s|%s|%s|%s|%.16s|%.16s|%s|%s",
		        table_safe(text_at(node, "name")), text_at(p, "kind"),
		        table_safe(text_at(p, "sni")), result, table_safe(text_at(p, "sha256")),
		        table_safe(text_at(p, "want")), view_age(int_at(p, "age_s")),
		        error[0] != '\0' ? table_safe(error) : "");
	}
}

/* A fresh round here first; the other nodes' own rounds are as old as the table says. */
static int all(struct cli *cli)
{
	json_t *round = NULL, *doc = NULL, *node;
	size_t i, bad = 0;
	const int wait_s = cli->timeout_s > 0 ? cli->timeout_s : WAIT_S;
	int rc =
	        api_post(cli, "/v1/probe", json_pack("{s:i}", "timeout_s", wait_s), wait_s, &round);

	json_decref(round);
	if (rc == 0)
		rc = api_get(cli, &doc, "/v1/status");
	if (rc != 0)
		return rc;
	CS_AUTO(table_free)
	struct table *table = table_new("NODE|KIND|SNI|RESULT|SERVED|WANTED|AGE|ERROR", false);
	json_array_foreach(json_object_get(doc, "nodes"), i, node) node_rows(table, node, &bad);
	const int exit_code = bad > 0 ? cs_err_exit(CS_EREFUSED) : 0;
	if (cli->output == CLI_JSON) {
		json_t *nodes = json_object_get(doc, "nodes");
		json_t *short_doc =
		        json_pack("{s:s, s:O}", "schema", "certspan.probe-all/1", "nodes", nodes);
		json_decref(doc);
		return cli_print(cli, short_doc, exit_code);
	}
	table_print(table, stdout, cli_color(cli));
	json_decref(doc);
	return exit_code;
}

int cli_probe(struct cli *cli)
{
	const bool every = cli_flag(cli, "all");

	if (every == (cli->operand_count == 1))
		return cli_fail(cli, CS_EUSAGE, "certspan probe HOST, or certspan probe --all",
		        every ? "HOST and --all exclude each other" : "which HOST?");
	return every ? all(cli) : one(cli, cli->operands[0]);
}
