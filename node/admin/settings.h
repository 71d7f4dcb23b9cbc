/* node/admin/settings.h: the cluster's settings: which there are, what they mean, what they may be.
 * Pure. */
#pragma once
#include <jansson.h>
#include "node/admin/mirror.h"
#include "node/admin/reply.h"

struct setting {
	const char *name;
	const char *type; /* "hosts", "ack", "ms", "text" */
	const char *fallback, *help;
};
/* NULL when there is none of that name. */
const struct setting *setting_find(const char *name);
size_t setting_count(void);
const struct setting *setting_at(size_t i);
json_t *setting_view(const struct setting *self, struct mirror *mirror, struct cs_arena *arena);
/* VALUE (text, number or list) as it will be stored, in ARENA; CS_EUSAGE with the reason in REPLY.
 */
CS_MUST enum cs_err setting_parse(const struct setting *self, const json_t *value,
        struct cs_arena *arena, struct reply *reply, const char **out);
