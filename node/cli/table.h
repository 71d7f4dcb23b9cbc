/* node/cli/table.h: rows of text in columns as wide as their widest cell. */
#pragma once
#include <stdio.h>
#include "proto/base/cs.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_ROWS_MAX 100000

enum table_tint { TABLE_PLAIN, TABLE_GOOD, TABLE_WARN, TABLE_BAD };

struct table;
/* HEADS: titles separated by '|'; one that starts with '+' is printed in wide form alone. Never
 * NULL: ends the program without memory. */
struct table *table_new(const char *heads, bool wide);
/* One row; cells separated by '|' in the result of FMT. A '|' or control byte within a cell must
 * have been shown by table_safe. */
void table_row(struct table *self, enum table_tint tint, const char *fmt, ...) CS_PRINTF(3, 4);
void table_print(const struct table *self, FILE *out, bool color);
void table_free(struct table **self);
/* TEXT without what would break a cell: control bytes as \xNN, '|' as '/'. NULL as "-". Lives in
 * one of 16 buffers, in turn. */
const char *table_safe(const char *text);
/* Columns that UTF-8 text takes (one a character). */
size_t table_width(const char *text);
