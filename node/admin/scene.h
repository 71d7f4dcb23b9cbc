/* node/admin/scene.h: the cluster as the decisions see it: its certificates, nodes, site hostnames
 * and default choices. A plain copy of pointers into the mirror (or into a test's tables); a plan
 * copies the scene, alters the copy and compares. */
#pragma once
#include "node/admin/owners.h"
#include "proto/base/buf.h"
#include "proto/wire/objects.h"
#include "store/pki/cert.h"

struct scene_cert {
	const char *id, *name;
	const struct pki_cert *leaf;
	uint32_t state; /* enum cert_state */
};
struct scene_node {
	const char *name;
	const struct wire_node *node;
	const char *own_default; /* "" when the cluster's counts */
};
struct scene {
	struct scene_cert *certs;
	size_t cert_count;
	struct scene_node *nodes; /* revoked ones are left out */
	size_t node_count;
	struct wire_texts site;
	const char *cluster_default; /* "" */
	int64_t now; /* Unix seconds */
	size_t sorted; /* so many certs come first, in order of id; OWNERS knows all of these */
	const struct owners *owners; /* NULL: every certificate is asked */
};

/* A copy whose arrays (not what they point to) are its own, with room for one more certificate and
 * node. */
CS_MUST enum cs_err scene_copy(const struct scene *self, struct cs_arena *arena, struct scene *out);
struct scene_cert *scene_find(const struct scene *self, const char *id); /* NULL */
/* Every certificate (of any state) that may have NAME as an alternative name, one by one: starts
 * with *AT = 0, NULL at the end. Without owners that is all of them. */
const struct scene_cert *scene_next_owner(const struct scene *self, const char *name, size_t *at);
struct scene_node *scene_node(const struct scene *self, const char *name); /* NULL */
/* The default that NODE would present (NULL node: the cluster's); NULL when there is none. */
const struct scene_cert *scene_default(const struct scene *self, const struct scene_node *node);
/* Whether any certificate is Active. */
bool scene_serves(const struct scene *self);
