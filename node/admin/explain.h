/* node/admin/explain.h: why a client that asks NODE for HOST gets what it gets: the whole decision
 * of store/pki/choice.h. Pure. */
#pragma once
#include <jansson.h>
#include "node/admin/coverage.h"

/* certspan.explain/1. HOST "" = no SNI. NODE: whose default counts. CAN_VERIFY: choice.h. NULL when
 * memory is out. */
json_t *explain(const struct scene *scene, const struct scene_node *node, const char *host,
        unsigned can_verify, struct cs_arena *arena);
