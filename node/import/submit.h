/* node/import/submit.h: has keyd seal what was found and asks the admin process what becomes of it.
 */
#pragma once
#include "node/import/upload.h"

struct submit_to {
	int keyd, admin; /* channels */
	uint32_t uid; /* of who uploads */
};

/* Each key with its certificate in turn, or once with the reason why there is none. *STATUS is as
 * HTTP's, BODY gets the JSON (door.h tells its form for several). CS_ECLOSED, CS_ETIMEOUT: keyd or
 * the admin process is not there. */
CS_MUST enum cs_err submit_upload(const struct submit_to *to, const struct wire_door *door,
        const struct upload *upload, uint32_t *status, struct cs_buf *body);
