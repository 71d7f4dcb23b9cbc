#include "node/config/trouble.h"
#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/config/where.h"
#include "proto/base/text.h"

#define PATH_MAX_BYTES 256
#define DEPTH_MAX 8
#define MESSAGE_MAX 512
#define KEY_MAX 40

struct step {
	char key[KEY_MAX]; /* "" for a list entry */
	unsigned index; /* from 0 */
};
struct report {
	char message[MESSAGE_MAX];
	struct step steps[DEPTH_MAX]; /* innermost first */
	size_t depth;
	struct where at;
};

void trouble_line(struct trouble *self, const char *fmt, va_list args)
{
	char line[MESSAGE_MAX];
	const int n = vsnprintf(line, sizeof(line), fmt, args);

	if (n < 0)
		return;
	for (char *c = line; *c != '\0' && c[1] != '\0'; c++)
		*c = *c == '\n' ? ' ' : *c; /* only the last one ends the line */
	if (cs_buf_add(&self->lines, line, strlen(line)) == CS_OK && (size_t)n >= sizeof(line))
		(void)!cs_buf_add(&self->lines, "\n", 1);
}

static const char *after(const char *text, const char *prefix)
{
	const size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static struct where where_of(const char *line)
{
	struct where w = { 1, 1 };
	const char *p = strstr(line, "(line: ");

	if (p != NULL && sscanf(p, "(line: %u, column: %u)", &w.line, &w.column) != 2)
		w = (struct where){ 1, 1 };
	return w;
}

/* "  in mapping field 'listen' (line: 5, column: 3)", "  in sequence entry '1' (...)", "  in
 * mapping (...)" */
static void take_trace(struct report *r, const char *line)
{
	const char *key = after(line, "in mapping field '"),
	           *entry = after(line, "in sequence entry '");

	if (r->at.line == 0)
		r->at = where_of(line);
	if (entry != NULL && entry[0] == '0')
		return; /* before the first entry: the list itself is meant */
	if (r->depth == DEPTH_MAX || (key == NULL && entry == NULL))
		return;
	struct step *s = &r->steps[r->depth++];
	if (key != NULL)
		snprintf(s->key, sizeof(s->key), "%.*s", (int)strcspn(key, "'"), key);
	else
		s->index = (unsigned)strtoul(entry, NULL, 10) - 1;
}

static void take_line(struct report *r, const char *line)
{
	const char *message = after(line, "Load: ");

	if (message == NULL) {
		take_trace(r, line + strspn(line, " "));
		return;
	}
	if (r->message[0] == '\0' && strncmp(message, "Backtrace", 9) != 0)
		snprintf(r->message, sizeof(r->message), "%s", message);
}

static struct report digest(struct trouble *self)
{
	struct report r = { .depth = 0 };
	char line[MESSAGE_MAX];

	for (const char *p = cs_buf_text(&self->lines); *p != '\0';) {
		const size_t n = strcspn(p, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, p);
		take_line(&r, line);
		p += n + (p[n] == '\n');
	}
	if (r.at.line == 0)
		r.at = (struct where){ 1, 1 };
	return r;
}

/* The path in written form, from the outside in: edge.listen[0]. */
static void path_text(const struct report *r, char out[PATH_MAX_BYTES])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = r->depth; i-- > 0;) {
		const struct step *s = &r->steps[i];
		if (s->key[0] != '\0')
			n += (size_t)snprintf(
			        out + n, PATH_MAX_BYTES - n, "%s%s", n > 0 ? "." : "", s->key);
		else
			n += (size_t)snprintf(out + n, PATH_MAX_BYTES - n, "[%u]", s->index);
		if (n >= PATH_MAX_BYTES)
			return;
	}
}

