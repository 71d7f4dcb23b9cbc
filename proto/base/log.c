#include "proto/base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "proto/base/buf.h"
#include "proto/base/clock.h"

#define LINE_MAX_BYTES 4096
#define MESSAGE_MAX_BYTES 2048

static char role[32] = "certspan", node[72];
static enum cs_log_format format = CS_LOG_TEXT;
static enum cs_log_level least = CS_LOG_INFO;

void cs_log_setup(const char *r, const char *n, enum cs_log_format f, enum cs_log_level l)
{
	snprintf(role, sizeof(role), "%s", r);
	snprintf(node, sizeof(node), "%s", n != NULL ? n : "");
	format = f;
	least = l;
}

static const char *level_word(enum cs_log_level level)
{
	static const char *const words[] = { [CS_LOG_ERROR] = "error",
		[CS_LOG_WARNING] = "warning",
		[CS_LOG_NOTICE] = "notice",
		[CS_LOG_INFO] = "info",
		[CS_LOG_DEBUG] = "debug" };
	return words[level];
}

/* Control bytes, quotes and backslashes leave as JSON escapes in both formats; other bytes that are
 * no UTF-8 lead or tail are left to the reader's terminal: they cannot end a line. */
static enum cs_err escaped(struct cs_buf *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f || *c == '"' || *c == '\\')
			CS_TRY(cs_buf_printf(out, "\\u%04x", *c));
		else
			CS_TRY(cs_buf_add(out, c, 1));
	}
	return CS_OK;
}

static enum cs_err plain(struct cs_buf *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			CS_TRY(cs_buf_printf(out, "\\x%02x", *c));
		else
			CS_TRY(cs_buf_add(out, c, 1));
	}
	return CS_OK;
}

static enum cs_err json_field(struct cs_buf *out, const char *key, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return CS_OK;
	CS_TRY(cs_buf_printf(out, ",\"%s\":\"", key));
	CS_TRY(escaped(out, value));
	return cs_buf_add(out, "\"", 1);
}

static enum cs_err json_line(struct cs_buf *out, enum cs_log_level level, const char *when,
        const struct cs_log_fields *f, const char *message)
{
	CS_TRY(cs_buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\"", when, level_word(level)));
	CS_TRY(json_field(out, "role", role));
	CS_TRY(json_field(out, "node", f->node != NULL ? f->node : node));
	CS_TRY(json_field(out, "peer", f->peer));
	CS_TRY(json_field(out, "cert", f->cert));
	if (f->seq != 0)
		CS_TRY(cs_buf_printf(out, ",\"seq\":%llu", (unsigned long long)f->seq));
	CS_TRY(json_field(out, "message", message));
	return cs_buf_add(out, "}\n", 2);
}

static enum cs_err text_line(struct cs_buf *out, enum cs_log_level level, const char *when,
        const struct cs_log_fields *f, const char *message)
{
	if (isatty(STDERR_FILENO) == 0)
		CS_TRY(cs_buf_printf(out, "<%d>", (int)level));
	CS_TRY(cs_buf_printf(out, "%s %s %s", when, f->node != NULL ? f->node : node, role));
	if (level <= CS_LOG_WARNING)
		CS_TRY(cs_buf_printf(out, " %s", level_word(level)));
	CS_TRY(cs_buf_printf(out, ": "));
	CS_TRY(plain(out, message));
	if (f->peer != NULL)
		CS_TRY(cs_buf_printf(out, " peer=%s", f->peer));
	if (f->cert != NULL)
		CS_TRY(cs_buf_printf(out, " cert=%s", f->cert));
	if (f->seq != 0)
		CS_TRY(cs_buf_printf(out, " seq=%llu", (unsigned long long)f->seq));
	return cs_buf_add(out, "\n", 1);
}

void cs_log_with(enum cs_log_level level, struct cs_log_fields fields, const char *fmt, ...)
{
	char message[MESSAGE_MAX_BYTES], when[40], stamp[32];
	struct tm tm;
	va_list args;

	if (level > least)
		return;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	const int64_t now = cs_clock_wall_ms();
	const time_t s = (time_t)(now / 1000);
	gmtime_r(&s, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when, sizeof(when), "%s.%03dZ", stamp, (int)(now % 1000));

	CS_AUTO(cs_buf_free) struct cs_buf line = cs_buf_new(LINE_MAX_BYTES * 4);
	const enum cs_err rc = format == CS_LOG_JSON
	                               ? json_line(&line, level, when, &fields, message)
	                               : text_line(&line, level, when, &fields, message);
	if (rc == CS_OK && write(STDERR_FILENO, line.p, line.n) < 0)
		return; /* nowhere left to say it */
}
