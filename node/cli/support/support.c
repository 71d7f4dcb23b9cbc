/* certspan support bundle: facts and public certificates as one ZIP file, proven free of keys
 * (S33). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "node/cli/api.h"
#include "node/cli/file.h"
#include "node/cli/support/gather.h"
#include "node/cli/table.h"
#include "proto/base/limits.h"

#define BUNDLE_MODE 0600
#define README_BYTES (1u << 20)

static enum cs_err write_readme(struct gather *self)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(README_BYTES);
	struct cs_bytes bytes;
	json_t *row;
	size_t i;

	CS_TRY(cs_buf_printf(&text,
	        "certspan support bundle\n\nFacts about a node and its cluster, and public "
	        "certificates: NAME.cer (DER), NAME.p7b (with the chain).\nEvery file was searched "
	        "for keys of any form before this was written; there is none.\n\nFiles:\n  "
	        "README.txt\n"));
	for (i = 0; i < archive_count(self->archive); i++) {
		const char *name = archive_member(self->archive, i, &bytes);
		CS_TRY(cs_buf_printf(&text, "  %s\n", name));
	}
	CS_TRY(cs_buf_printf(&text, "\nNot in it:\n"));
	json_array_foreach(self->missing, i, row) CS_TRY(
	        cs_buf_printf(&text, "  %s: %s\n", text_at(row, "what"), text_at(row, "why")));
	return archive_add(self->archive, "README.txt", cs_buf_view(&text));
}

static enum cs_err collect(struct gather *self)
{
	if (!gather_online(self))
		gather_offline(self);
	gather_local(self, cli_value(self->cli, "log"));
	CS_TRY(self->err);
	return write_readme(self);
}

static int refuse(struct cli *cli, enum cs_err rc, const char *member, const char *what)
{
	if (rc == CS_EREFUSED)
		return cli_fail(cli, rc,
		        "nothing was written; take that out at its source, or leave out --log",
		        "%.200s holds %s: a support bundle never holds a key", member, what);
	return cli_fail(cli, rc, "nothing was written; free memory and try again",
	        "the support bundle cannot be made: %s", cs_err_text(rc));
}

/* Beside its place first, then there: never half a file, never over another one. */
static int put(struct cli *cli, const char *file, struct cs_bytes zip)
{
	char temporary[4096];

	if (snprintf(temporary, sizeof(temporary), "%s.%ld.part", file, (long)getpid()) >=
	        (int)sizeof(temporary))
		return cli_fail(cli, CS_EUSAGE, "choose a shorter path", "the path is too long");
	enum cs_err rc = file_write_new(temporary, zip, BUNDLE_MODE);
	if (rc == CS_OK && cli_flag(cli, "force"))
		rc = rename(temporary, file) == 0 ? CS_OK : cs_err_errno(errno);
	else if (rc == CS_OK)
		rc = link(temporary, file) == 0 ? CS_OK : cs_err_errno(errno);
	unlink(temporary);
	if (rc == CS_EEXISTS)
		return cli_fail(cli, rc, "choose another name, or give --force",
		        "%.300s exists already; it was not touched", file);
	if (rc != CS_OK)
		return cli_fail(cli, rc, "check the folder and its free space",
		        "%.300s cannot be written: %s", file, cs_err_text(rc));
	return 0;
}

static int say(const struct gather *self, const char *file, size_t size)
{
	struct cli *cli = self->cli;
	json_t *members = json_array(), *row;
	struct cs_bytes bytes;
	size_t i;

	for (i = 0; i < archive_count(self->archive); i++) {
		const char *name = archive_member(self->archive, i, &bytes);
		json_array_append_new(members,
		        json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)bytes.n));
	}
	if (cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:s, s:I, s:b, s:o, s:O}", "schema", "certspan.support/1",
		                "file", file, "bytes", (json_int_t)size, "dry_run", cli->dry_run,
		                "members", members, "missing", self->missing),
		        0);
	printf("%s%s: %zu files, %zu bytes, no key in it\n",
	        cli->dry_run ? "dry run, nothing was written: " : "", table_safe(file),
	        json_array_size(members), size);
	json_array_foreach(self->missing, i, row) cli_say(cli, "not in it: %s: %s\n",
	        table_safe(text_at(row, "what")), table_safe(text_at(row, "why")));
	json_decref(members);
	return 0;
}

static int make(struct gather *self, const char *file)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf zip = cs_buf_new(ARCHIVE_BYTES_MAX);
	const char *member = "", *what = "";

	enum cs_err rc = cs_arena_new(1u << 20, &arena);
	if (rc == CS_OK)
		rc = collect(self);
	if (rc == CS_OK)
		rc = archive_pack(self->archive, &zip);
	if (rc == CS_OK)
		rc = archive_inspect(cs_buf_view(&zip), arena, &member, &what);
	if (rc != CS_OK)
		return refuse(self->cli, rc, member, what);
	const int exit_code = self->cli->dry_run ? 0 : put(self->cli, file, cs_buf_view(&zip));
	return exit_code != 0 ? exit_code : say(self, file, zip.n);
}

int cli_support_bundle(struct cli *cli)
{
	const char *file = cli->operands[0];
	struct gather self = { .cli = cli, .missing = json_array() };

	if (access(file, F_OK) == 0 && !cli_flag(cli, "force"))
		return cli_fail(cli, CS_EEXISTS, "choose another name, or give --force",
		        "%.300s exists already; it was not touched", file);
	if (archive_new(&self.archive) != CS_OK)
		return refuse(cli, CS_ENOMEM, "", "");
	const int exit_code = make(&self, file);
	archive_free(&self.archive);
	json_decref(self.missing);
	return exit_code;
}
