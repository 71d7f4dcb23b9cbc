/* node/keyd/edges.h: the channels to the edges: a packet of requests in, a packet of replies out.
 */
#pragma once
#include "node/keyd/signer.h"
#include "proto/role/loop.h"

struct edges;

CS_MUST enum cs_err edges_new(struct loop *loop, struct signer *signer, struct edges **out);
/* Takes FD in every case, instead of the channel that worker INDEX had. */
CS_MUST enum cs_err edges_attach(struct edges *self, unsigned index, int fd);
size_t edges_count(const struct edges *self); /* open channels */
uint64_t edges_served(const struct edges *self); /* requests so far: tells whether a turn had any */
void edges_free(struct edges **self);
