/* certspan key status|recovery|lock|unlock: how the cluster's secrets are kept. */
#include <string.h>
#include <time.h>
#include "node/cli/choose.h"
#include "node/cli/doorway.h"
#include "node/cli/outfile.h"
#include "node/cli/view.h"
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/role/recovery.h"

#define UNLOCK_WAIT_MS 10000
#define UNLOCK_POLL_MS 50

int cli_key_status(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/key");

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	const json_t *recovery = json_object_get(doc, "recovery");
	printf("key process    %s\n", !true_at(doc, "running")   ? "not running"
	                              : true_at(doc, "unlocked") ? "unlocked"
	                                                         : "LOCKED: new handshakes fail");
	printf("secret epoch   %lld\nkeys in memory %lld\nsignatures     %lld (%lld refused)\n",
	        (long long)int_at(doc, "secret_epoch"), (long long)int_at(doc, "cached"),
	        (long long)int_at(doc, "signatures"), (long long)int_at(doc, "refused"));
	if (true_at(doc, "recovery_verified"))
		printf("recovery file  verified %s by %s, secret epoch %lld\n",
		        text_at(recovery, "verified_at"), table_safe(text_at(recovery, "by")),
		        (long long)int_at(recovery, "epoch"));
	else
		printf("recovery file  %s\n",
		        json_is_object(recovery) ? "verified for an older secret: make a new one"
		                                 : "never verified");
	if (!true_at(doc, "recovery_verified"))
		cli_say(cli, "next: certspan key recovery --verify FILE\n");
	json_decref(doc);
	return 0;
}

static int make(struct cli *cli)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_EXPORT_MAX);
	struct chosen chosen;
	json_t *doc = NULL;
	int rc = outfile_check(cli, true);

	if (rc != 0)
		return rc;
	if (choose_passphrase(cli, "", false, "the recovery file", &chosen, &rc)) {
		json_t *options = json_object();
		if (chosen.generated)
			json_object_set_new(options, "generated", json_true());
		rc = doorway_ask(cli, "recovery", options, &chosen.secret, NULL, &file, &doc);
	}
	if (rc == 0 && file.n > 0)
		rc = outfile_write(cli, cs_buf_view(&file));
	if (rc == 0 && file.n > 0)
		choose_reveal(&chosen, "the recovery file");
	choose_end(&chosen, rc != 0);
	if (rc != 0 || strcmp(cli_value(cli, "out"), "-") == 0) {
		json_decref(doc);
		return rc;
	}
	json_object_set_new(doc, "file", json_string(cli_value(cli, "out")));
	cli_say(cli, "next: certspan key recovery --verify %s\n",
	        table_safe(cli_value(cli, "out")));
	return api_outcome(cli, doc, "recovery file %s", table_safe(cli_value(cli, "out")));
}

/* Reads the file and its passphrase. */
static int read_recovery(
        struct cli *cli, const char *path, struct cs_buf *file, struct passphrase *secret)
{
	struct recovery look;
	int exit_code = 0;

	*secret = (struct passphrase){ NULL, 0 };
	enum cs_err rc = file_read(path, file);
	if (rc != CS_OK)
		return cli_fail(cli, rc, "check the name", "%.300s: %s", path, cs_err_text(rc));
	rc = recovery_look(cs_buf_view(file), &look);
	if (rc != CS_OK)
		return cli_fail(cli, rc,
		        "take another copy of it, or make a new one: certspan key recovery --out "
		        "FILE",
		        "%.300s: %s", path,
		        rc == CS_EVERSION
		                ? "written by a newer certspan"
		                : "no recovery file, or a byte of it was changed or lost");
	if (!passphrase_read(cli, true, "the recovery file", secret, &exit_code))
		return exit_code;
	return secret->text != NULL ? 0
	                            : cli_fail(cli, CS_ENOPASSPHRASE, "--passphrase-file F",
	                                      "the recovery file needs its passphrase");
}

static int verify(struct cli *cli, const char *path)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(RECOVERY_FILE_MAX);
	CS_AUTO(passphrase_free) struct passphrase secret = { NULL, 0 };
	json_t *doc = NULL;
	int rc = read_recovery(cli, path, &file, &secret);

	if (rc != 0)
		return rc;
	const struct cs_bytes bytes = cs_buf_view(&file);
	rc = doorway_ask(cli, "verify", json_object(), &secret, &bytes, NULL, &doc);
	return rc != 0 ? rc
	               : api_outcome(cli, doc, "%s opens and holds this cluster's secret",
	                         table_safe(path));
}

int cli_key_recovery(struct cli *cli)
{
	const char *path = cli_value(cli, "verify");

	if ((path != NULL) == (cli_value(cli, "out") != NULL))
		return cli_fail(cli, CS_EUSAGE,
		        "certspan key recovery --out FILE, or --verify FILE",
		        "one of --out and --verify is wanted");
	return path != NULL ? verify(cli, path) : make(cli);
}

static int told(struct cli *cli, json_t *doc, const char *text)
{
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, 0);
	printf("%s%s\n", true_at(doc, "dry_run") ? "dry run, nothing was done: " : "", text);
	json_decref(doc);
	return 0;
}

int cli_key_lock(struct cli *cli)
{
	json_t *doc = NULL;

	if (!cli_confirm(cli, "Lock this node: new handshakes with it fail until it is unlocked"))
		return cs_err_exit(CS_EUSAGE);
	const int rc = doorway_ask(cli, "lock", json_object(), NULL, NULL, NULL, &doc);
	if (rc != 0)
		return rc;
	cli_say(cli, "keys and secrets are out of this node's memory; resumed sessions and open "
	             "connections go on, new handshakes fail\nnext: certspan key unlock\n");
	return told(cli, doc, "locked");
}

/* From the key file the key process starts anew; its restart takes a moment. */
static bool unlocked_soon(struct cli *cli)
{
	const int64_t deadline = cs_clock_mono_ms() + UNLOCK_WAIT_MS;
	const struct timespec pause = { 0, UNLOCK_POLL_MS * 1000000L };

	while (cs_clock_mono_ms() < deadline) {
		json_t *key = NULL;
		const bool good = api_try(cli, &key, "/v1/key") == 0 && true_at(key, "unlocked");
		json_decref(key);
		if (good)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int cli_key_unlock(struct cli *cli)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(RECOVERY_FILE_MAX);
	CS_AUTO(passphrase_free) struct passphrase secret = { NULL, 0 };
	const char *path = cli_value(cli, "recovery");
	json_t *doc = NULL;
	int rc = path != NULL ? read_recovery(cli, path, &file, &secret) : 0;

	if (rc != 0)
		return rc;
	const struct cs_bytes bytes = cs_buf_view(&file);
	rc = doorway_ask(
	        cli, "unlock", json_object(), &secret, path != NULL ? &bytes : NULL, NULL, &doc);
	if (rc != 0)
		return rc;
	if (cli->dry_run || unlocked_soon(cli))
		return told(cli, doc, "unlocked");
	json_decref(doc);
	return cli_fail(cli, CS_ELOCKED,
	        "look at the log of certspand; or unlock it by --recovery "
	        "FILE",
	        "the key process does not find its secret");
}
