/* node/cli/doorway.h: verbs that bring something out through the door. */
#pragma once
#include "node/cli/api.h"
#include "node/cli/file.h"

/* Sends VERB with OPTIONS (taken over; the fields of every write are added), SECRET (NULL: none)
 * and UPLOAD (NULL: none). 0 or 10: the caller owns *OUT, and FILE (may be NULL) has what came;
 * else the exit code of what was printed. */
int doorway_ask(struct cli *cli, const char *verb, json_t *options, const struct passphrase *secret,
        const struct cs_bytes *upload, struct cs_buf *file, json_t **out);
