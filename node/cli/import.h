/* node/cli/import.h: the answer to an import, which a self-signed certificate gets too. */
#pragma once
#include <jansson.h>
#include "node/cli/cli.h"

/* Prints DOC (taken over) and returns its exit code. */
int import_answer(struct cli *cli, json_t *doc);
