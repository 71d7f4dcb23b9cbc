#include "node/cli/table.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define CELL_MAX (CS_TEXT_MAX + 64)
#define ROW_MAX (4 * CELL_MAX)

struct row {
	char *text; /* cells, each with its NUL */
	enum table_tint tint;
};

struct table {
	size_t columns;
	char *heads;
	bool hidden[TABLE_COLUMNS_MAX];
	size_t width[TABLE_COLUMNS_MAX];
	struct row *rows;
	size_t count, room;
};

static void *must(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "certspan: out of memory\n");
		exit(cs_err_exit(CS_ENOMEM));
	}
	return p;
}

const char *table_safe(const char *text)
{
	static char buffers[16][CELL_MAX];
	static unsigned turn;
	char *out = buffers[turn++ % CS_COUNT(buffers)];

	if (text == NULL || text[0] == '\0')
		return "-";
	cs_show(text, out, CELL_MAX);
	for (char *c = out; *c != '\0'; c++)
		if (*c == '|')
			*c = '/';
	return out;
}

size_t table_width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* Splits TEXT at '|' in place, and measures. */
static void split(struct table *self, char *text)
{
	char *cell = text;

	for (size_t i = 0; i < self->columns; i++) {
		char *end = strchr(cell, '|');
		if (end != NULL && i + 1 < self->columns)
			*end = '\0';
		const size_t w = table_width(cell);
		if (w > self->width[i])
			self->width[i] = w;
		if (end == NULL || i + 1 == self->columns)
			return;
		cell = end + 1;
	}
}

static size_t cells_in(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == '|';
	return n;
}

struct table *table_new(const char *heads, bool wide)
{
	struct table *self = must(calloc(1, sizeof(*self)));
	char *out = self->heads = must(calloc(1, strlen(heads) + 1));
	size_t column = 0;

	self->columns = cells_in(heads);
	for (const char *c = heads; *c != '\0'; c++) {
		if (*c == '+')
			self->hidden[column] = !wide;
		else
			*out++ = *c;
		column += *c == '|';
	}
	split(self, self->heads);
	return self;
}

void table_row(struct table *self, enum table_tint tint, const char *fmt, ...)
{
	char text[ROW_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (self->count == self->room) {
		self->room = self->room == 0 ? 64 : 2 * self->room;
		self->rows = must(realloc(self->rows, self->room * sizeof(*self->rows)));
	}
	struct row *row = &self->rows[self->count++];
	const size_t missing =
	        self->columns - (cells_in(text) < self->columns ? cells_in(text) : self->columns);
	row->text = must(calloc(1, strlen(text) + missing + 1));
	memcpy(row->text, text, strlen(text));
	memset(row->text + strlen(text), '|', missing);
	row->tint = tint;
	split(self, row->text);
}

static void print_row(const struct table *self, FILE *out, const char *text, const char *before,
        const char *after)
{
	size_t gap = 0;

	fputs(before, out);
	for (size_t i = 0; i < self->columns; i++) {
		if (!self->hidden[i]) {
			if (text[0] != '\0') { /* no spaces at the end of a line */
				fprintf(out, "%*s%s", (int)gap, "", text);
				gap = 0;
			}
			gap += self->width[i] - table_width(text) + 2;
		}
		text += strlen(text) + 1;
	}
	fprintf(out, "%s\n", after);
}

void table_print(const struct table *self, FILE *out, bool color)
{
	static const char *const tints[] = { [TABLE_PLAIN] = "",
		[TABLE_GOOD] = "\x1b[32m",
		[TABLE_WARN] = "\x1b[33m",
		[TABLE_BAD] = "\x1b[31m" };

	print_row(self, out, self->heads, color ? "\x1b[1m" : "", color ? "\x1b[0m" : "");
	for (size_t i = 0; i < self->count; i++) {
		const bool tinted = color && self->rows[i].tint != TABLE_PLAIN;
		print_row(self, out, self->rows[i].text, tinted ? tints[self->rows[i].tint] : "",
		        tinted ? "\x1b[0m" : "");
	}
}

void table_free(struct table **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < (*self)->count; i++)
		free((*self)->rows[i].text);
	free((*self)->rows);
	free((*self)->heads);
	free(*self);
	*self = NULL;
}
