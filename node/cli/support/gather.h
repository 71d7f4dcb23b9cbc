/* node/cli/support/gather.h: what a support bundle says, as members of an archive. What cannot be
 * had is a line of MISSING (array of {what, why}) and no error. */
#pragma once
#include "node/cli/cli.h"
#include "node/cli/support/archive.h"
#include "proto/base/limits.h"

#define GATHER_CERTS_MAX 1000

struct gather {
	struct cli *cli;
	struct archive *archive;
	json_t *missing;
	enum cs_err err; /* the first that is one: no memory, too big */
};
/* JSON is taken over; NULL is no memory. */
void gather_json(struct gather *self, const char *name, json_t *json);
void gather_bytes(struct gather *self, const char *name, struct cs_bytes bytes);
void gather_missing(struct gather *self, const char *what, const char *why);
/* One certificate as certs/ID.cer, with its chain as certs/ID.p7b. */
void gather_cert(struct gather *self, const char *id, struct cs_bytes leaf,
        const struct cs_bytes *chain, size_t chain_count);

bool gather_online(struct gather *self); /* from the API; false: no daemon answers */
void gather_offline(struct gather *self); /* from the stores of this host, read-only */
void gather_local(struct gather *self, const char *log); /* host, versions, configuration, log */
