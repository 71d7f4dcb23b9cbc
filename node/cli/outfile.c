#include "node/cli/outfile.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sodium.h>
#include "node/cli/file.h"
#include "proto/base/text.h"

static int exists(struct cli *cli, const char *path)
{
	return cli_fail(cli, CS_EEXISTS, "choose another --out, or repeat it with --force",
	        "%.300s is there already", path);
}

int outfile_check(struct cli *cli, bool secret)
{
	const char *path = cli_value(cli, "out");
	struct stat st;

	if (path == NULL || path[0] == '\0')
		return cli_fail(cli, CS_EUSAGE, "--out FILE", "where to? --out is missing");
	if (strcmp(path, "-") == 0)
		return secret && isatty(STDOUT_FILENO) == 1
		               ? cli_fail(cli, CS_EUSAGE, "--out FILE, or send it into a pipe",
		                         "a private key is not shown on a terminal")
		               : 0;
	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return cli_fail(
		        cli, CS_EEXISTS, "choose another --out", "%.300s is no regular file", path);
	return cli_flag(cli, "force") ? 0 : exists(cli, path);
}

static int to_stdout(struct cli *cli, struct cs_bytes bytes)
{
	return fwrite(bytes.p, 1, bytes.n, stdout) == bytes.n && fflush(stdout) == 0
	               ? 0
	               : cli_fail(cli, CS_EIO, NULL, "cannot write to standard output");
}

/* link never replaces; rename always does. */
static enum cs_err put(const char *temporary, const char *path, bool force)
{
	if (force)
		return rename(temporary, path) == 0 ? CS_OK : cs_err_errno(errno);
	const enum cs_err rc = link(temporary, path) == 0 ? CS_OK : cs_err_errno(errno);
	unlink(temporary);
	return rc;
}

int outfile_write(struct cli *cli, struct cs_bytes bytes)
{
	const char *path = cli_value(cli, "out");
	char temporary[PATH_MAX], hex[17];
	uint8_t random[8];

	if (strcmp(path, "-") == 0)
		return to_stdout(cli, bytes);
	randombytes_buf(random, sizeof(random));
	cs_hex(random, sizeof(random), hex);
	if (snprintf(temporary, sizeof(temporary), "%s.%s", path, hex) >= (int)sizeof(temporary))
		return cli_fail(cli, CS_EUSAGE, "choose a shorter --out", "--out is too long");
	enum cs_err rc = file_write_new(temporary, bytes, 0600);
	if (rc == CS_OK)
		rc = put(temporary, path, cli_flag(cli, "force"));
	if (rc != CS_OK)
		unlink(temporary);
	if (rc == CS_EEXISTS)
		return exists(cli, path);
	return rc == CS_OK ? 0
	                   : cli_fail(cli, rc,
	                             rc == CS_EFULL ? "make room, then repeat it"
	                                            : "check the folder of --out",
	                             "cannot write %.300s: %s", path, cs_err_text(rc));
}
