/* node/keyd/keyd.h: the loop of certspan-keyd: handshakes first, then whoever else asks, then
 * bundles to open ahead. */
#pragma once
#include "node/keyd/keymill.h"
#include "node/keyd/vault.h"
#include "proto/role/role.h"

struct keyd;

/* ROLE, VAULT and MILL stay the caller's. FILES_OPEN: the sandbox still lets files be opened,
 * because there was no store to attach yet; it is tightened when there is one. */
CS_MUST enum cs_err keyd_new(struct role *role, struct vault *vault, struct keymill *mill,
        bool files_open, struct keyd **out);
/* Until STOP, the end of the control channel, or a replaced store (CS_EAGAIN: start anew). */
CS_MUST enum cs_err keyd_run(struct keyd *self);
void keyd_free(struct keyd **self);
