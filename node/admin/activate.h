/* node/admin/activate.h: what import and `activate` share: a decision becomes a plan and the
 * members of its answer (README, Import). */
#pragma once
#include "node/admin/admin.h"
#include "node/admin/verdict.h"

/* The flags of ARGS: stage, allow, accept_uncovered. CS_EUSAGE for an unknown word in allow. */
CS_MUST enum cs_err activate_flags(struct call *call, struct verdict_flags *out);
/* BUNDLE: for its chain. Writes LIFE of CERT into PLAN, Active with all that follows or as it is,
 * and prepares call->reply.doc. */
CS_MUST enum cs_err activate_plan(struct call *call, const struct scene *scene,
        const struct scene_cert *cert, const struct wire_bundle *bundle,
        struct wire_certificate *life, const struct decision *decision, struct plan *plan);
