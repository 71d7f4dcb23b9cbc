/* node/cli/against.h: what kind of change a certificate in a file would be beside another one. */
#pragma once
#include <jansson.h>
#include "node/cli/cli.h"
#include "store/pki/intake.h"

/* WHAT: a file, else a certificate of the running node by id or name. {against, verdict,
 * names_lost, names_gained, key_change, other_issuer, twin}. NULL: the failure was printed,
 * *EXIT_CODE says it.
 */
json_t *against_json(struct cli *cli, const struct intake *in, const char *what,
        const char *passphrase, int *exit_code);
void against_print(const json_t *against);
