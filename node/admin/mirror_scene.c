#include <ctype.h>
#include <string.h>
#include "node/admin/mirror.h"

#define PREFIX_MIN 4

static bool is_hex(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789abcdef")] == '\0';
}

static const char *name_of(const struct mirror *self, const char *id)
{
	const struct wire_certificate *life = mirror_certificate(self, id);

	return life != NULL ? life->name : "";
}

enum cs_err mirror_find_cert(
        struct mirror *self, const char *text, const struct mirror_object **out)
{
	const size_t len = strlen(text);
	const bool prefix = len >= PREFIX_MIN && is_hex(text);
	size_t n, found = 0;

	*out = mirror_get(self, OBJECT_BUNDLE, text);
	if (*out != NULL)
		return CS_OK;
	const struct mirror_object *const *all = mirror_all(self, OBJECT_BUNDLE, &n);
	for (size_t i = 0; i < n; i++) {
		const bool fits = (prefix && strncmp(all[i]->id, text, len) == 0) ||
		                  strcmp(name_of(self, all[i]->id), text) == 0;
		if (!fits)
			continue;
		*out = all[i];
		found++;
	}
	if (found <= 1)
		return found == 1 ? CS_OK : CS_ENOTFOUND;
	*out = NULL;
	return CS_EREFUSED;
}

static enum cs_err fill_certs(struct mirror *self, struct cs_arena *arena, struct scene *out)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(self, OBJECT_BUNDLE, &n);

	out->certs = cs_arena_take(arena, (n + 1) * sizeof(*out->certs));
	if (out->certs == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct wire_certificate *life = mirror_certificate(self, all[i]->id);
		if (life != NULL)
			out->certs[out->cert_count++] = (struct scene_cert){ all[i]->id, life->name,
				all[i]->leaf, life->state };
	}
	return CS_OK;
}

static int by_role(const struct scene_node *a, const struct scene_node *b)
{
	if (a->node->role != b->node->role)
		return a->node->role < b->node->role ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Primary, backups, traffic nodes; by name. */
static void insert(struct scene *scene, struct scene_node node)
{
	size_t at = scene->node_count++;

	for (; at > 0 && by_role(&node, &scene->nodes[at - 1]) < 0; at--)
		scene->nodes[at] = scene->nodes[at - 1];
	scene->nodes[at] = node;
}

static enum cs_err fill_nodes(struct mirror *self, struct cs_arena *arena, struct scene *out)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(self, OBJECT_NODE, &n);

	out->nodes = cs_arena_take(arena, (n + 1) * sizeof(*out->nodes));
	if (out->nodes == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct wire_node *node = all[i]->body;
		if (node->revoked_at == 0)
			insert(out, (struct scene_node){
			                    all[i]->id, node, mirror_default(self, all[i]->id) });
	}
	return CS_OK;
}

static bool separator(char c)
{
	return c == ',' || isspace((unsigned char)c);
}

enum cs_err mirror_words(const char *text, struct cs_arena *arena, struct wire_texts *out)
{
	const char **v = cs_arena_take(arena, (strlen(text) / 2 + 1) * sizeof(*v));
	size_t n = 0;

	if (v == NULL)
		return CS_ENOMEM;
	while (*text != '\0') {
		size_t len = 0;
		while (text[len] != '\0' && !separator(text[len]))
			len++;
		if (len > 0 && (v[n++] = cs_arena_text(arena, text, len)) == NULL)
			return CS_ENOMEM;
		text += len;
		while (separator(*text))
			text++;
	}
	*out = (struct wire_texts){ v, n };
	return CS_OK;
}

enum cs_err mirror_scene(
        struct mirror *self, int64_t now, struct cs_arena *arena, struct scene *out)
{
	*out = (struct scene){ .now = now, .cluster_default = mirror_default(self, NULL) };
	CS_TRY(fill_certs(self, arena, out));
	CS_TRY(fill_nodes(self, arena, out));
	return mirror_words(mirror_setting(self, "site.hostname", ""), arena, &out->site);
}
