/* certspan chain build: the way from a certificate to a root over files; offline (design section
 * 7).
 */
#include <string.h>
#include <time.h>
#include <openssl/sha.h>
#include "node/cli/api.h"
#include "node/cli/file.h"
#include "node/cli/table.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "store/pki/cert.h"
#include "store/pki/path.h"
#include "store/pki/pem_list.h"

#define POOL_FILE_MAX (64u << 20)
#define ARENA_MAX (256u << 10)

/* "2026-11-24T22:43:08Z", with a fraction and an offset as RFC 3339 allows. */
static bool time_of(const char *text, int64_t *out)
{
	struct tm tm = { .tm_sec = 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (rest == NULL)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	const int64_t local = timegm(&tm);
	if (strcmp(rest, "Z") == 0 || strcmp(rest, "z") == 0) {
		*out = local;
		return true;
	}
	struct tm zone = { .tm_sec = 0 };
	if ((*rest != '+' && *rest != '-') || strlen(rest) != 6 || rest[3] != ':')
		return false;
	const char *end = strptime(rest + 1, "%H:%M", &zone);
	if (end == NULL || *end != '\0')
		return false;
	const int64_t ahead = 60 * (60 * zone.tm_hour + zone.tm_min);
	*out = *rest == '+' ? local - ahead : local + ahead;
	return true;
}

struct load {
	struct path_pool *pool;
	bool anchors;
	size_t skipped;
};

static enum cs_err load_one(void *data, struct cs_bytes der)
{
	struct load *self = data;
	const enum cs_err rc = path_pool_add(self->pool, der, self->anchors);

	self->skipped += rc != CS_OK && rc != CS_ENOMEM && rc != CS_EFULL;
	return rc == CS_ENOMEM || rc == CS_EFULL ? rc : CS_OK;
}

static enum cs_err first_one(void *data, struct cs_bytes der)
{
	struct cs_buf *out = data;

	return out->n == 0 ? cs_buf_add(out, der.p, der.n) : CS_OK;
}

static int fail_file(struct cli *cli, const char *path, enum cs_err rc)
{
	return cli_fail(cli, rc,
	        rc == CS_ENOTFOUND ? "check the path" : "give certificates in PEM or DER",
	        "%.300s: %s", path,
	        rc == CS_ENOTFOUND  ? "no such file"
	        : rc == CS_EREFUSED ? "a private key is in it; a chain needs none"
	                            : cs_err_text(rc));
}

/* Reads every file of OPTION; 0, or the exit code. */
static int load_files(struct cli *cli, const char *option, bool anchors, struct path_pool *pool)
{
	struct load load = { pool, anchors, 0 };
	size_t at = 0;

	for (const char *path; (path = cli_next_value(cli, option, &at)) != NULL;) {
		CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(POOL_FILE_MAX);
		enum cs_err rc = file_read(path, &file);
		if (rc == CS_OK)
			rc = pem_list(cs_buf_view(&file), load_one, &load);
		if (rc != CS_OK)
			return fail_file(cli, path, rc);
	}
	if (load.skipped > 0)
		cli_say(cli, "warning: %zu certificate%s of --%s cannot be read and %s left out\n",
		        load.skipped, load.skipped == 1 ? "" : "s", option,
		        load.skipped == 1 ? "is" : "are");
	return 0;
}

static json_t *sha256_json(struct cs_bytes der)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256(der.p, der.n, sum);
	cs_hex(sum, sizeof(sum), hex);
	return json_string(hex);
}

static json_t *document(const struct path *path)
{
	json_t *chain = json_array();

	for (size_t i = 0; i < path->count; i++)
		json_array_append_new(chain, sha256_json(path->certs[i]));
	return json_pack("{s:s, s:b, s:o, s:o}", "schema", "certspan.path/1", "complete",
	        path->complete, "chain", chain, "missing",
	        path->complete ? json_null()
	                       : json_pack("{s:s, s:s, s:s}", "issuer", path->missing, "url",
	                                 path->missing_url, "reason", path->reason));
}

static void print_text(const struct path *path)
{
	for (size_t i = 0; i < path->count; i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
		const bool read = pki_cert_read(path->certs[i], &cert) == CS_OK;
		printf("%-8s %s\n",
		        i == 0                                   ? "leaf"
		        : path->complete && i + 1 == path->count ? "root"
		                                                 : "issuer",
		        table_safe(read ? cert->subject : "(a certificate with unreadable names)"));
	}
	if (path->complete)
		return;
	printf("missing  %s\n         %s\n", table_safe(path->missing), table_safe(path->reason));
	if (path->missing_url[0] != '\0')
		printf("fetch    %s\n", table_safe(path->missing_url));
}

static int build(struct cli *cli, struct path_pool *pool, struct cs_bytes leaf,
        const struct path_rules *rules)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct path path;

	enum cs_err rc = cs_arena_new(ARENA_MAX, &arena);
	if (rc == CS_OK)
		rc = path_build(&pool, 1, leaf, rules, arena, &path);
	if (rc != CS_OK)
		return fail_file(cli, cli_value(cli, "leaf"), rc);
	const int exit_code = !path.complete && cli_flag(cli, "exit-code") ? 1 : 0;
	if (cli->output == CLI_JSON)
		return cli_print(cli, document(&path), exit_code);
	print_text(&path);
	return exit_code;
}

static enum cs_err read_leaf(const char *path, struct cs_buf *der)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_UPLOAD_FILE_MAX);

	CS_TRY(file_read(path, &file));
	CS_TRY(pem_list(cs_buf_view(&file), first_one, der));
	return der->n > 0 ? CS_OK : CS_EEMPTY;
}

int cli_chain_build(struct cli *cli)
{
	CS_AUTO(path_pool_free) struct path_pool *pool = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf leaf = cs_buf_new(CS_UPLOAD_FILE_MAX);
	struct path_rules rules = { .at = cs_clock_wall_s(),
		.self_signed = cli_value(cli, "roots") == NULL };
	const char *path = cli_value(cli, "leaf"), *at = cli_value(cli, "at");

	if (path == NULL)
		return cli_fail(cli, CS_EUSAGE, "certspan chain build --leaf FILE --pool FILE",
		        "--leaf FILE is missing");
	if (at != NULL && !time_of(at, &rules.at))
		return cli_fail(cli, CS_EUSAGE, "--at 2026-11-24T12:00:00Z",
		        "--at: %.100s is no time of RFC 3339", at);
	enum cs_err rc = read_leaf(path, &leaf);
	if (rc != CS_OK)
		return fail_file(cli, path, rc);
	rc = path_pool_new(&pool);
	if (rc != CS_OK)
		return cli_fail(cli, rc, NULL, "%s", cs_err_text(rc));
	int exit_code = load_files(cli, "pool", false, pool);
	if (exit_code == 0)
		exit_code = load_files(cli, "roots", true, pool);
	return exit_code != 0 ? exit_code : build(cli, pool, cs_buf_view(&leaf), &rules);
}
