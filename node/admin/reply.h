/* node/admin/reply.h: what a request is answered with: a document, or an error that names what, why
 * and what to do next. */
#pragma once
#include <jansson.h>
#include "proto/base/cs.h"
#include "proto/base/limits.h"

struct reply {
	json_t *doc; /* owned; with CS_OK the document, else what is added to the error ("findings")
	                or NULL */
	json_t *inside; /* owned: members that go into `error` itself ("uncovered"), or NULL */
	enum cs_err err;
	unsigned status; /* 0: by err */
	char text[CS_TEXT_MAX + 1], next[CS_TEXT_MAX + 1], primary[CS_ID_MAX + 1];
};

void reply_free(struct reply *self);
/* Sets the error and returns ERR. NEXT may be "". */
enum cs_err reply_fail(struct reply *self, enum cs_err err, const char *next, const char *fmt, ...)
        CS_PRINTF(4, 5);
/* CS_OK when DOC (stolen) is there; it becomes the answer. */
CS_MUST enum cs_err reply_with(struct reply *self, json_t *doc);
unsigned reply_status(const struct reply *self); /* HTTP */
/* The whole body, owned by the caller (free); NULL when memory is out. */
char *reply_body(struct reply *self, bool pretty);

/* Text that may hold anything: bytes that are not UTF-8 become '?'. Never NULL unless memory is
 * out. */
json_t *json_show(const char *text);
json_t *json_hex(struct cs_bytes bytes);
json_t *json_time(uint64_t unix_s); /* RFC 3339; 0 is null */
json_t *json_text_or_null(const char *text); /* "" is null */
/* {code, text} appended to LIST; a warning about a certificate has more (views.h). */
CS_MUST enum cs_err json_add_warning(json_t *list, const char *code, const char *text);
