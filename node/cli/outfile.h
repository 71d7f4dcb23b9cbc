/* node/cli/outfile.h: a file that a verb makes for the admin: whole or not at all, 0600, never over
 * another one unless --force says so. */
#pragma once
#include "node/cli/cli.h"

/* Before anything is asked for: whether --out is given and may be written. SECRET: "-" is refused
 * on a terminal. 0, or the failure, printed. */
int outfile_check(struct cli *cli, bool secret);
/* Writes to --out ("-": standard output). 0, or the failure, printed. */
int outfile_write(struct cli *cli, struct cs_bytes bytes);
