/* node/cli/api.h: the HTTP API of the local daemon (node/admin/README.md) over RUNTIME/api.sock.
 * Every function prints its own errors. */
#pragma once
#include "node/cli/cli.h"

/* GET of a path made from FMT (escape what comes from outside by api_escape). 0: the caller owns
 * *OUT; else the exit code, *OUT is NULL. */
int api_get(struct cli *cli, json_t **out, const char *fmt, ...) CS_PRINTF(3, 4);
/* As api_get, but a daemon that is not there, or refuses, is no error to print: these are returned
 * then. */
enum { API_ABSENT = -1, API_REFUSED = -2 };
int api_try(struct cli *cli, json_t **out, const char *path);
/* A write: adds --ack, --timeout, --request (else a fresh one) and --dry-run to FIELDS (taken over;
 * NULL for none), as body, or as query of a DELETE. 0 or 10 (done here, not yet where asked): the
 * caller owns *OUT; else the exit code. */
int api_write(struct cli *cli, const char *method, const char *path, json_t *fields, json_t **out);
/* A POST that is no write of objects, with up to WAIT_S seconds until its answer; takes over BODY.
 */
int api_post(struct cli *cli, const char *path, json_t *body, int wait_s, json_t **out);
/* The options that every write takes, into FIELDS. */
void api_write_fields(struct cli *cli, json_t *fields);
/* Prints an API error document (and in JSON mode passes it on); returns its exit code. Takes over
 * DOC. */
int api_error(struct cli *cli, json_t *doc);
/* TEXT for a path or query; lives in one of 8 buffers, in turn. */
const char *api_escape(const char *text);

/* Prints an outcome (taken over): in table form "TEXT" and how far it is acknowledged. Returns its
 * exit code. */
int api_outcome(struct cli *cli, json_t *doc, const char *fmt, ...) CS_PRINTF(3, 4);
/* Lists from options that may be repeated, into FIELDS[KEY] when there are any. */
void api_list(struct cli *cli, const char *option, json_t *fields, const char *key);

const char *text_at(const json_t *object, const char *key); /* "" when absent or null */
int64_t int_at(const json_t *object, const char *key); /* 0 */
bool true_at(const json_t *object, const char *key);
