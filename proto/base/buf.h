/* proto/base/buf.h: a growing byte buffer born with a maximum; wiped when freed. */
#pragma once
#include <stdarg.h>
#include "proto/base/cs.h"

struct cs_buf {
	uint8_t *p;
	size_t n, cap, max;
};

/* An empty buffer that refuses to grow beyond MAX bytes. No memory is taken yet. */
struct cs_buf cs_buf_new(size_t max);
/* CS_ETOOBIG past the maximum, CS_ENOMEM; the content is then as before. */
CS_MUST enum cs_err cs_buf_add(struct cs_buf *self, const void *bytes, size_t n);
/* Room for N more bytes; the caller writes to self->p + self->n and raises self->n. */
CS_MUST enum cs_err cs_buf_reserve(struct cs_buf *self, size_t n);
CS_MUST enum cs_err cs_buf_printf(struct cs_buf *self, const char *fmt, ...) CS_PRINTF(2, 3);
/* Text with a NUL behind it that does not count; valid until the next change; "" when memory is
 * out. */
const char *cs_buf_text(struct cs_buf *self);
/* Drops the first N bytes. */
void cs_buf_consume(struct cs_buf *self, size_t n);
struct cs_bytes cs_buf_view(const struct cs_buf *self);
void cs_buf_free(struct cs_buf *self); /* wipes; leaves an empty buffer of the same maximum */

/* Memory of one message or request: many small pieces, one free; never more than its maximum. */
struct cs_arena;
CS_MUST enum cs_err cs_arena_new(size_t max, struct cs_arena **out);
void *cs_arena_take(struct cs_arena *self, size_t n); /* zeroed, aligned; NULL past the maximum */
char *cs_arena_text(struct cs_arena *self, const char *text, size_t n); /* a copy with NUL */
char *cs_arena_printf(struct cs_arena *self, const char *fmt, ...) CS_PRINTF(2, 3);
void cs_arena_free(struct cs_arena **self); /* wipes */
