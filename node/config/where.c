#include "node/config/where.h"
#include <string.h>

/* Past a comment that starts at P, else P. */
static const char *past_comment(const char *text, const char *p)
{
	if (*p != '#' || (p != text && strchr(" \t\n", p[-1]) == NULL))
		return p;
	return p + strcspn(p, "\n");
}

static bool key_at(const char *text, const char *p, const char *key, size_t n)
{
	if (strncmp(p, key, n) != 0 || (p != text && strchr(" \t\n{,\"'", p[-1]) == NULL))
		return false;
	p += n;
	p += strspn(p, "\"' ");
	return *p == ':';
}

/* The first KEY: at or after P, outside comments; NULL. */
static const char *find_key(const char *text, const char *p, const char *key, size_t n)
{
	if (n == 0)
		return NULL;
	for (; *p != '\0'; p++) {
		p = past_comment(text, p);
		if (*p == '\0')
			return NULL;
		if (key_at(text, p, key, n))
			return p;
	}
	return NULL;
}

static struct where place(const char *text, const char *p)
{
	struct where w = { 1, 1 };

	for (const char *c = text; c < p; c++) {
		w.column = *c == '\n' ? 1 : w.column + 1;
		w.line += *c == '\n';
	}
	return w;
}

static const char *line_start(const char *text, unsigned line)
{
	for (; line > 1 && *text != '\0'; text++)
		line -= *text == '\n';
	return text;
}

static const char *find_value(const char *text, const char *p, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return p + strspn(p, " ");
	const size_t n = strlen(value);
	for (; *p != '\0'; p++) {
		p = past_comment(text, p);
		if (*p == '\0')
			return NULL;
		if (strncmp(p, value, n) == 0 &&
		        (p[n] == '\0' || strchr(" \t\r\n,]}\"'", p[n]) != NULL))
			return p;
	}
	return NULL;
}

struct where where_value(const char *text, const char *path, const char *value)
{
	const char *p = text;

	while (*path != '\0') {
		const size_t n = strcspn(path, ".");
		const char *key = find_key(text, p, path, n);
		if (key == NULL)
			return (struct where){ 1, 1 };
		p = key + n;
		p += strcspn(p, ":") + 1;
		path += n + (path[n] == '.');
	}
	const char *v = find_value(text, p, value);
	return place(text, v != NULL ? v : p);
}

struct where where_key(const char *text, const char *key, struct where fallback)
{
	const char *from = line_start(text, fallback.line);

	for (unsigned column = 1; column < fallback.column && *from != '\0' && *from != '\n';
	        column++)
		from++;
	const char *p = find_key(text, from, key, strlen(key));

	return p != NULL ? place(text, p) : fallback;
}

struct where where_tab(const char *text, unsigned line)
{
	const char *p = line_start(text, line);

	while (*p != '\0') {
		const char *indent = p + strspn(p, " ");
		if (*indent == '\t')
			return place(text, indent);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return (struct where){ 0, 0 };
}

struct where where_second_document(const char *text)
{
	bool content = false;

	for (const char *p = text; *p != '\0';) {
		if (strncmp(p, "---", 3) == 0 &&
		        (p[3] == '\0' || strchr(" \t\r\n", p[3]) != NULL)) {
			if (content)
				return place(text, p);
			content = true; /* a second marker begins a second document, even an empty
			                   one */
		} else if (strchr("#\r\n%", *p) == NULL) {
			content = true;
		}
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return (struct where){ 0, 0 };
}
