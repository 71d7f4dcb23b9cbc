/* node/import/leave.h: what goes the other way through the door: an export with its key, the
 * recovery file, and the orders about the lock. The slow derivations happen here, so that no
 * handshake waits for them in keyd; keyd gives nothing that admin has not recorded before. */
#pragma once
#include "node/import/submit.h"

bool leave_knows(const char *verb); /* "export", "recovery", "verify", "lock", "unlock" */
/* *STATUS and BODY as submit_upload; FILE gets what was made, empty on a refusal. */
CS_MUST enum cs_err leave_serve(const struct submit_to *to, const struct wire_door *door,
        uint32_t *status, struct cs_buf *body, struct cs_buf *file);
