/* node/cli/reach.h: which node a command is about: its configuration, its sockets, its programs. */
#pragma once
#include "node/cli/cli.h"
#include "proto/base/buf.h"
#include "proto/wire/control.h"

/* The configuration file: --config, $CERTSPAN_CONFIG, ./certspan.yaml if it is there, else
 * /etc/certspan/certspan.yaml. */
const char *reach_config(const struct cli *cli);
/* Reads FILE. 0: the caller frees *ARENA, in which *OUT lives; else the failure was printed, its
 * exit code is returned, and *ARENA is to be freed as well. */
int reach_read(struct cli *cli, const char *file, struct cs_arena **arena, struct wire_config *out);
/* RUNTIME/NAME into OUT. RUNTIME: --runtime, else the configuration's. Failure is printed and its
 * exit code returned, else 0. */
int reach_socket(struct cli *cli, const char *name, char *out, size_t size);
/* The program NAME ("certspand", "certspan-replicator"): beside this one, else where an
 * installation puts it. CS_ENOTFOUND. */
CS_MUST enum cs_err reach_program(const char *name, char *out, size_t size);
