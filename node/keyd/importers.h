/* node/keyd/importers.h: the channels to the one-shot importers: SEAL in, SEALED out, and the
 * orders of custody.h. */
#pragma once
#include "node/keyd/custody.h"
#include "node/keyd/vault.h"
#include "proto/role/loop.h"

struct importers;

/* CUSTODY answers whatever is not SEAL. */
CS_MUST enum cs_err importers_new(
        struct loop *loop, struct vault *vault, struct custody *custody, struct importers **out);
/* Takes FD in every case. CS_EAGAIN: too many at once; its importer sees the end of the channel. */
CS_MUST enum cs_err importers_attach(struct importers *self, int fd);
size_t importers_count(const struct importers *self);
void importers_free(struct importers **self);
