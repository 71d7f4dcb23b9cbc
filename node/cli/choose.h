/* node/cli/choose.h: a passphrase for something new: the admin's, or a generated one that is shown
 * once. */
#pragma once
#include "node/cli/file.h"

struct chosen {
	struct passphrase secret;
	bool generated;
	const char *out_file; /* where a generated one goes; NULL: to standard error */
};
/* By --PREFIXpassphrase-file and its kin; else generated when --generate-passphrase or
 * --PREFIXpassphrase-out says so, or ALWAYS; else asked for twice, on a terminal. Too short a one
 * is refused. A generated one is in its file when this returns. Failure is printed; *EXIT_CODE says
 * it.
 */
bool choose_passphrase(struct cli *cli, const char *prefix, bool always, const char *what,
        struct chosen *out, int *exit_code);
/* Shows a generated one on standard error, unless it is in a file; the one time. */
void choose_reveal(const struct chosen *self, const char *what);
/* DISCARD: what it was for was not made, so its file goes too. */
void choose_end(struct chosen *self, bool discard);
