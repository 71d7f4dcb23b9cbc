/* certspan join TOKEN: makes this host a node. On failure nothing is left behind. */
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include "node/cli/api.h"
#include "node/cli/child.h"
#include "node/cli/file.h"
#include "node/cli/place.h"
#include "node/cli/reach.h"
#include "node/cli/table.h"
#include "node/cli/token.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "store/db/state.h"

#define WAIT_S 30
#define OUTPUT_MAX (64u << 10)
#define PLACEHOLDER_LISTEN "0.0.0.0:7443" /* until the registry says where a backup binds */

static int take_token(struct cli *cli, struct join_token *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(JOIN_TOKEN_TEXT_MAX);
	const bool from_stdin = strcmp(cli->operands[0], "-") == 0;

	if (from_stdin && file_read_fd(STDIN_FILENO, &text) != CS_OK)
		return cli_fail(cli, CS_EMALFORMED,
		        "give the one line that `certspan node token create` printed",
		        "standard input holds no join token");
	const enum cs_err rc =
	        join_token_read(from_stdin ? cs_buf_text(&text) : cli->operands[0], out);
	if (rc == CS_EVERSION)
		return cli_fail(cli, rc, "install the same certspan as on the primary",
		        "the join token is of a newer certspan");
	if (rc != CS_OK)
		return cli_fail(cli, rc,
		        "give the whole line that `certspan node token create` printed on the "
		        "primary",
		        "this is no join token, or a part of one");
	return 0;
}

static enum cs_err stdin_lines(const struct join_token *t, struct cs_buf *out)
{
	const struct {
		const char *key;
		const uint8_t *bytes;
		size_t n;
	} lines[] = { { "server-key", t->server_key, 32 }, { "token-id", t->id, 8 },
		{ "secret", t->secret, 16 }, { "cluster", t->cluster, 16 } };

	for (size_t i = 0; i < CS_COUNT(lines); i++) {
		char hex[65];
		cs_hex(lines[i].bytes, lines[i].n, hex);
		const enum cs_err rc = cs_buf_printf(out, "%s %s\n", lines[i].key, hex);
		sodium_memzero(hex, sizeof(hex));
		CS_TRY(rc);
	}
	return CS_OK;
}

/* What the enrolling program said, as one sentence: its JSON line, else the end of what it wrote.
 */
static int refused(struct cli *cli, const struct join_token *token, int exit_code,
        struct cs_buf *out, struct cs_buf *err)
{
	static const enum cs_err codes[] = { CS_EUNREACHABLE, CS_EDENIED, CS_EEXISTS, CS_EREFUSED,
		CS_EFULL, CS_EAGAIN, CS_ENOTFOUND };
	json_error_t e;
	json_t *doc = json_loads(cs_buf_text(out), 0, &e);
	char reason[CS_TEXT_MAX], next[CS_TEXT_MAX];
	enum cs_err code = CS_EBUG;

	for (size_t i = 0; i < CS_COUNT(codes); i++)
		if (cs_err_exit(codes[i]) == exit_code)
			code = codes[i];
	for (size_t i = 0; i < CS_ERR_COUNT; i++)
		if (strcmp(cs_err_name((enum cs_err)i), text_at(doc, "error")) == 0)
			code = (enum cs_err)i;
	const char *said =
	        text_at(doc, "reason")[0] != '\0' ? text_at(doc, "reason") : text_at(doc, "text");
	snprintf(next, sizeof(next), "%s",
	        text_at(doc, "next")[0] != '\0' ? text_at(doc, "next")
	        : code == CS_EUNREACHABLE || code == CS_ETIMEOUT
	                ? "check that the primary runs and that its port can be reached from here, "
	                  "then repeat it"
	                : "make a fresh token on the primary: certspan node token create");
	if (said[0] == '\0') {
		const char *text = cs_buf_text(err);
		size_t n = strlen(text);
		while (n > 0 && text[n - 1] == '\n')
			n--;
		size_t from = n;
		while (from > 0 && text[from - 1] != '\n')
			from--;
		snprintf(reason, sizeof(reason), "%.*s", (int)(n - from), text + from);
		said = reason[0] != '\0' ? reason : cs_err_text(code);
	}
	const int rc = cli_fail(cli, code, next, "cannot join at %s: %s", token->endpoint, said);
	json_decref(doc);
	return rc;
}

