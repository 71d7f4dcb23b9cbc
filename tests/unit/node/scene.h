/* tests/unit/node/scene.h: a scene from a few certificates and nodes, for the pure parts of
 * node/admin. Static: for one test program each. */
#pragma once
#include <stdlib.h>
#include <string.h>
#include "node/admin/scene.h"
#include "proto/base/clock.h"
#include "tests/unit/fixture.h"

#define SCENE_MAX 8

struct sketch {
	struct scene scene;
	struct scene_cert certs[SCENE_MAX];
	struct scene_node nodes[SCENE_MAX];
	struct wire_node registry[SCENE_MAX];
	struct pki_cert *leaves[SCENE_MAX];
	const char *site[1];
	struct cs_arena *arena;
};

static inline struct sketch *sketch_new(const char *site)
{
	struct sketch *self = calloc(1, sizeof(*self));

	if (self == NULL || cs_arena_new(1u << 20, &self->arena) != CS_OK)
		abort();
	self->site[0] = site;
	self->scene = (struct scene){ .certs = self->certs,
		.nodes = self->nodes,
		.site = { self->site, site != NULL ? 1 : 0 },
		.cluster_default = "",
		.now = cs_clock_wall_s() };
	return self;
}

static inline struct scene_cert *sketch_cert(
        struct sketch *self, const char *id, const struct fx_cert *cert, uint32_t state)
{
	const size_t i = self->scene.cert_count++;

	if (pki_cert_read(fx_der(cert), &self->leaves[i]) != CS_OK)
		abort();
	self->certs[i] = (struct scene_cert){ id, id, self->leaves[i], state };
	return &self->certs[i];
}

static inline struct wire_node *sketch_node(struct sketch *self, const char *name, uint32_t role,
        const char *public_host, const char *internal)
{
	const size_t i = self->scene.node_count++;

	self->registry[i] = (struct wire_node){ .name = name,
		.role = role,
		.public_host = public_host,
		.internal = internal,
		.enrolled_at = 1 };
	self->nodes[i] = (struct scene_node){ name, &self->registry[i], "" };
	return &self->registry[i];
}

static inline void sketch_free(struct sketch *self)
{
	for (size_t i = 0; i < self->scene.cert_count; i++)
		pki_cert_free(&self->leaves[i]);
	cs_arena_free(&self->arena);
	free(self);
}
