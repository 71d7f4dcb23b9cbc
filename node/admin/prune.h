/* node/admin/prune.h: Retired certificates are kept for a rollback, then they go: by the writes of
 * the primary, a few with each commit. */
#pragma once
#include "node/admin/plan.h"

#define PRUNE_AFTER_DAYS 30
#define PRUNE_AFTER_GENERATIONS 20
#define PRUNE_PER_COMMIT 16

/* Whether a certificate with LIFE goes: Retired for longer than that, both in days and (it was
 * retired by RETIRED_GENERATION) in generations. Pure. */
bool prune_due(const struct wire_certificate *life, uint64_t retired_generation,
        uint64_t generation, int64_t now);
/* Adds tombstones of what is due to PLAN, at most PRUNE_PER_COMMIT certificates and none that the
 * plan writes itself or a default choice names. */
CS_MUST enum cs_err prune_plan(struct mirror *mirror, int64_t now, struct plan *plan);
