#include "node/admin/coverage.h"
#include <string.h>
#include "store/pki/choice.h"

const char *cover_kind_name(enum cover_kind kind)
{
	static const char *const words[] = { "site", "public", "internal", "extra", "asked" };

	return words[kind];
}

static struct cover_by cover_of(const struct scene_cert *cert, const char *host)
{
	struct cover_by out = { PKI_COVER_NONE, "", cert };
	const char *by = NULL;

	if (cert == NULL)
		return out;
	out.cover = pki_cert_covers(cert->leaf, cs_bytes_of(host), &by);
	if (out.cover != PKI_COVER_NONE && by != NULL)
		out.by = by;
	return out;
}

static struct choice_candidate candidate_of(const struct cover_by *by)
{
	const struct pki_cert *leaf = by->cert->leaf;

	return (struct choice_candidate){ by->cert->id, leaf->key, by->cover, leaf->not_before,
		leaf->not_after };
}

/* The best of all is found pair by pair: the choice is a total order. */
struct cover_by cover_sni(const struct scene *scene, const char *host)
{
	struct cover_by best = { PKI_COVER_NONE, "", NULL };

	for (size_t i = 0; i < scene->cert_count; i++) {
		if (scene->certs[i].state != CERT_ACTIVE)
			continue;
		const struct cover_by one = cover_of(&scene->certs[i], host);
		if (one.cover == PKI_COVER_NONE)
			continue;
		if (best.cert == NULL) {
			best = one;
			continue;
		}
		const struct choice_candidate pair[] = { candidate_of(&best), candidate_of(&one) };
		if (choice_pick(pair, 2, CHOICE_ANY, scene->now) == 1)
			best = one;
	}
	return best;
}

const char *cover_endpoint_host(const char *endpoint, struct cs_arena *arena)
{
	const char *colon = strrchr(endpoint, ':');
	const char *host = cs_arena_text(
	        arena, endpoint, colon != NULL ? (size_t)(colon - endpoint) : strlen(endpoint));

	return host != NULL && pki_hostname_ok(host) ? host : NULL;
}

struct rows {
	const struct scene *scene;
	struct cover_row *row;
	size_t count;
};

static void put(
        struct rows *self, const char *host, const struct scene_node *node, enum cover_kind kind)
{
	if (host == NULL || host[0] == '\0')
		return;
	for (size_t i = 0; i < self->count; i++)
		if (self->row[i].node == node && strcmp(self->row[i].host, host) == 0)
			return;
	self->row[self->count++] = (struct cover_row){ host, node, kind,
		cover_sni(self->scene, host), cover_of(scene_default(self->scene, node), host) };
}

static void put_node(struct rows *self, const struct scene_node *node, struct cs_arena *arena)
{
	put(self, node->node->public_host, node, COVER_PUBLIC);
	put(self, cover_endpoint_host(node->node->internal, arena), node, COVER_INTERNAL);
	for (size_t i = 0; i < node->node->hostnames.n; i++)
		put(self, node->node->hostnames.v[i], node, COVER_EXTRA);
}

enum cs_err cover_rows(const struct scene *scene, struct wire_texts asked, struct cs_arena *arena,
        const struct cover_row **out, size_t *count)
{
	size_t room = scene->site.n + asked.n + 1;

	for (size_t i = 0; i < scene->node_count; i++)
		room += 2 + scene->nodes[i].node->hostnames.n;
	struct rows rows = { scene, cs_arena_take(arena, room * sizeof(*rows.row)), 0 };
	if (rows.row == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < scene->site.n; i++)
		put(&rows, scene->site.v[i], NULL, COVER_SITE);
	for (size_t i = 0; i < scene->node_count; i++)
		put_node(&rows, &scene->nodes[i], arena);
	for (size_t i = 0; i < asked.n; i++)
		put(&rows, asked.v[i], NULL, COVER_ASKED);
	*out = rows.row;
	*count = rows.count;
	return CS_OK;
}
