/* A request to the API behind its HTTP: "METHOD PATH?QUERY", a line feed, the body, against the
 * tables of its route; and the options that come through the door, which go the same way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/admin/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the tables let through keeps their bounds. */
static void hold(const json_t *args, const struct arg_field *fields)
{
	for (; fields != NULL && fields->name != NULL; fields++) {
		const json_t *value = json_object_get(args, fields->name);
		if (json_is_string(value) && (long long)json_string_length(value) > fields->max)
			abort();
		if (fields->type == ARG_NUMBER && value != NULL &&
		        (json_integer_value(value) < 0 || json_integer_value(value) > fields->max))
			abort();
	}
}

static void body(struct cs_bytes bytes, const struct route *route)
{
	struct reply reply = { .status = 0 };
	json_t *args = NULL;
	const enum cs_err rc = args_body(bytes, route->fields, route->write, &reply, &args);

	if (rc == CS_OK)
		hold(args, route->fields);
	char *text = reply_body(&reply, false);
	if (rc != CS_OK && rc != CS_ENOMEM && (text == NULL || reply.text[0] == '\0'))
		abort();
	free(text);
	json_decref(args);
	reply_free(&reply);
}

static void query(char *text, const struct route *route)
{
	struct reply reply = { .status = 0 };
	json_t *args = json_object();

	for (char *pair; (pair = strsep(&text, "&")) != NULL;) {
		char *value = pair;
		const char *name = strsep(&value, "=");
		if (args_query(args, name, value, route->fields, route->write, &reply) != CS_OK)
			break;
	}
	json_decref(args);
	reply_free(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char head[512], name[CS_FRIENDLY_MAX + 1], allow[64];
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;

	if (end == NULL || (size_t)(end - data) >= sizeof(head))
		return 0;
	memcpy(head, data, (size_t)(end - data));
	head[end - data] = '\0';
	char *text = head;
	const char *method = strsep(&text, " ");
	const char *path = text != NULL ? strsep(&text, "?") : "";
	const struct route *route = route_find(method, path, name, allow);
	if (route == NULL)
		return 0;
	if (strlen(allow) >= sizeof(allow))
		abort();
	body((struct cs_bytes){ end + 1, size - 1 - (size_t)(end - data) }, route);
	if (text != NULL)
		query(text, route);
	return 0;
}
