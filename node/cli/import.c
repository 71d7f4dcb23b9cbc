/* certspan cert import: key material goes through the door alone. */
#include <stdlib.h>
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/file.h"
#include "node/cli/reach.h"
#include "node/cli/files.h"
#include "node/cli/import.h"
#include "node/cli/view.h"
#include "node/door/door.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"

#define ANSWER_MAX (8u << 20)
#define WAIT_S 150

/* CSR: the request that the files are to answer; NULL. */
static json_t *options_of(struct cli *cli, const char *csr)
{
	json_t *options = json_object();
	const char *name = cli_value(cli, "name");

	if (name != NULL)
		json_object_set_new(options, "name", json_string(name));
	if (cli_flag(cli, "stage"))
		json_object_set_new(options, "stage", json_true());
	if (csr != NULL)
		json_object_set_new(options, "csr", json_string(csr));
	api_list(cli, "accept-uncovered", options, "accept_uncovered");
	api_list(cli, "allow", options, "allow");
	api_write_fields(cli, options);
	return options;
}

static const char *covered_of(const json_t *list, const char *node)
{
	static char cells[4][64];
	static unsigned turn;
	char *out = cells[turn++ % CS_COUNT(cells)];
	size_t i;
	json_t *row;

	json_array_foreach(list, i, row) if (strcmp(text_at(row, "node"), node) == 0)
	{
		snprintf(out, sizeof(cells[0]), "%lld/%lld", (long long)int_at(row, "covered"),
		        (long long)int_at(row, "total"));
		return out;
	}
	return "-";
}

/* "cover  site 0/1 -> 1/1  p1 0/2 -> 2/2" */
static void print_coverage(const json_t *coverage)
{
	const json_t *before = json_object_get(coverage, "before"),
	             *after = json_object_get(coverage, "after");
	size_t i;
	json_t *row;

	json_array_foreach(after, i, row)
	{
		const char *node = text_at(row, "node");
		printf("%s%s %s -> %s", i == 0 ? "  cover   " : "   ",
		        node[0] != '\0' ? table_safe(node) : "site", covered_of(before, node),
		        covered_of(after, node));
	}
	if (json_array_size(after) > 0)
		putchar('\n');
}

static void print_import(const json_t *doc)
{
	const json_t *cert = json_object_get(doc, "cert");
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(doc, "findings"), i, item) printf(
	        "  found   %s: %s%s%s\n", table_safe(text_at(item, "file")),
	        table_safe(text_at(item, "what")), text_at(item, "reason")[0] != '\0' ? ", " : "",
	        text_at(item, "reason")[0] != '\0' ? table_safe(text_at(item, "reason")) : "");
	if (json_is_object(cert)) {
		printf("  leaf    ");
		json_array_foreach(json_object_get(cert, "dns_names"), i, item)
		        printf("%s%s", i > 0 ? ", " : "", table_safe(json_string_value(item)));
		printf("   %s   %.10s .. %.10s   key matches\n", text_at(cert, "key"),
		        text_at(cert, "not_before"), text_at(cert, "not_after"));
	}
	print_coverage(json_object_get(doc, "coverage"));
	if (text_at(doc, "verdict")[0] != '\0')
		printf("  verdict %s%s%s%s\n", text_at(doc, "verdict"),
		        true_at(doc, "activated") ? ", active" : "",
		        text_at(doc, "replaced")[0] != '\0' ? ", replaces " : "",
		        text_at(doc, "replaced"));
	json_array_foreach(json_object_get(doc, "names_lost"), i, item)
	        printf("  lost    %s\n", table_safe(json_string_value(item)));
	if (text_at(doc, "key_change")[0] != '\0')
		printf("  key     %s\n", table_safe(text_at(doc, "key_change")));
	if (text_at(json_object_get(doc, "request"), "id")[0] != '\0')
		printf("  request %.16s is answered and closed\n",
		        text_at(json_object_get(doc, "request"), "id"));
	if (true_at(doc, "default_moved"))
		printf("  default follows to the new certificate\n");
}

int import_answer(struct cli *cli, json_t *doc)
{
	if (json_is_object(json_object_get(doc, "error")))
		return api_error(cli, doc);
	if (cli->output != CLI_JSON)
		print_import(doc);
	const json_t *cert = json_object_get(doc, "cert");
	return api_outcome(cli, doc, "%s %s", table_safe(text_at(cert, "id")),
	        table_safe(text_at(cert, "name")));
}

/* Several certificates with their keys in the files: one answer each, the worst exit code counts.
 */