static const cyaml_schema_field_t *field_of(const cyaml_schema_value_t *mapping, const char *key)
{
	if (mapping->type != CYAML_MAPPING)
		return NULL;
	for (const cyaml_schema_field_t *f = mapping->mapping.fields; f->key != NULL; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

/* The schema of the innermost step that is a mapping; NULL when the path leaves the schema. */
static const cyaml_schema_value_t *schema_at(const struct trouble *self, const struct report *r)
{
	const cyaml_schema_value_t *v = self->schema;

	for (size_t i = r->depth; i-- > 0;) {
		const cyaml_schema_field_t *f = field_of(v, r->steps[i].key);
		if (f == NULL)
			return NULL;
		v = &f->value;
	}
	return v;
}

static const char *nearest(const cyaml_schema_value_t *mapping, const char *key)
{
	const char *best = NULL;
	size_t least_far = strlen(key) / 3 + 2;

	if (mapping == NULL || mapping->type != CYAML_MAPPING || strlen(key) >= KEY_MAX)
		return NULL;
	for (const cyaml_schema_field_t *f = mapping->mapping.fields; f->key != NULL; f++) {
		const size_t far = cs_distance(key, f->key);
		if (far < least_far) {
			least_far = far;
			best = f->key;
		}
	}
	return best;
}

static const char *shape(const char *word)
{
	static const char *const words[][2] = { { "SCALAR", "a single value" },
		{ "SEQUENCE", "a list" }, { "MAPPING", "a section of `key: value` lines" },
		{ "STRING", "a text" }, { "UINT", "a whole number" }, { "ENUM", "a word" } };

	for (size_t i = 0; i < CS_COUNT(words); i++)
		if (strncmp(word, words[i][0], strlen(words[i][0])) == 0)
			return words[i][1];
	return "something else";
}

struct telling {
	struct trouble *self;
	struct report *report;
	const char *file, *text;
	struct cs_buf *out;
};

/* CHILD: a key below the report's path, "" for the path itself. */
static enum cs_err head(const struct telling *t, const char *child)
{
	char path[PATH_MAX_BYTES], shown[2 * KEY_MAX];

	path_text(t->report, path);
	cs_show(child, shown, sizeof(shown));
	const char *dot = path[0] != '\0' && shown[0] != '\0' ? "." : "";
	const char *colon = path[0] != '\0' || shown[0] != '\0' ? ": " : "";
	return cs_buf_printf(t->out, "%s:%u:%u %s%s%s%s", t->file, t->report->at.line,
	        t->report->at.column, path, dot, shown, colon);
}

static enum cs_err unknown_key(const struct telling *t, const char *key)
{
	const char *near = nearest(schema_at(t->self, t->report), key);

	t->report->at = where_key(t->text, key, t->report->at);
	CS_TRY(head(t, key));
	if (near == NULL)
		return cs_buf_printf(t->out, "unknown key");
	return cs_buf_printf(t->out, "unknown key, did you mean %s?", near);
}

/* libcyaml counts the last field it saw as the place of a missing one. */
static enum cs_err missing_key(const struct telling *t, const char *key)
{
	struct report *r = t->report;

	if (r->depth > 0) {
		memmove(r->steps, r->steps + 1, (r->depth - 1) * sizeof(r->steps[0]));
		r->depth--;
	}
	CS_TRY(head(t, strcmp(key, "node") == 0 ? "node.name" : key));
	return cs_buf_printf(t->out, "missing");
}

static enum cs_err wrong_shape(const struct telling *t, const char *wanted)
{
	const char *event = strstr(wanted, "got event: ");

	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "expected %s, found %s", shape(wanted),
	        event != NULL ? shape(event + 11) : "nothing");
}

static enum cs_err bad_number(const struct telling *t, const char *value)
{
	char shown[120];

	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "%s is not a whole number of 0 to 4294967295",
	        cs_show(value, shown, sizeof(shown)));
}

static enum cs_err bad_word(const struct telling *t, const char *value)
{
	const cyaml_schema_value_t *v = schema_at(t->self, t->report);
	char shown[120];

	CS_TRY(head(t, ""));
	CS_TRY(cs_buf_printf(t->out, "'%s' is not one of", cs_show(value, shown, sizeof(shown))));
	for (uint32_t i = 0; v != NULL && v->type == CYAML_ENUM && i < v->enumeration.count; i++)
		CS_TRY(cs_buf_printf(
		        t->out, "%s %s", i > 0 ? "," : "", v->enumeration.strings[i].str));
	return CS_OK;
}

static enum cs_err twice(const struct telling *t, const char *key)
{
	char word[KEY_MAX];

	snprintf(word, sizeof(word), "%s", key);
	t->report->at = where_key(t->text, word, t->report->at);
	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "given twice");
}

static enum cs_err too_short(const struct telling *t, const char *rest)
{
	(void)rest;
	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "must not be empty");
}

static enum cs_err too_long(const struct telling *t, const char *rest)
{
	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "longer than %.*s", (int)strspn(rest, "0123456789"), rest);
}

static enum cs_err too_few(const struct telling *t, const char *rest)
{
	(void)rest;
	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "needs at least one entry");
}

static enum cs_err too_many(const struct telling *t, const char *rest)
{
	CS_TRY(head(t, ""));
	return cs_buf_printf(
	        t->out, "more than %.*s entries", (int)strspn(rest, "0123456789"), rest);
}

static enum cs_err not_yaml(const struct telling *t, const char *problem)
{
	const struct where tab = where_tab(t->text, t->report->at.line);

	if (tab.line != 0)
		t->report->at = tab;
	CS_TRY(head(t, ""));
	return cs_buf_printf(t->out, "not YAML: %s",
	        tab.line != 0 ? "a tab in the indentation, use spaces" : problem);
}

enum cs_err trouble_tell(struct trouble *self, const char *file, const char *text, bool alias,
        struct cs_buf *complaint)
{
	static const struct {
		const char *prefix;
		enum cs_err (*tell)(const struct telling *, const char *rest);
	} table[] = {
		{ "Unexpected key: ", unknown_key },
		{ "Missing required mapping field: ", missing_key },
		{ "Mapping field already seen: ", twice },
		{ "Expecting ", wrong_shape },
		{ "Invalid ENUM value: ", bad_word },
		{ "Invalid uint64_t value: ", bad_number },
		{ "Invalid UINT value: ", bad_number },
		{ "STRING length < ", too_short },
		{ "STRING length > ", too_long },
		{ "Insufficient entries (", too_few },
		{ "Excessive entries (", too_many },
		{ "libyaml: ", not_yaml },
	};
	struct report r = digest(self);
	const struct telling t = { self, &r, file, text, complaint };

	for (size_t i = 0; i < CS_COUNT(table) && !alias; i++) {
		const char *rest = after(r.message, table[i].prefix);
		if (rest != NULL)
			return table[i].tell(&t, rest);
	}
	char shown[200], path[PATH_MAX_BYTES];
	path_text(&r, path);
	if (alias && path[0] != '\0' && strchr(path, '[') == NULL)
		r.at = where_value(text, path, NULL);
	CS_TRY(head(&t, ""));
	return cs_buf_printf(complaint, "%s",
	        alias                  ? "aliases (*name) are not supported, write the value out"
	        : r.message[0] != '\0' ? cs_show(r.message, shown, sizeof(shown))
	                               : "not a configuration that certspan understands");
}
