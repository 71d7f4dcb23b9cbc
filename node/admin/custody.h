/* node/admin/custody.h: what leaves and how keys are kept: exports of keys and of the recovery file
 * are authorised and recorded here, before anything leaves; verifications of the recovery file are
 * recorded; lock and unlock are permitted. Keys and secrets never come here. */
#pragma once
#include "node/admin/admin.h"

/* Decides and commits. Strings of *OUT live in CALL. */
void custody_permit(
        struct call *call, const struct wire_permit *in, struct wire_permitted *out, char **body);
/* The newest verification of the recovery file that still holds for secret EPOCH; NULL. */
const struct wire_recovery *custody_verified(const struct mirror *mirror, uint32_t epoch);
