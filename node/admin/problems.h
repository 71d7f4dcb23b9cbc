/* node/admin/problems.h: what is wrong with the cluster, each with its next step; the worst first.
 * Pure. */
#pragma once
#include "node/admin/status.h"

/* problems[] of certspan.status/1. */
CS_MUST enum cs_err problems_of(const struct status_input *in, const struct status_view *view,
        struct cs_arena *arena, json_t **out);

#define EXPIRY_WARNING_DAYS 25 /* the seed guide's */
#define EXPIRY_CRITICAL_DAYS 7
