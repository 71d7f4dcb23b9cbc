/* node/cli/child.h: another program of ours, run to its end with text in and text out. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

/* Runs ARGV (NULL-terminated; argv[0] is the path) with IN on its standard input until it ends or
 * DEADLINE_MS (cs_clock_mono_ms) is over: then it is killed, CS_ETIMEOUT. What it writes on
 * standard output is appended to OUT, on standard error to ERR. *EXIT_CODE: 128 + the signal when
 * one ended it. CS_ENOTFOUND: it cannot be started. */
CS_MUST enum cs_err child_run(char *const *argv, struct cs_bytes in, int64_t deadline_ms,
        struct cs_buf *out, struct cs_buf *err, int *exit_code);
