#include "node/import/answer.h"
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

enum cs_err answer_error(enum cs_err err, const char *text, const char *next, struct cs_buf *body)
{
	json_t *doc = json_pack("{s:s, s:{s:s, s:i, s:s, s:s}}", "schema", "certspan.error/1",
	        "error", "code", cs_err_name(err), "exit", cs_err_exit(err), "text", text, "next",
	        next);
	char *json = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;

	cs_buf_free(body); /* what half an answer had come */
	const enum cs_err rc = json != NULL ? cs_buf_add(body, json, strlen(json)) : CS_ENOMEM;
	free(json);
	json_decref(doc);
	return rc;
}
