/* node/prober/round.h: one round of probes: up to 16 handshakes at a time with one address, then
 * all results at once. */
#pragma once
#include "proto/role/loop.h"
#include "proto/wire/control.h"
#include "proto/wire/packet.h"

struct round;
/* RESULTS are alive in the call alone; the round may be freed in it. */
typedef void round_done_fn(void *data, const struct wire_probed *results);

/* Begins; DONE comes from the loop, never from here. Takes PACKET over (a probe_round). ADDRESS is
 * copied. */
CS_MUST enum cs_err round_start(struct loop *loop, const char *address, struct wire_packet *packet,
        round_done_fn *done, void *data, struct round **out);
void round_free(struct round **self);
