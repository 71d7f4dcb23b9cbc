#include "node/admin/scene.h"
#include <stdlib.h>
#include <string.h>

static void *copy(struct cs_arena *arena, const void *from, size_t used, size_t room)
{
	void *to = cs_arena_take(arena, room);

	if (to != NULL && used > 0)
		memcpy(to, from, used);
	return to;
}

enum cs_err scene_copy(const struct scene *self, struct cs_arena *arena, struct scene *out)
{
	*out = *self;
	out->certs = copy(arena, self->certs, self->cert_count * sizeof(*self->certs),
	        (self->cert_count + 1) * sizeof(*self->certs));
	out->nodes = copy(arena, self->nodes, self->node_count * sizeof(*self->nodes),
	        (self->node_count + 1) * sizeof(*self->nodes));
	return out->certs != NULL && out->nodes != NULL ? CS_OK : CS_ENOMEM;
}

static int by_id(const void *key, const void *cert)
{
	return strcmp(key, ((const struct scene_cert *)cert)->id);
}

struct scene_cert *scene_find(const struct scene *self, const char *id)
{
	struct scene_cert *found = self->sorted > 0 ? bsearch(id, self->certs, self->sorted,
	                                                      sizeof(*self->certs), by_id)
	                                            : NULL;

	if (found != NULL)
		return found;
	for (size_t i = self->sorted; i < self->cert_count; i++)
		if (strcmp(self->certs[i].id, id) == 0)
			return &self->certs[i];
	return NULL;
}

const struct scene_cert *scene_next_owner(const struct scene *self, const char *name, size_t *at)
{
	const size_t sorted = self->owners != NULL ? self->sorted : 0;
	size_t n = 0;
	const char *const *ids =
	        self->owners != NULL ? owners_of_name(self->owners, name, &n) : NULL;

	while (*at < n) { /* one may be out of the scene: without a record of its life */
		const struct scene_cert *cert = scene_find(self, ids[(*at)++]);
		if (cert != NULL)
			return cert;
	}
	const size_t i = sorted + (*at)++ - n; /* what was put into a plan's scene comes last */
	return i < self->cert_count ? &self->certs[i] : NULL;
}

struct scene_node *scene_node(const struct scene *self, const char *name)
{
	for (size_t i = 0; i < self->node_count; i++)
		if (strcmp(self->nodes[i].name, name) == 0)
			return &self->nodes[i];
	return NULL;
}

const struct scene_cert *scene_default(const struct scene *self, const struct scene_node *node)
{
	const char *id = node != NULL && node->own_default[0] != '\0' ? node->own_default
	                                                              : self->cluster_default;

	return id[0] != '\0' ? scene_find(self, id) : NULL;
}

bool scene_serves(const struct scene *self)
{
	for (size_t i = 0; i < self->cert_count; i++)
		if (self->certs[i].state == CERT_ACTIVE)
			return true;
	return false;
}
