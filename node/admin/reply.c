#include "node/admin/reply.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"

void reply_free(struct reply *self)
{
	json_decref(self->doc);
	json_decref(self->inside);
	*self = (struct reply){ 0 };
}

enum cs_err reply_fail(struct reply *self, enum cs_err err, const char *next, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(self->text, sizeof(self->text), fmt, args);
	va_end(args);
	snprintf(self->next, sizeof(self->next), "%s", next);
	self->err = err;
	return err;
}

enum cs_err reply_with(struct reply *self, json_t *doc)
{
	if (doc == NULL)
		return CS_ENOMEM;
	json_decref(self->doc);
	self->doc = doc;
	return CS_OK;
}

unsigned reply_status(const struct reply *self)
{
	if (self->status != 0)
		return self->status;
	switch (self->err) {
	case CS_OK:
		return 200;
	case CS_EPENDING:
		return 202;
	case CS_EUSAGE:
	case CS_EMALFORMED:
	case CS_ETRAILING:
		return 400;
	case CS_EDENIED:
	case CS_ENOTPRIMARY:
		return 403;
	case CS_ENOTFOUND:
		return 404;
	case CS_EEXISTS:
		return 409;
	case CS_ETOOBIG:
		return 413;
	case CS_EIO:
	case CS_EFULL:
	case CS_ECORRUPT:
		return 507;
	default:
		return cs_err_exit(self->err) == 65   ? 422
		       : cs_err_exit(self->err) == 70 ? 500
		                                      : 503;
	}
}

static json_t *error_document(struct reply *self)
{
	const char *text = self->text[0] != '\0' ? self->text : cs_err_text(self->err);
	json_t *error = json_pack("{s:s, s:i, s:o, s:o}", "code", cs_err_name(self->err), "exit",
	        cs_err_exit(self->err), "text", json_show(text), "next", json_show(self->next));
	json_t *doc = json_object(), *findings = json_object_get(self->doc, "findings");

	if (findings != NULL)
		json_object_set(doc, "findings", findings);
	if (error != NULL && self->primary[0] != '\0')
		json_object_set_new(error, "primary", json_string(self->primary));
	if (error != NULL && self->inside != NULL)
		json_object_update(error, self->inside);
	json_object_set_new(doc, "schema", json_string("certspan.error/1"));
	json_object_set_new(doc, "error", error);
	return doc;
}

char *reply_body(struct reply *self, bool pretty)
{
	json_t *doc = self->err == CS_OK || self->err == CS_EPENDING ? json_incref(self->doc)
	                                                             : error_document(self);
	char *text = doc != NULL ? json_dumps(doc, pretty ? JSON_INDENT(2) : JSON_COMPACT) : NULL;

	json_decref(doc);
	return text;
}

json_t *json_show(const char *text)
{
	json_t *plain = json_string(text);

	if (plain != NULL)
		return plain;
	char *copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *c = copy; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	plain = json_string(copy);
	free(copy);
	return plain;
}

json_t *json_hex(struct cs_bytes bytes)
{
	char text[2 * 64 + 1] = "";

	if (bytes.n <= 64)
		cs_hex(bytes.p, bytes.n, text);
	return json_string(text);
}

json_t *json_time(uint64_t unix_s)
{
	char text[32];

	return unix_s == 0 ? json_null()
	                   : json_string(cs_time_text((int64_t)unix_s, text, sizeof(text)));
}

json_t *json_text_or_null(const char *text)
{
	return text[0] != '\0' ? json_show(text) : json_null();
}

enum cs_err json_add_warning(json_t *list, const char *code, const char *text)
{
	return json_array_append_new(
	               list, json_pack("{s:s, s:o}", "code", code, "text", json_show(text))) == 0
	               ? CS_OK
	               : CS_ENOMEM;
}
