#include "node/admin/args.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"

const struct arg_field args_write[] = { { "ack", ARG_TEXT, 32 },
	{ "timeout_ms", ARG_NUMBER, 600000 }, { "request", ARG_TEXT, 32 },
	{ "dry_run", ARG_FLAG, 0 }, { NULL, 0, 0 } };

static const struct arg_field *find(const struct arg_field *fields, const char *name)
{
	for (; fields != NULL && fields->name != NULL; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static const struct arg_field *field_of(
        const struct arg_field *fields, bool write, const char *name)
{
	const struct arg_field *field = find(fields, name);

	return field != NULL || !write ? field : find(args_write, name);
}

static enum cs_err unknown(const char *name, const struct arg_field *fields, struct reply *reply)
{
	char shown[80], names[512] = "";
	size_t n = 0;

	for (; fields != NULL && fields->name != NULL && n + 40 < sizeof(names); fields++)
		n += (size_t)snprintf(
		        names + n, sizeof(names) - n, "%s%s", n > 0 ? ", " : "", fields->name);
	return reply_fail(reply, CS_EUSAGE, "", "unknown field %s; this request takes %s",
	        cs_show(name, shown, sizeof(shown)), n > 0 ? names : "none");
}

static json_t *number_of(const char *value)
{
	char *end;

	errno = 0;
	const long long n = strtoll(value, &end, 10);
	return *value != '\0' && *end == '\0' && errno == 0 ? json_integer(n) : NULL;
}

static json_t *flag_of(const char *value)
{
	if (strcmp(value, "1") == 0 || strcmp(value, "true") == 0 || value[0] == '\0')
		return json_true();
	return strcmp(value, "0") == 0 || strcmp(value, "false") == 0 ? json_false() : NULL;
}

static json_t *list_of(const char *value)
{
	json_t *list = json_array();

	while (*value != '\0') {
		const size_t len = strcspn(value, ",");
		if (len > 0 && json_array_append_new(list, json_stringn(value, len)) != 0) {
			json_decref(list);
			return NULL;
		}
		value += len + (value[len] == ',');
	}
	return list;
}

static enum cs_err check_text(const char *text, const struct arg_field *field, struct reply *reply)
{
	if (cs_text_ok(text, (size_t)field->max))
		return CS_OK;
	return reply_fail(reply, CS_EUSAGE, "", "%s: control characters, or longer than %lld bytes",
	        field->name, field->max);
}

static enum cs_err check_list(
        const json_t *value, const struct arg_field *field, struct reply *reply)
{
	size_t i;
	json_t *element;

	if (json_array_size(value) > CS_NAMES_MAX)
		return reply_fail(reply, CS_EUSAGE, "", "%s: more than %d elements", field->name,
		        CS_NAMES_MAX);
	json_array_foreach(value, i, element)
	{
		if (!json_is_string(element))
			return reply_fail(
			        reply, CS_EUSAGE, "", "%s: a list of texts is wanted", field->name);
		CS_TRY(check_text(json_string_value(element), field, reply));
	}
	return CS_OK;
}

static enum cs_err check_value(
        const json_t *value, const struct arg_field *field, struct reply *reply)
{
	static const char *const wanted[] = { "a text", "true or false", "a number",
		"a list of texts", "a text, a number or a list" };
	const bool fits[] = { json_is_string(value), json_is_boolean(value), json_is_integer(value),
		json_is_array(value),
		json_is_string(value) || json_is_integer(value) || json_is_array(value) };

	if (!fits[field->type])
		return reply_fail(
		        reply, CS_EUSAGE, "", "%s: %s is wanted", field->name, wanted[field->type]);
	if (json_is_string(value))
		return check_text(json_string_value(value), field, reply);
	if (json_is_array(value))
		return check_list(value, field, reply);
	const long long n = json_integer_value(value);
	if (field->type == ARG_NUMBER && (n < 0 || n > field->max))
		return reply_fail(reply, CS_EUSAGE, "", "%s: a number from 0 to %lld is wanted",
		        field->name, field->max);
	return CS_OK;
}

static json_t *typed(const char *value, enum arg_type type)
{
	switch (type) {
	case ARG_FLAG:
		return flag_of(value);
	case ARG_NUMBER:
		return number_of(value);
	case ARG_LIST:
		return list_of(value);
	default:
		return json_string(value);
	}
}

enum cs_err args_query(json_t *object, const char *name, const char *value,
        const struct arg_field *fields, bool write, struct reply *reply)
{
	const struct arg_field *field = field_of(fields, write, name);

	if (field == NULL)
		return unknown(name, fields, reply);
	if (json_object_get(object, name) != NULL)
		return reply_fail(reply, CS_EUSAGE, "", "%s is given twice", name);
	json_t *json = typed(value != NULL ? value : "", field->type);
	if (json == NULL)
		return reply_fail(reply, CS_EUSAGE, "", "%s: not understood", name);
	if (json_object_set_new(object, name, json) != 0)
		return CS_ENOMEM;
	return check_value(json, field, reply);
}

enum cs_err args_check(
        const json_t *object, const struct arg_field *fields, bool write, struct reply *reply)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return reply_fail(reply, CS_EUSAGE, "", "the body must be a JSON object");
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		const struct arg_field *field = field_of(fields, write, name);
		if (field == NULL)
			return unknown(name, fields, reply);
		if (!json_is_null(value)) /* null: not given */
			CS_TRY(check_value(value, field, reply));
	}
	return CS_OK;
}

enum cs_err args_body(struct cs_bytes body, const struct arg_field *fields, bool write,
        struct reply *reply, json_t **out)
{
	json_error_t error;

	*out = body.n == 0
	               ? json_object()
	               : json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &error);
	if (*out == NULL)
		return reply_fail(reply, CS_EUSAGE, "",
		        "the body is no JSON: line %d, column %d: %s", error.line, error.column,
		        error.text);
	return args_check(*out, fields, write, reply);
}

const char *arg_text(const json_t *args, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(args, name));

	return text != NULL ? text : fallback;
}

bool arg_flag(const json_t *args, const char *name)
{
	return json_is_true(json_object_get(args, name));
}

long long arg_number(const json_t *args, const char *name, long long fallback)
{
	const json_t *value = json_object_get(args, name);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool arg_has(const json_t *args, const char *name)
{
	const json_t *value = json_object_get(args, name);

	return value != NULL && !json_is_null(value);
}

enum cs_err arg_list(
        const json_t *args, const char *name, struct cs_arena *arena, struct wire_texts *out)
{
	const json_t *list = json_object_get(args, name);
	const size_t n = json_array_size(list);
	const char **v = cs_arena_take(arena, (n + 1) * sizeof(*v));

	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = json_string_value(json_array_get(list, i));
	*out = (struct wire_texts){ v, n };
	return CS_OK;
}
