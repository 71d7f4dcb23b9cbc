#include "tests/unit/vectors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536
#define FILE_MAX_BYTES (8u << 20)

const char *vectors_dir(void)
{
	const char *dir = getenv("CERTSPAN_VECTORS");

	dir = dir != NULL ? dir : "../shared/vectors";
	if (access(dir, R_OK) == 0)
		return dir;
	fprintf(stderr, "no test vectors at %s (CERTSPAN_VECTORS names the place): skipped\n", dir);
	return NULL;
}

static void split(char *line, const char *column[VECTOR_COLUMNS])
{
	line[strcspn(line, "\r\n")] = '\0';
	for (size_t i = 0; i < VECTOR_COLUMNS; i++) {
		column[i] = line != NULL ? line : "";
		char *tab = line != NULL ? strchr(line, '\t') : NULL;
		if (tab != NULL)
			*tab = '\0';
		line = tab != NULL ? tab + 1 : NULL;
	}
}

static FILE *open_in(const char *dir, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		abort();
	}
	return f;
}

size_t vectors_each(const char *dir, const char *file,
        void (*row)(const char *const column[VECTOR_COLUMNS], void *arg), void *arg)
{
	const char *column[VECTOR_COLUMNS];
	char *line = malloc(LINE_MAX_BYTES);
	FILE *f = open_in(dir, file);
	size_t rows = 0;

	for (bool heading = true; fgets(line, LINE_MAX_BYTES, f) != NULL; heading = false) {
		if (heading)
			continue;
		split(line, column);
		row(column, arg);
		rows++;
	}
	fclose(f);
	free(line);
	return rows;
}

struct cs_bytes vectors_file(const char *dir, const char *name)
{
	FILE *f = open_in(dir, name);
	uint8_t *p = malloc(FILE_MAX_BYTES);
	const size_t n = fread(p, 1, FILE_MAX_BYTES, f);

	fclose(f);
	return (struct cs_bytes){ p, n };
}

static int nibble(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}

size_t vectors_percent(const char *text, char *out)
{
	size_t n = 0;

	while (*text != '\0') {
		const bool coded = text[0] == '%' && nibble(text[1]) >= 0 && nibble(text[2]) >= 0;
		out[n++] = coded ? (char)(nibble(text[1]) * 16 + nibble(text[2])) : *text;
		text += coded ? 3 : 1;
	}
	out[n] = '\0';
	return n;
}
