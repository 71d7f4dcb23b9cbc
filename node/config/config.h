/* node/config/config.h: what is local to this host, as YAML: addresses, folders, upstream, logs
 * (design section 7). Certificates, nodes and the cluster's settings live in the replicated state
 * and never here.
 *
 * Every complaint is one line without a newline, `FILE:LINE:COL path: what`, fit to be printed as
 * it is. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/wire/control.h"

#define CONFIG_FILE_MAX (64u << 10)
#define CONFIG_WORKERS_MAX 64

/* Reads and checks FILE. On CS_OK *OUT is complete (defaults filled in, paths absolute, workers
 * resolved) and lives in ARENA; shared_user is left false. CS_ECONFIG: the content is wrong;
 * CS_ENOTFOUND, CS_EDENIED, CS_EIO, CS_ETOOBIG: FILE cannot be read; COMPLAINT then says what. */
CS_MUST enum cs_err config_read(const char *file, struct cs_arena *arena, struct wire_config *out,
        struct cs_buf *complaint);
/* The same over bytes; FILE (absolute) names them in complaints, and relative paths count from its
 * folder. Pure. */
CS_MUST enum cs_err config_parse(const char *file, struct cs_bytes text, struct cs_arena *arena,
        struct wire_config *out, struct cs_buf *complaint);

/* Appends the effective configuration: as a YAML file that config_read takes, or as JSON
 * (certspan.config/1). */
CS_MUST enum cs_err config_show_yaml(const struct wire_config *config, struct cs_buf *out);
CS_MUST enum cs_err config_show_json(const struct wire_config *config, struct cs_buf *out);

/* What a new file should say. NULL = the default. */
struct config_choice {
	const char *name; /* required */
	const char *state_dir, *runtime_dir;
	const char *const *edge_listen; /* NULL-terminated list */
	const char *upstream; /* "", "tcp:HOST:PORT", "unix:PATH" */
	const char *replication_listen;
	const char *workers; /* "auto" or a number */
};
/* Appends the commented file that CHOICE makes. Values are quoted, so that any text survives. */
CS_MUST enum cs_err config_text(const struct config_choice *choice, struct cs_buf *out);
/* The text of `certspan config example` and of deploy/certspan.yaml: every key, with its default.
 */
CS_MUST enum cs_err config_example(struct cs_buf *out);
/* Writes that text to FILE, which must not exist (CS_EEXISTS), 0644, durably. Nothing is written
 * when the result would be refused by config_read: CS_ECONFIG. COMPLAINT says why. */
CS_MUST enum cs_err config_write_new(
        const char *file, const struct config_choice *choice, struct cs_buf *complaint);
