/* What the demo asks its nodes: by our own program, by the API, and by real handshakes. */
#include <string.h>
#include <unistd.h>
#include "node/cli/api.h"
#include "node/cli/child.h"
#include "node/cli/demo/cluster.h"
#include "node/probe/probe.h"
#include "proto/base/clock.h"

#define WORDS_MAX 48
#define RUN_MS 30000
#define HANDSHAKE_MS 3000
#define OUTPUT_MAX (4u << 20)

static enum cs_err complain(
        struct demo *self, const char *const *words, int exit_code, struct cs_buf *err)
{
	char command[256];
	size_t n = 0;

	command[0] = '\0';
	for (size_t i = 0; words[i] != NULL && n < sizeof(command); i++)
		n += (size_t)snprintf(command + n, sizeof(command) - n, " %s", words[i]);
	return demo_fail(self, CS_EBUG, "`certspan%s` ended with %d\n%.600s", command, exit_code,
	        cs_buf_text(err));
}

enum cs_err demo_run(struct demo *self, const struct demo_node *node, const char *in, json_t **out,
        const char *const *words)
{
	char program[4096];
	char *argv[WORDS_MAX] = { program, "-o", "json", "--yes" };
	size_t n = 4;
	int exit_code = 0;
	CS_AUTO(cs_buf_free)
	struct cs_buf text = cs_buf_new(OUTPUT_MAX), err = cs_buf_new(OUTPUT_MAX);
	json_error_t error;

	const ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (len < 0)
		return demo_fail(self, CS_EIO, "cannot find this program");
	program[len] = '\0';
	if (node != NULL) {
		argv[n++] = "--config";
		argv[n++] = (char *)node->config;
	}
	for (size_t i = 0; words[i] != NULL && n + 1 < WORDS_MAX; i++)
		argv[n++] = (char *)words[i];
	const enum cs_err rc = child_run(argv, cs_bytes_of(in != NULL ? in : ""),
	        cs_clock_mono_ms() + RUN_MS, &text, &err, &exit_code);
	if (rc != CS_OK)
		return demo_fail(self, rc, "cannot run %s: %s", program, cs_err_text(rc));
	if (exit_code != 0)
		return complain(self, words, exit_code, &err);
	if (out == NULL)
		return CS_OK;
	*out = json_loads(cs_buf_text(&text), 0, &error);
	return *out != NULL
	               ? CS_OK
	               : demo_fail(self, CS_EMALFORMED, "`certspan %s` printed no JSON", words[0]);
}

json_t *demo_status(struct demo *self, const struct demo_node *node)
{
	struct cli ask = { .output = CLI_JSON, .config_file = node->config, .quiet = true };
	json_t *doc = NULL;

	(void)self;
	return api_try(&ask, &doc, "/v1/status") == 0 ? doc : NULL;
}

enum cs_err demo_handshake(const struct demo_node *node, enum probe_kind kind, const char *sni,
        const uint8_t want[32], uint32_t *took_us)
{
	CS_AUTO(probe_answer_free) struct probe_answer answer = { .err = CS_OK };
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%u", node->edge_port);
	const struct probe_question question = { .address = address,
		.kind = kind,
		.sni = sni,
		.deadline_ms = cs_clock_mono_ms() + HANDSHAKE_MS };
	CS_TRY(probe_run(&question, &answer));
	if (answer.err != CS_OK)
		return answer.err;
	*took_us = answer.took_us;
	return memcmp(answer.sha256, want, sizeof(answer.sha256)) == 0 ? CS_OK : CS_EREFUSED;
}
