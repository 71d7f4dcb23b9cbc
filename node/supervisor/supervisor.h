/* node/supervisor/supervisor.h: the life of certspand from a checked configuration to a clean stop.
 */
#pragma once
#include "node/supervisor/users.h"
#include "proto/base/buf.h"
#include "proto/wire/control.h"

struct supervisor_setup {
	const char *libexec; /* --libexec, or NULL */
	uid_t uid_base;
	const struct wire_config *config;
};

/* Runs until SIGTERM or SIGINT. CS_OK: stopped cleanly. Else it could not start; COMPLAINT is for
 * people ("" when the log has said it). */
CS_MUST enum cs_err supervisor_run(const struct supervisor_setup *setup, struct cs_buf *complaint);
