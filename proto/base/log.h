/* proto/base/log.h: log lines on stderr, as text (with the <N> priority that journald reads, when
 * it is not a terminal) or as JSON lines. One line says what, which node and certificate, why, what
 * happens next. Never a secret. Everything that came from outside is escaped. */
#pragma once
#include "proto/base/cs.h"

enum cs_log_level {
	CS_LOG_ERROR = 3,
	CS_LOG_WARNING = 4,
	CS_LOG_NOTICE = 5,
	CS_LOG_INFO = 6,
	CS_LOG_DEBUG = 7
};
enum cs_log_format { CS_LOG_TEXT, CS_LOG_JSON };

/* ROLE and NODE stand in every line; both are copied. Call again after a reload. */
void cs_log_setup(
        const char *role, const char *node, enum cs_log_format format, enum cs_log_level least);

/* Fields of a line; leave out what does not apply: { .cert = id, .seq = 7 }. */
struct cs_log_fields {
	const char *node, *cert, *peer;
	uint64_t seq;
};
void cs_log_with(enum cs_log_level level, struct cs_log_fields fields, const char *fmt, ...)
        CS_PRINTF(3, 4);

#define cs_log(level, ...) cs_log_with(level, (struct cs_log_fields){ 0 }, __VA_ARGS__)
#define cs_error(...) cs_log(CS_LOG_ERROR, __VA_ARGS__)
#define cs_warning(...) cs_log(CS_LOG_WARNING, __VA_ARGS__)
#define cs_notice(...) cs_log(CS_LOG_NOTICE, __VA_ARGS__)
#define cs_info(...) cs_log(CS_LOG_INFO, __VA_ARGS__)
#define cs_debug(...) cs_log(CS_LOG_DEBUG, __VA_ARGS__)
