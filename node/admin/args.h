/* node/admin/args.h: the fields of a request, from its query or its body, checked against the table
 * of its route. */
#pragma once
#include "node/admin/reply.h"
#include "proto/wire/codec.h"

enum arg_type { ARG_TEXT, ARG_FLAG, ARG_NUMBER, ARG_LIST, ARG_ANY };
struct arg_field {
	const char *name; /* NULL ends the table */
	enum arg_type type;
	long long max; /* greatest number, length of a text or of each element of a list */
};

/* Fields that every write takes. */
extern const struct arg_field args_write[];

/* Adds one query parameter to OBJECT, turned into its type; CS_EUSAGE with the reason in REPLY. */
CS_MUST enum cs_err args_query(json_t *object, const char *name, const char *value,
        const struct arg_field *fields, bool write, struct reply *reply);
/* Parses BODY (an object; duplicate keys refused; empty: {}). */
CS_MUST enum cs_err args_body(struct cs_bytes body, const struct arg_field *fields, bool write,
        struct reply *reply, json_t **out);
/* The same check on an object that is parsed already. */
CS_MUST enum cs_err args_check(
        const json_t *object, const struct arg_field *fields, bool write, struct reply *reply);

const char *arg_text(const json_t *args, const char *name, const char *fallback);
bool arg_flag(const json_t *args, const char *name);
long long arg_number(const json_t *args, const char *name, long long fallback);
bool arg_has(const json_t *args, const char *name);
/* The elements; views into ARGS, the array in ARENA. */
CS_MUST enum cs_err arg_list(
        const json_t *args, const char *name, struct cs_arena *arena, struct wire_texts *out);
