#include "node/admin/doomed.h"
#include <string.h>

#define DEPTH_MAX 16 /* CA certificates on one path */
#define BELOW_MAX 256 /* issuers under one CA certificate */

static bool among(struct wire_texts ids, const char *id)
{
	for (size_t i = 0; i < ids.n; i++)
		if (strcmp(ids.v[i], id) == 0)
			return true;
	return false;
}

enum cs_err doomed_scene(
        const struct scene *scene, struct wire_texts ids, struct cs_arena *arena, struct scene *out)
{
	CS_TRY(scene_copy(scene, arena, out));
	for (size_t i = 0; i < ids.n; i++) {
		struct scene_cert *cert = scene_find(out, ids.v[i]);
		if (cert != NULL)
			cert->state = CERT_RETIRED;
	}
	if (among(ids, out->cluster_default))
		out->cluster_default = "";
	for (size_t i = 0; i < out->node_count; i++)
		if (among(ids, out->nodes[i].own_default))
			out->nodes[i].own_default = "";
	return CS_OK;
}

/* Names of those who may have issued: the CA itself and what it issued, downwards. */
struct below {
	struct cs_bytes name[BELOW_MAX];
	size_t count;
};

static bool issued_below(const struct below *self, struct cs_bytes issuer)
{
	for (size_t i = 0; i < self->count; i++)
		if (cs_bytes_equal(self->name[i], issuer))
			return true;
	return false;
}

static void go_down(
        const struct doomed_ca *pool, size_t n, const struct pki_cert *top, struct below *out)
{
	*out = (struct below){ { top->subject_der }, 1 };
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const size_t before = out->count;
		for (size_t i = 0; i < n && out->count < BELOW_MAX; i++)
			if (issued_below(out, pool[i].cert->issuer_der) &&
			        !issued_below(out, pool[i].cert->subject_der))
				out->name[out->count++] = pool[i].cert->subject_der;
		if (out->count == before)
			return;
	}
}

/* A renewed CA certificate of the same key does just as well. */
static bool replaceable(const struct doomed_ca *pool, size_t n, const struct doomed_ca *gone)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pool[i].id, gone->id) != 0 &&
		        cs_bytes_equal(pool[i].cert->subject_der, gone->cert->subject_der) &&
		        memcmp(pool[i].cert->spki_sha256, gone->cert->spki_sha256, 32) == 0)
			return true;
	return false;
}

size_t doomed_needs(const struct scene *scene, const struct doomed_ca *pool, size_t pool_count,
        const struct doomed_ca *gone, struct doomed_need *out, size_t max)
{
	struct below below;
	size_t n = 0;

	if (replaceable(pool, pool_count, gone))
		return 0;
	go_down(pool, pool_count, gone->cert, &below);
	for (size_t i = 0; i < scene->cert_count; i++) {
		const struct scene_cert *cert = &scene->certs[i];
		if (cert->state == CERT_ACTIVE && !cert->leaf->self_signed &&
		        issued_below(&below, cert->leaf->issuer_der) && n++ < max)
			out[n - 1] = (struct doomed_need){ gone->id, cert };
	}
	return n;
}
