#include "replicator/driver/registry.h"
#include <stdlib.h>
#include <string.h>

#define REGISTRY_BYTES (16u << 20)

struct registry {
	struct cs_arena *arena;
	struct wire_node *nodes;
	size_t count;
};

static enum cs_err add(struct registry *self, const struct wire_node *node)
{
	if (self->count >= CS_PEERS_MAX)
		return CS_ETOOBIG;
	struct wire_node *v = realloc(self->nodes, (self->count + 1) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	self->nodes = v;
	v[self->count++] = *node;
	return CS_OK;
}

static enum cs_err each(void *data, const struct wire_object *object)
{
	struct registry *self = data;
	struct wire_node node;

	CS_TRY(wire_decode(&wire_node_type, object->payload, self->arena, &node));
	return add(self, &node);
}

static enum cs_err from_meta(struct registry *self, struct state *state)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_enrolled e;

	const enum cs_err rc = state_local_get(state, LOCAL_META, REGISTRY_META, &buf);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	CS_TRY(wire_decode(&wire_enrolled_type, cs_buf_view(&buf), self->arena, &e));
	for (size_t i = 0; i < e.nodes.n; i++)
		CS_TRY(add(self, &e.nodes.v[i]));
	return CS_OK;
}

enum cs_err registry_load(struct state *state, struct registry **out)
{
	CS_AUTO(registry_free) struct registry *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return CS_ENOMEM;
	CS_TRY(cs_arena_new(REGISTRY_BYTES, &self->arena));
	CS_TRY(state_each(state, OBJECT_NODE, "", each, self));
	if (self->count == 0)
		CS_TRY(from_meta(self, state));
	registry_free(out);
	*out = CS_STEAL(self);
	return CS_OK;
}

void registry_free(struct registry **self)
{
	if (*self == NULL)
		return;
	cs_arena_free(&(*self)->arena);
	free((*self)->nodes);
	free(*self);
	*self = NULL;
}

size_t registry_count(const struct registry *self)
{
	return self != NULL ? self->count : 0;
}

const struct wire_node *registry_at(const struct registry *self, size_t i)
{
	return &self->nodes[i];
}

const struct wire_node *registry_find(const struct registry *self, const char *name)
{
	for (size_t i = 0; i < registry_count(self); i++)
		if (strcmp(self->nodes[i].name, name) == 0)
			return &self->nodes[i];
	return NULL;
}

bool node_allowed(const struct wire_node *node, int64_t now)
{
	return node->enrolled_at != 0 && node->revoked_at == 0 && node->curve_key.n == 32 &&
	       (node->expires_at == 0 || (int64_t)node->expires_at > now);
}

bool node_of_pair(const struct wire_node *node)
{
	return node->role == ROLE_PRIMARY || node->role == ROLE_BACKUP;
}
