/* node/import/answer.h: the API's error document, made here when the admin process cannot. */
#pragma once
#include "proto/base/buf.h"

/* Replaces BODY. */
CS_MUST enum cs_err answer_error(
        enum cs_err err, const char *text, const char *next, struct cs_buf *body);
