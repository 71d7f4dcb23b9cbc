/* node/admin/status.h: certspan.status/1 from what the replicator knows (facts), the registry and
 * certificates (scene), the roles of this node. Pure. */
#pragma once
#include <jansson.h>
#include "node/admin/scene.h"
#include "node/admin/sync_state.h"
#include "proto/wire/control.h"

struct status_input {
	const struct scene *scene;
	const struct wire_facts *facts;
	const struct wire_roles *roles; /* NULL: not known */
	const char *node; /* this one */
	uint64_t generation; /* of this node's store */
	struct wire_texts sync_set;
	bool shared_user;
	int64_t now_ms; /* wall clock */
	bool local; /* this node only */
	bool recovery_verified; /* the recovery file, for the newest cluster secret */
};

/* What is known of one node, in the order of the registry. */
struct status_node {
	const struct scene_node *node;
	const struct wire_member *member; /* NULL */
	enum sync_state state;
};
struct status_view {
	struct status_node *nodes;
	size_t count;
	enum sync_state overall;
	uint64_t head, released, age_ms;
	bool live; /* this node is the primary */
};
CS_MUST enum cs_err status_view(
        const struct status_input *in, struct cs_arena *arena, struct status_view *out);

/* *OUT is the caller's. */
CS_MUST enum cs_err status_document(
        const struct status_input *in, struct cs_arena *arena, json_t **out);
/* One element of nodes[]. */
json_t *status_node_json(const struct status_input *in, const struct status_view *view,
        const struct status_node *node, struct cs_arena *arena);
json_t *status_served_json(
        const struct wire_member *member, int64_t now_ms); /* MEMBER may be NULL: [] */