static int answers(struct cli *cli, json_t *doc)
{
	json_t *imports = json_object_get(doc, "imports"), *item;
	int worst = 0;
	size_t i;

	if (!json_is_array(imports))
		return import_answer(cli, doc);
	if (cli->output == CLI_JSON) {
		json_array_foreach(imports, i, item)
		{
			const json_t *from = json_is_object(json_object_get(item, "error"))
			                             ? json_object_get(item, "error")
			                             : item;
			worst = int_at(from, "exit") > worst ? (int)int_at(from, "exit") : worst;
		}
		return cli_print(cli, doc, worst);
	}
	json_array_foreach(imports, i, item)
	{
		const int rc = import_answer(cli, json_incref(item));
		worst = rc > worst ? rc : worst;
	}
	json_decref(doc);
	return worst;
}

static int door_failed(struct cli *cli, enum cs_err err, const char *request)
{
	char next[256];

	snprintf(next, sizeof(next),
	        err == CS_EUNREACHABLE || err == CS_EDENIED || err == CS_ETOOBIG
	                ? "certspan status"
	                : "repeat it with --request %s: it is then done once",
	        request);
	return cli_fail(cli, err, next, "%s", door_reason(err));
}

static int send(struct cli *cli, const struct wire_door *request, const char *request_id)
{
	CS_AUTO(cs_buf_free) struct cs_buf body = cs_buf_new(ANSWER_MAX);
	char path[4096];
	uint32_t status = 0;
	json_error_t error;
	const int rc = reach_socket(cli, "door.sock", path, sizeof(path));

	if (rc != 0)
		return rc;
	const int64_t wait_s = cli->timeout_s > 0 ? cli->timeout_s + 30 : WAIT_S;
	const enum cs_err err =
	        door_call(path, request, cs_clock_mono_ms() + wait_s * 1000, &status, &body);
	if (err != CS_OK)
		return door_failed(cli, err, request_id);
	json_t *doc = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return cli_fail(cli, CS_EMALFORMED, "look at the daemon's log",
		        "the importer answered no JSON (%u)", status);
	}
	return answers(cli, doc);
}

static int import(struct cli *cli, const char *csr, const struct cli_files *files,
        const struct passphrase *secret)
{
	struct wire_upload uploads[CS_UPLOAD_FILES_MAX];
	json_t *options = options_of(cli, csr);
	char *text = json_dumps(options, JSON_COMPACT), request_id[64];

	snprintf(request_id, sizeof(request_id), "%s", text_at(options, "request"));
	json_decref(options);
	for (size_t i = 0; i < files->count; i++)
		uploads[i] = (struct wire_upload){
			.name = cs_text_ok(files->names[i], CS_TEXT_MAX) ? files->names[i] : "file",
			.bytes = cs_buf_view(&files->files[i])
		};
	struct wire_door request = { .verb = "import",
		.has_passphrase = secret->text != NULL,
		.passphrase = { (const uint8_t *)secret->text, secret->n },
		.options = text };
	request.files.v = uploads;
	request.files.n = files->count;
	const int rc = text != NULL ? send(cli, &request, request_id)
	                            : cli_fail(cli, CS_ENOMEM, NULL, "out of memory");
	free(text);
	return rc;
}

static int import_files(struct cli *cli, const char *csr)
{
	CS_AUTO(cli_files_free) struct cli_files files = { .count = 0 };
	CS_AUTO(passphrase_free) struct passphrase secret = { NULL, 0 };
	int exit_code = 0;

	if (!cli_files_read(cli, &files, &exit_code) ||
	        !passphrase_read(cli, cli_files_may_need_passphrase(&files), cli->operands[0],
	                &secret, &exit_code))
		return exit_code;
	return import(cli, csr, &files, &secret);
}

int cli_cert_import(struct cli *cli)
{
	return import_files(cli, NULL);
}

/* certspan csr install ID FILE...: what a CA made of a request. */
int cli_csr_install(struct cli *cli)
{
	const char *csr = cli->operands[0];

	cli->operand_count--;
	memmove(&cli->operands[0], &cli->operands[1],
	        cli->operand_count * sizeof(cli->operands[0]));
	return import_files(cli, csr);
}

/* certspan activate ID: what an import left Staged. */
int cli_activate(struct cli *cli)
{
	json_t *fields = json_object(), *doc = NULL;
	char path[4096];

	api_list(cli, "accept-uncovered", fields, "accept_uncovered");
	api_list(cli, "allow", fields, "allow");
	snprintf(path, sizeof(path), "/v1/certs/%s/activate", api_escape(cli->operands[0]));
	const int rc = api_write(cli, "POST", path, fields, &doc);
	return doc == NULL ? rc : import_answer(cli, doc);
}
