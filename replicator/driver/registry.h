/* replicator/driver/registry.h: the nodes of the cluster as this process knows them: from the
 * store, or before the first transfer from what joining brought (local meta "registry"). Decides
 * who is allowed and whose signature counts. */
#pragma once
#include "proto/wire/replication.h"
#include "store/db/state.h"

#define REGISTRY_META "registry" /* an encoded ENROLLED */

struct registry;
/* Reads it anew. On error *OUT is as it was. */
CS_MUST enum cs_err registry_load(struct state *state, struct registry **out);
void registry_free(struct registry **self);
size_t registry_count(const struct registry *self);
const struct wire_node *registry_at(const struct registry *self, size_t i);
const struct wire_node *registry_find(
        const struct registry *self, const char *name); /* NULL; SELF may be NULL */
/* Enrolled, not revoked, not expired at NOW (Unix seconds). */
bool node_allowed(const struct wire_node *node, int64_t now);
bool node_of_pair(const struct wire_node *node); /* primary or backup: its reigns and marks count */
