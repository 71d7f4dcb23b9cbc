/* node/supervisor/folders.h: the folders of a node, made and owned as design section 3 wants, and
 * the lock that keeps a second instance out. Complaints are sentences for people, with `next:` on a
 * second line where there is something to do. */
#pragma once
#include "node/supervisor/users.h"
#include "proto/base/buf.h"
#include "proto/wire/control.h"

/* Makes RUNTIME_DIR and takes its lock; *LOCK is held until it is closed (or this process ends).
 * CS_EAGAIN: somebody else holds it. */
CS_MUST enum cs_err folders_lock(
        const struct wire_config *config, int *lock, struct cs_buf *complaint);
/* Checks that there is a store, makes what is missing beside it and, as root, hands folders and
 * files to their users. CS_ENOTFOUND: no store. */
CS_MUST enum cs_err folders_own(
        const struct wire_config *config, const struct users *users, struct cs_buf *complaint);
