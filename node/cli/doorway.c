#include "node/cli/doorway.h"
#include <stdlib.h>
#include "node/cli/reach.h"
#include "node/door/door.h"
#include "node/door/frame.h"
#include "proto/base/clock.h"

#define WAIT_S 150

static int failed(struct cli *cli, enum cs_err err)
{
	if (err == CS_ECLOSED)
		return cli_fail(cli, err, "look at the log of certspand",
		        "the process behind the door ended without an answer");
	return cli_fail(cli, err, "certspan status", "%s",
	        err == CS_ETIMEOUT ? "no answer in time" : door_reason(err));
}

static int send(struct cli *cli, const struct wire_door *request, struct cs_buf *file, json_t **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf body = cs_buf_new(DOOR_REPLY_MAX);
	char path[4096];
	uint32_t status = 0;
	json_error_t error;
	const int rc = reach_socket(cli, "door.sock", path, sizeof(path));

	if (rc != 0)
		return rc;
	const int64_t wait_s = cli->timeout_s > 0 ? cli->timeout_s + 30 : WAIT_S;
	const enum cs_err err =
	        door_fetch(path, request, cs_clock_mono_ms() + wait_s * 1000, &status, &body, file);
	if (err != CS_OK)
		return failed(cli, err);
	*out = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(*out)) {
		json_decref(CS_STEAL(*out));
		return cli_fail(cli, CS_EMALFORMED, "look at the daemon's log",
		        "the door answered no JSON (%u)", status);
	}
	if (json_object_get(*out, "error") != NULL)
		return api_error(cli, CS_STEAL(*out));
	return 0;
}

int doorway_ask(struct cli *cli, const char *verb, json_t *options, const struct passphrase *secret,
        const struct cs_bytes *upload, struct cs_buf *file, json_t **out)
{
	api_write_fields(cli, options);
	char *text = json_dumps(options, JSON_COMPACT);
	const struct wire_upload sent = { .name = "recovery",
		.bytes = upload != NULL ? *upload : (struct cs_bytes){ NULL, 0 } };
	struct wire_door request = { .verb = verb, .options = text };

	*out = NULL;
	json_decref(options);
	if (secret != NULL && secret->text != NULL) {
		request.has_passphrase = true;
		request.passphrase = (struct cs_bytes){ (const uint8_t *)secret->text, secret->n };
	}
	if (upload != NULL) {
		request.files.v = &sent;
		request.files.n = 1;
	}
	const int rc = text != NULL ? send(cli, &request, file, out)
	                            : cli_fail(cli, CS_ENOMEM, NULL, "out of memory");
	free(text);
	return rc;
}
