#include "proto/base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#define FIRST 256u

struct cs_buf cs_buf_new(size_t max)
{
	return (struct cs_buf){ .max = max };
}

enum cs_err cs_buf_reserve(struct cs_buf *self, size_t n)
{
	if (n > self->max || self->n > self->max - n)
		return CS_ETOOBIG;
	if (self->n + n <= self->cap)
		return CS_OK;

	size_t cap = self->cap != 0 ? self->cap : FIRST;
	while (cap < self->n + n)
		cap *= 2;
	uint8_t *p = malloc(cap);
	if (p == NULL)
		return CS_ENOMEM;
	if (self->n > 0)
		memcpy(p, self->p, self->n);
	if (self->p != NULL)
		sodium_memzero(self->p, self->cap); /* realloc would leave a copy behind */
	free(self->p);
	self->p = p;
	self->cap = cap;
	return CS_OK;
}

enum cs_err cs_buf_add(struct cs_buf *self, const void *bytes, size_t n)
{
	CS_TRY(cs_buf_reserve(self, n));
	if (n > 0)
		memcpy(self->p + self->n, bytes, n);
	self->n += n;
	return CS_OK;
}

enum cs_err cs_buf_printf(struct cs_buf *self, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	const int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	enum cs_err rc = n < 0 ? CS_EBUG : cs_buf_reserve(self, (size_t)n + 1);
	if (rc == CS_OK) {
		vsnprintf((char *)self->p + self->n, (size_t)n + 1, fmt, again);
		self->n += (size_t)n;
	}
	va_end(again);
	return rc;
}

const char *cs_buf_text(struct cs_buf *self)
{
	if (self->n == self->cap) {
		const size_t max = self->max;
		self->max = self->n + 1; /* the NUL does not count */
		const enum cs_err rc = cs_buf_reserve(self, 1);
		self->max = max;
		if (rc != CS_OK)
			return "";
	}
	self->p[self->n] = '\0';
	return (const char *)self->p;
}

void cs_buf_consume(struct cs_buf *self, size_t n)
{
	if (n > self->n)
		n = self->n;
	if (n < self->n)
		memmove(self->p, self->p + n, self->n - n);
	self->n -= n;
}

struct cs_bytes cs_buf_view(const struct cs_buf *self)
{
	return (struct cs_bytes){ self->p, self->n };
}

void cs_buf_free(struct cs_buf *self)
{
	if (self->p != NULL)
		sodium_memzero(self->p, self->cap);
	free(self->p);
	*self = cs_buf_new(self->max);
}

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

struct cs_arena {
	struct block *blocks;
	size_t left;
};

enum cs_err cs_arena_new(size_t max, struct cs_arena **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return CS_ENOMEM;
	(*out)->left = max;
	return CS_OK;
}

static struct block *block_new(size_t size)
{
	struct block *b = calloc(1, sizeof(*b) + size);

	if (b != NULL)
		b->size = size;
	return b;
}

void *cs_arena_take(struct cs_arena *self, size_t n)
{
	if (n > self->left)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	struct block *b = self->blocks;
	if (b == NULL || b->size - b->used < n) {
		b = block_new(n > 2048 ? n : 4096);
		if (b == NULL)
			return NULL;
		b->next = self->blocks;
		self->blocks = b;
	}
	void *p = b->bytes + b->used;
	b->used += n;
	self->left -= n < self->left ? n : self->left;
	return p;
}

char *cs_arena_text(struct cs_arena *self, const char *text, size_t n)
{
	char *copy = cs_arena_take(self, n + 1);

	if (copy != NULL && n > 0)
		memcpy(copy, text, n);
	return copy;
}

char *cs_arena_printf(struct cs_arena *self, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	const int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	char *text = n < 0 ? NULL : cs_arena_take(self, (size_t)n + 1);
	if (text != NULL)
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	return text;
}

void cs_arena_free(struct cs_arena **self)
{
	if (*self == NULL)
		return;
	for (struct block *b = (*self)->blocks, *next; b != NULL; b = next) {
		next = b->next;
		sodium_memzero(b->bytes, b->used);
		free(b);
	}
	free(*self);
	*self = NULL;
}