static int enrol(struct cli *cli, const struct place *place, const struct join_token *token)
{
	char program[CS_TEXT_MAX];
	CS_AUTO(cs_buf_free)
	struct cs_buf in = cs_buf_new(1024), out = cs_buf_new(OUTPUT_MAX),
	              err = cs_buf_new(OUTPUT_MAX);
	int exit_code = 0;

	if (reach_program("certspan-replicator", program, sizeof(program)) != CS_OK)
		return cli_fail(cli, CS_EUNREACHABLE, "install certspan whole",
		        "certspan-replicator is not beside this program");
	char *argv[] = { program, "enrol", "--state-dir", (char *)place->state_dir, "--name",
		(char *)token->name, "--role", (char *)node_role_name(token->role), "--endpoint",
		(char *)token->endpoint, NULL };
	enum cs_err rc = stdin_lines(token, &in);
	const int wait_s = cli->timeout_s > 0 ? cli->timeout_s : WAIT_S;
	if (rc == CS_OK)
		rc = child_run(argv, cs_buf_view(&in), cs_clock_mono_ms() + wait_s * 1000, &out,
		        &err, &exit_code);
	if (rc == CS_ETIMEOUT)
		return cli_fail(cli, rc,
		        "check that the primary runs and that its port can be reached from here, "
		        "then repeat it",
		        "no answer from %s in %d s", token->endpoint, wait_s);
	if (rc != CS_OK)
		return cli_fail(cli, rc, NULL, "cannot run %s: %s", program, cs_err_text(rc));
	return exit_code == 0 ? 0 : refused(cli, token, exit_code, &out, &err);
}

/* The node's own replication address, from the registry that joining brought. */
static enum cs_err own_internal(const struct place *place, const char *name, char *out, size_t size)
{
	CS_AUTO(state_close) struct state *state = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_enrolled enrolled;

	CS_TRY(state_open(place->state_store, false, false, place->config.map_size, &state));
	CS_TRY(state_local_get(state, LOCAL_META, "registry", &text));
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(wire_decode(&wire_enrolled_type, cs_buf_view(&text), arena, &enrolled));
	for (size_t i = 0; i < enrolled.nodes.n; i++)
		if (strcmp(enrolled.nodes.v[i].name, name) == 0 &&
		        cs_endpoint_ok(enrolled.nodes.v[i].internal, false)) {
			snprintf(out, size, "%s", enrolled.nodes.v[i].internal);
			return CS_OK;
		}
	return CS_ENOTFOUND;
}

/* A backup binds where the registry says, unless --internal said so before. */
static int settle_listen(struct place *place, const struct join_token *token)
{
	char internal[CS_ENDPOINT_MAX];

	if (token->role != ROLE_BACKUP || cli_value(place->cli, "internal") != NULL ||
	        !place->made_config)
		return 0;
	const enum cs_err rc = own_internal(place, token->name, internal, sizeof(internal));
	if (rc == CS_ENOTFOUND)
		return 0;
	if (rc != CS_OK)
		return cli_fail(place->cli, rc, NULL,
		        "cannot read the registry that joining brought: %s", cs_err_text(rc));
	place_bindable(internal, place->listen);
	return place_rewrite(place);
}

static int report(struct cli *cli, const struct place *place, const struct join_token *token)
{
	char hex[33];

	cs_hex(token->cluster, 16, hex);
	if (cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "schema",
		                "certspan.join/1", "cluster", hex, "name", token->name, "role",
		                node_role_name(token->role), "config", place->config_file, "state",
		                place->state_dir, "next", "certspand --config FILE"),
		        0);
	printf("node %s, %s, joined cluster %s\nconfiguration %s\nstate %s\n", token->name,
	        node_role_name(token->role), hex, place->config_file, place->state_dir);
	cli_say(cli, "next: certspand --config %s\n", place->config_file);
	return 0;
}

static int listen_of(struct cli *cli, const struct join_token *token, char *out)
{
	const char *internal = cli_value(cli, "internal");

	out[0] = '\0';
	if (token->role != ROLE_BACKUP)
		return 0;
	if (internal != NULL && !cs_endpoint_ok(internal, false))
		return cli_fail(cli, CS_EUSAGE, "give HOST:PORT as 10.0.0.2:7443",
		        "no address: --internal %.250s", internal);
	place_bindable(internal != NULL ? internal : PLACEHOLDER_LISTEN, out);
	return 0;
}

int cli_join(struct cli *cli)
{
	struct join_token token;
	struct place place = { .cli = cli };
	int rc = take_token(cli, &token);

	if (rc == 0)
		rc = listen_of(cli, &token, place.listen);
	if (rc == 0) {
		snprintf(place.name, sizeof(place.name), "%s", token.name);
		rc = place_make(&place);
		if (rc == 0)
			rc = enrol(cli, &place, &token);
		if (rc == 0)
			rc = settle_listen(&place, &token);
		if (rc == 0)
			rc = report(cli, &place, &token);
		place_end(&place, rc == 0);
	}
	sodium_memzero(&token, sizeof(token));
	return rc;
}
