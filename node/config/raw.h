/* node/config/raw.h: the file as libcyaml reads it: texts and numbers in its shape, not yet judged.
 * NULL = not given. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

struct raw_list {
	char **v;
	unsigned n;
};
struct raw_node {
	char *name;
};
struct raw_store {
	char *directory, *map_size;
};
struct raw_edge {
	struct raw_list listen;
	char *upstream, *workers;
	unsigned *handshake_timeout_s, *idle_timeout_s;
};
struct raw_replication {
	char *listen;
	struct raw_list upstreams;
};
struct raw_probe {
	unsigned *interval_s;
};
struct raw_log {
	unsigned *format, *level;
};
struct raw_config {
	unsigned *schema;
	struct raw_node node;
	struct raw_store *store;
	char *runtime_directory;
	struct raw_edge *edge;
	struct raw_replication *replication;
	struct raw_probe *probe;
	struct raw_log *log;
};

/* CS_ECONFIG with a COMPLAINT, CS_ENOMEM. On CS_OK the caller owns *OUT. FILE names the text in
 * complaints. */
CS_MUST enum cs_err raw_load(const char *file, const char *text, size_t n, struct raw_config **out,
        struct cs_buf *complaint);
void raw_free(struct raw_config **self);

/* Words of the enumerations, in order of their numbers. */
extern const char *const raw_formats[3]; /* auto, text, json */
extern const char *const raw_levels[5]; /* error, warning, notice, info, debug */
