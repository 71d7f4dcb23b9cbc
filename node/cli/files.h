/* node/cli/files.h: the files of an import or an inspection, read under the caps of limits.h. */
#pragma once
#include "node/cli/cli.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"

struct cli_files {
	struct cs_buf files[CS_UPLOAD_FILES_MAX]; /* wiped when freed: they may hold keys */
	const char *names[CS_UPLOAD_FILES_MAX];
	size_t count;
};
/* Every operand of CLI ("-" = standard input). Failure is printed; *EXIT_CODE says it, and what was
 * read is freed. */
bool cli_files_read(struct cli *cli, struct cli_files *out, int *exit_code);
/* Whether a prompt makes sense: PKCS#12 (or other DER), or a PEM key that says it is encrypted. */
bool cli_files_may_need_passphrase(const struct cli_files *self);
void cli_files_free(struct cli_files *self);
