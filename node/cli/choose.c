#include "node/cli/choose.h"
#include <string.h>
#include <unistd.h>
#include <sodium.h>
#include "proto/role/recovery.h"
#include "store/pki/export.h"

static int generate(struct cli *cli, struct chosen *out)
{
	char text[RECOVERY_PASSPHRASE_BYTES];

	recovery_passphrase(text);
	enum cs_err rc = passphrase_keep(text, &out->secret);
	out->generated = rc == CS_OK;
	if (rc != CS_OK)
		return cli_fail(cli, rc, NULL, "%s", cs_err_text(rc));
	if (out->out_file == NULL || cli->dry_run)
		return 0;
	rc = file_write_new(out->out_file, cs_bytes_of(out->secret.text), 0600);
	if (rc == CS_OK)
		return 0;
	const char *file = CS_STEAL(out->out_file);
	return cli_fail(cli, rc,
	        rc == CS_EEXISTS ? "choose another name; it may belong to something"
	                         : "check the folder",
	        "cannot write the passphrase to %.300s: %s", file, cs_err_text(rc));
}

static int ask(struct cli *cli, const char *prefix, const char *what, struct chosen *out)
{
	const enum cs_err rc = passphrase_ask_new(what, &out->secret);

	if (rc == CS_ENOPASSPHRASE)
		return cli_fail(cli, rc, "--passphrase-file F, or --generate-passphrase",
		        "%s needs a passphrase (--%spassphrase-file)", what, prefix);
	return rc == CS_OK ? 0
	                   : cli_fail(cli, rc, "type it again",
	                             rc == CS_EMISMATCH ? "the two passphrases differ"
	                                                : "no passphrase could be read");
}

bool choose_passphrase(struct cli *cli, const char *prefix, bool always, const char *what,
        struct chosen *out, int *exit_code)
{
	char name[64];

	*out = (struct chosen){ .generated = false };
	snprintf(name, sizeof(name), "%spassphrase-out", prefix);
	out->out_file = cli_value(cli, name);
	if (passphrase_by_option(cli, prefix, &out->secret, exit_code))
		out->out_file = NULL;
	else if (*exit_code == 0 &&
	         (always || out->out_file != NULL || cli_flag(cli, "generate-passphrase")))
		*exit_code = generate(cli, out);
	else if (*exit_code == 0)
		*exit_code = ask(cli, prefix, what, out);
	if (*exit_code != 0 || out->generated)
		return *exit_code == 0;
	const char *objection = pki_passphrase_objection(out->secret.text);
	if (objection != NULL)
		*exit_code = cli_fail(cli, CS_EUSAGE,
		        "choose a longer one, or --generate-passphrase", "%s", objection);
	return objection == NULL;
}

void choose_reveal(const struct chosen *self, const char *what)
{
	if (self->generated && self->out_file == NULL)
		fprintf(stderr, "passphrase of %s, shown this once: %s\n", what, self->secret.text);
}

void choose_end(struct chosen *self, bool discard)
{
	if (discard && self->generated && self->out_file != NULL)
		unlink(self->out_file);
	passphrase_free(&self->secret);
}
