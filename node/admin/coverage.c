#include "node/admin/coverage.h"
#include <arpa/inet.h>
#include <stdio.h>
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
static void better(const struct scene *scene, struct cover_by one, struct cover_by *best)
{
	if (one.cover == PKI_COVER_NONE)
		return;
	const bool first = best->cert == NULL;
	const struct choice_candidate pair[] = { candidate_of(first ? &one : best),
		candidate_of(&one) };
	if (first || choice_pick(pair, 2, CHOICE_ANY, scene->now) == 1)
		*best = one;
}

static void ask_owners(
        const struct scene *scene, const char *name, const char *host, struct cover_by *best)
{
	const struct scene_cert *cert;

	for (size_t at = 0; (cert = scene_next_owner(scene, name, &at)) != NULL;)
		if (cert->state == CERT_ACTIVE)
			better(scene, cover_of(cert, host), best);
}

/* HOST as a certificate would have it: an IP address in its usual form, without brackets. */
static enum cs_err as_signed(const char *host, char out[CS_NAME_MAX + 1])
{
	uint8_t ip[16];
	char inner[CS_NAME_MAX + 1];
	size_t n;

	CS_TRY(pki_name_normal(cs_bytes_of(host), out));
	n = strlen(out);
	const bool brackets = n > 2 && out[0] == '[' && out[n - 1] == ']';
	snprintf(inner, sizeof(inner), "%.*s", (int)(brackets ? n - 2 : n), out + brackets);
	if (inet_pton(AF_INET6, inner, ip) == 1)
		inet_ntop(AF_INET6, ip, out, CS_NAME_MAX + 1);
	return CS_OK;
}

struct cover_by cover_sni(const struct scene *scene, const char *host)
{
	struct cover_by best = { PKI_COVER_NONE, "", NULL };
	char name[CS_NAME_MAX + 1], wildcard[CS_NAME_MAX + 1];

	if (as_signed(host, name) != CS_OK)
		return best; /* nothing can vouch for it */
	ask_owners(scene, name, host, &best);
	if (scene->owners != NULL && pki_name_wildcard(name, wildcard))
		ask_owners(scene, wildcard, host, &best);
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
