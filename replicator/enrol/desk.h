/* replicator/enrol/desk.h: a primary's side of joining: open join tokens, and the ENROL of a node
 * that holds one. A token is used by one set of keys only; the same keys may repeat it while it
 * lives, since the answer can be lost. */
#pragma once
#include "proto/wire/control.h"
#include "replicator/net/link.h"

struct replicator;
struct enrolment;
/* Reads the open tokens; tells ZAP whether a stranger may knock. */
CS_MUST enum cs_err desk_open(struct replicator *self);
void desk_close(struct replicator *self);
/* Durable. CS_EEXISTS, CS_EDENIED (not the primary), CS_EFULL. */
CS_MUST enum cs_err desk_add(struct replicator *self, const struct wire_token_add *token);
/* USER: as ZAP names it. Takes PACKET over. */
void desk_enrol(struct replicator *self, const struct link_route *from, const char *user,
        struct wire_packet *packet);
void desk_resealed(struct replicator *self, const struct wire_resealed *resealed);
void desk_tick(struct replicator *self); /* tokens and requests end */
