/* node/admin/submit.h: what an import may do: the upload, without its key, as certspan-import hands
 * it over; the answer goes back the same way. */
#pragma once
#include "node/admin/admin.h"

/* Decides and commits; *STATUS and *BODY (free) are those of DOOR_REPLY. BODY is NULL only when
 * memory is out. */
void submit(struct admin *admin, const struct wire_submit *in, uint32_t *status, char **body);
/* The decision about IN's bundle alone (call_write calls it), with what an import answers in the
 * reply. */
CS_MUST enum cs_err submit_decide(
        struct call *call, const struct wire_submit *in, struct plan *plan);
/* One importer on FD, an "import" channel, which is closed at the end; on a thread of its own. */
CS_MUST enum cs_err submit_serve(struct admin *admin, int fd);
