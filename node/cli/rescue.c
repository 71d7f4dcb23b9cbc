#include "node/cli/rescue.h"
#include <string.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "proto/role/recovery.h"

bool rescue_begin(struct cli *cli, struct rescue *out, int *exit_code)
{
	*out = (struct rescue){ .made = false };
	return choose_passphrase(
	        cli, "recovery-", true, "the recovery file", &out->chosen, exit_code);
}

static int name_it(
        struct cli *cli, struct rescue *self, const char *config_file, const uint8_t cluster[16])
{
	const char *given = cli_value(cli, "recovery"), *slash = strrchr(config_file, '/');
	char hex[33];
	int n;

	cs_hex(cluster, 16, hex);
	if (given != NULL)
		n = snprintf(self->file, sizeof(self->file), "%s", given);
	else
		n = snprintf(self->file, sizeof(self->file), "%.*scertspan-recovery-%s.txt",
		        slash != NULL ? (int)(slash + 1 - config_file) : 0, config_file, hex);
	return n > 0 && (size_t)n < sizeof(self->file)
	               ? 0
	               : cli_fail(cli, CS_EUSAGE, "choose a shorter --recovery FILE",
	                         "the name of the recovery file is empty or too long");
}

int rescue_write(struct cli *cli, struct rescue *self, const char *config_file,
        const uint8_t cluster[16], uint32_t epoch, const uint8_t secret[32])
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(RECOVERY_FILE_MAX);
	struct recovery what = { .made = cs_clock_wall_s(), .count = 1 };
	const int rc = name_it(cli, self, config_file, cluster);

	if (rc != 0)
		return rc;
	memcpy(what.cluster, cluster, sizeof(what.cluster));
	what.secrets[0].epoch = epoch;
	memcpy(what.secrets[0].secret, secret, sizeof(what.secrets[0].secret));
	enum cs_err err = recovery_write(
	        &what, cs_bytes_of(self->chosen.secret.text), !self->chosen.generated, &text);
	recovery_wipe(&what);
	if (err == CS_OK)
		err = file_write_new(self->file, cs_buf_view(&text), 0600);
	self->made = err == CS_OK;
	return err == CS_OK ? 0
	                    : cli_fail(cli, err, "choose another place by --recovery FILE",
	                              "cannot write the recovery file %.300s: %s", self->file,
	                              cs_err_text(err));
}

void rescue_end(struct rescue *self, bool keep)
{
	if (keep)
		choose_reveal(&self->chosen, "the recovery file");
	else if (self->made)
		unlink(self->file);
	choose_end(&self->chosen, !keep);
}
