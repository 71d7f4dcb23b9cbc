#include "node/cli/files.h"
#include <string.h>
#include <unistd.h>
#include "node/cli/file.h"

static int refuse(struct cli *cli, enum cs_err err, const char *name)
{
	switch (err) {
	case CS_ETOOBIG:
		return cli_fail(cli, err,
		        "give certificate, key and chain alone; a bundle has some kilobytes",
		        "%.300s: larger than 1 MiB (%u bytes)", name, CS_UPLOAD_FILE_MAX);
	case CS_EEMPTY:
		return cli_fail(cli, err, "export it again", "%.300s: the file is empty", name);
	case CS_ENOTFOUND:
		return cli_fail(cli, err, "check the path", "%.300s: no such file", name);
	case CS_EDENIED:
		return cli_fail(cli, err, "run it as a user who may read the file",
		        "%.300s: not readable", name);
	case CS_EMALFORMED:
		return cli_fail(cli, err, "give a file", "%.300s: no regular file", name);
	default:
		return cli_fail(cli, err, "check the disk", "%.300s: %s", name, cs_err_text(err));
	}
}

static enum cs_err read_one(const char *name, struct cs_buf *out)
{
	*out = cs_buf_new(CS_UPLOAD_FILE_MAX);
	CS_TRY(strcmp(name, "-") == 0 ? file_read_fd(STDIN_FILENO, out) : file_read(name, out));
	return out->n == 0 ? CS_EEMPTY : CS_OK;
}

bool cli_files_read(struct cli *cli, struct cli_files *out, int *exit_code)
{
	size_t total = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < cli->operand_count && i < CS_UPLOAD_FILES_MAX; i++) {
		out->names[i] = cli->operands[i];
		const enum cs_err rc = read_one(cli->operands[i], &out->files[i]);
		out->count = i + 1;
		total += out->files[i].n;
		if (rc == CS_OK && total <= CS_UPLOAD_TOTAL_MAX)
			continue;
		*exit_code =
		        rc != CS_OK ? refuse(cli, rc, cli->operands[i])
		                    : cli_fail(cli, CS_ETOOBIG, "import them in several steps",
		                              "the files together are larger than 4 MiB (%u bytes)",
		                              CS_UPLOAD_TOTAL_MAX);
		cli_files_free(out);
		return false;
	}
	return true;
}

void cli_files_free(struct cli_files *self)
{
	for (size_t i = 0; i < self->count; i++)
		cs_buf_free(&self->files[i]);
	self->count = 0;
}

bool cli_files_may_need_passphrase(const struct cli_files *self)
{
	for (size_t i = 0; i < self->count; i++) {
		const struct cs_buf *f = &self->files[i];
		if (f->n > 0 && (f->p[0] == 0x30 || memmem(f->p, f->n, "ENCRYPTED", 9) != NULL))
			return true;
	}
	return false;
}
