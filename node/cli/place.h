/* node/cli/place.h: what init and join make on a host: configuration, state directory, key files.
 * Whole, or nothing is left. */
#pragma once
#include "node/cli/cli.h"
#include "proto/base/buf.h"
#include "proto/role/keyfile.h"
#include "proto/wire/control.h"

struct place {
	struct cli *cli;
	const char *config_file;
	char name[CS_ID_MAX + 1], listen[CS_ENDPOINT_MAX]; /* listen: for replication, "" none */
	char state_dir[CS_TEXT_MAX + 1], state_store[CS_TEXT_MAX + 32],
	        replicator_key[CS_TEXT_MAX + 32], keyd_key[CS_TEXT_MAX + 32];
	struct cs_arena *arena;
	struct wire_config config; /* as it is in effect */
	bool made_config, made_dir, made_keys;
	struct replicator_key replicator;
	struct keyd_key keyd;
};

/* Fills the rest from CLI's options (--state, --runtime, --edge-listen, --upstream), writes the
 * configuration unless it is there, makes the state directory and the keys. 0, or the exit code of
 * a printed failure; then (and always in the end) call place_end. */
int place_make(struct place *self);
/* Writes the configuration that this run made once more, with listen as it is now. */
int place_rewrite(struct place *self);
/* KEEP false: removes what this run made. Wipes the keys. */
void place_end(struct place *self, bool keep);
/* "0.0.0.0:PORT" unless the host of ENDPOINT is an address; into OUT (CS_ENDPOINT_MAX). */
void place_bindable(const char *endpoint, char *out);
