/* replicator/local/admin.h: the answers that admin.c and writes.c share. */
#pragma once
#include "replicator/core/leader.h"

struct replicator;
void admin_outcome(
        struct replicator *self, uint64_t tag, enum cs_err err, const char *reason, uint64_t seq);
void admin_not_primary(struct replicator *self, uint64_t tag);
/* OUTCOME follows when the leader's core says so; TIMEOUT_MS 0: 5 s. */
void admin_wait(
        struct replicator *self, uint64_t tag, struct leader_command command, uint32_t timeout_ms);
