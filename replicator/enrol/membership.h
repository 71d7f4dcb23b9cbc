/* replicator/enrol/membership.h: the one commit that makes a node a member: its keys in the
 * registry, and the cluster secret of every epoch sealed to it. */
#pragma once
#include "proto/wire/control.h"

struct replicator;
/* Errors of replicator_commit; CS_ETOOBIG: more secret epochs than a commit takes. */
CS_MUST enum cs_err membership_commit(
        struct replicator *self, const struct wire_enrol *e, const struct wire_resealed *resealed);
