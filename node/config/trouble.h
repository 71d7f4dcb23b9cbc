/* node/config/trouble.h: turns libcyaml's log of one failed load, a message and a backtrace from
 * the inside out, into one line. */
#pragma once
#include <stdarg.h>
#include "proto/base/buf.h"
#include "proto/base/cs.h"

struct cyaml_schema_value;

struct trouble {
	struct cs_buf lines; /* what libcyaml said */
	const struct cyaml_schema_value *schema; /* for "did you mean" */
};

/* Keeps one line of the log; what does not fit is dropped. */
void trouble_line(struct trouble *self, const char *fmt, va_list args)
        __attribute__((format(printf, 2, 0)));
/* Appends `FILE:LINE:COL path: what`. ALIAS: libcyaml refused an alias, for which it logs no
 * message. */
CS_MUST enum cs_err trouble_tell(struct trouble *self, const char *file, const char *text,
        bool alias, struct cs_buf *complaint);
