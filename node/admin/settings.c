#include "node/admin/settings.h"
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"
#include "store/pki/names.h"

static const struct setting table[] = {
	{ "site.hostname", "hosts", "",
	        "names that users visit; every change is checked against them (a list)" },
	{ "ack.mode", "ack", "auto",
	        "when a change counts as done: auto (backup if one is enrolled, else local), "
	        "local, backup, nodes=N, all" },
	{ "ack.timeout", "ms", "10000",
	        "how long a command waits for that, in milliseconds (100 to 600000)" },
};

const struct setting *setting_find(const char *name)
{
	for (size_t i = 0; i < CS_COUNT(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

size_t setting_count(void)
{
	return CS_COUNT(table);
}

const struct setting *setting_at(size_t i)
{
	return &table[i];
}

static json_t *typed_value(const struct setting *self, const char *text, struct cs_arena *arena)
{
	struct wire_texts words;

	if (strcmp(self->type, "ms") == 0)
		return json_integer(strtoll(text, NULL, 10));
	if (strcmp(self->type, "hosts") != 0)
		return json_show(text);
	json_t *list = json_array();
	if (mirror_words(text, arena, &words) != CS_OK)
		return list;
	for (size_t i = 0; i < words.n; i++)
		json_array_append_new(list, json_show(words.v[i]));
	return list;
}

json_t *setting_view(const struct setting *self, struct mirror *mirror, struct cs_arena *arena)
{
	const char *value = mirror_setting(mirror, self->name, NULL);

	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:s}", "name", self->name, "type", self->type,
	        "value", typed_value(self, value != NULL ? value : self->fallback, arena),
	        "default", typed_value(self, self->fallback, arena), "set", value != NULL, "help",
	        self->help);
}

/* A list or a number as the text that stands for it. */
static const char *text_of(const json_t *value, struct cs_arena *arena)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_TEXT_MAX);
	size_t i;
	json_t *element;

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return cs_arena_printf(arena, "%lld", (long long)json_integer_value(value));
	json_array_foreach(
	        value, i, element) if (cs_buf_printf(&buf, "%s%s", i > 0 ? "," : "",
	                                       json_string_value(element)) != CS_OK) return NULL;
	return cs_arena_text(arena, (const char *)buf.p, buf.n);
}

static enum cs_err parse_hosts(const struct setting *self, const char *text, struct cs_arena *arena,
        struct reply *reply, const char **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_TEXT_MAX);
	struct wire_texts words;

	CS_TRY(mirror_words(text, arena, &words));
	if (words.n > CS_HOSTNAMES_MAX)
		return reply_fail(reply, CS_EUSAGE, "", "%s: more than %d names", self->name,
		        CS_HOSTNAMES_MAX);
	for (size_t i = 0; i < words.n; i++) {
		char host[CS_NAME_MAX + 1];
		if (pki_name_normal(cs_bytes_of(words.v[i]), host) != CS_OK ||
		        !pki_hostname_ok(host))
			return reply_fail(reply, CS_EUSAGE, "", "%s: %s is no host name",
			        self->name, cs_show(words.v[i], host, sizeof(host)));
		if (cs_buf_printf(&buf, "%s%s", i > 0 ? "," : "", host) != CS_OK)
			return reply_fail(reply, CS_EUSAGE, "", "%s: longer than %d bytes in all",
			        self->name, CS_TEXT_MAX);
	}
	*out = cs_arena_text(arena, (const char *)buf.p, buf.n);
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

static bool ack_ok(const char *text)
{
	static const char *const words[] = { "auto", "local", "backup", "all" };
	char *end;

	for (size_t i = 0; i < CS_COUNT(words); i++)
		if (strcmp(words[i], text) == 0)
			return true;
	if (strncmp(text, "nodes=", 6) != 0)
		return false;
	const long n = strtol(text + 6, &end, 10);
	return *end == '\0' && n >= 1 && n <= CS_PEERS_MAX;
}

static bool ms_ok(const char *text)
{
	char *end;
	const long n = strtol(text, &end, 10);

	return *end == '\0' && n >= 100 && n <= 600000;
}

enum cs_err setting_parse(const struct setting *self, const json_t *value, struct cs_arena *arena,
        struct reply *reply, const char **out)
{
	const char *text = text_of(value, arena);

	*out = text;
	if (text == NULL || strlen(text) > CS_TEXT_MAX)
		return reply_fail(
		        reply, CS_EUSAGE, "", "%s: longer than %d bytes", self->name, CS_TEXT_MAX);
	if (strcmp(self->type, "hosts") == 0)
		return parse_hosts(self, text, arena, reply, out);
	if (strcmp(self->type, "ack") == 0 && !ack_ok(text))
		return reply_fail(reply, CS_EUSAGE, "",
		        "%s: auto, local, backup, nodes=N or all is wanted", self->name);
	if (strcmp(self->type, "ms") == 0 && !ms_ok(text))
		return reply_fail(reply, CS_EUSAGE, "",
		        "%s: milliseconds from 100 to 600000 are wanted", self->name);
	return CS_OK;
}
