/* node/keyd/mints.h: the channel of admin: each MINT gets its key, from the mill or of a stored
 * certificate, and is answered by MINTED. */
#pragma once
#include "node/keyd/keymill.h"
#include "node/keyd/vault.h"
#include "proto/role/loop.h"

struct mints;

/* LOOP, VAULT and MILL stay the caller's. */
CS_MUST enum cs_err mints_new(
        struct loop *loop, struct vault *vault, struct keymill *mill, struct mints **out);
/* Takes over FD; an older channel is closed, and what it asked for is dropped. */
CS_MUST enum cs_err mints_attach(struct mints *self, int fd);
void mints_free(struct mints **self);
