/* node/cli/args.h: words of a command line into a struct cli, by the command table. Pure. */
#pragma once
#include "node/cli/cli.h"

struct args_error {
	char text[512], next[256];
};
/* CS_EUSAGE fills *ERROR. Options of a command come after its words, global ones anywhere; after
 * "--" all are operands. */
CS_MUST enum cs_err args_parse(
        struct cli *self, int argc, char *const *argv, struct args_error *error);
