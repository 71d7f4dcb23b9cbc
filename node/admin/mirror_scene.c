#include <ctype.h>
#include <string.h>
#include "node/admin/mirror.h"

#define PREFIX_MIN 4

static bool is_hex(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* How a certificate answers to what an admin typed. */
struct search {
	const char *text;
	size_t len; /* of a prefix; 0: it cannot be one */
	const struct mirror_object *found, *current; /* the last one; the last not Retired one */
	size_t count, current_count;
};

static struct search search_for(const char *text)
{
	const size_t len = strlen(text);

	return (struct search){ .text = text, .len = len >= PREFIX_MIN && is_hex(text) ? len : 0 };
}

static void search_try(
        struct search *self, const struct mirror_object *object, const char *name, bool retired)
{
	if (!(self->len > 0 && strncmp(object->id, self->text, self->len) == 0) &&
	        strcmp(name, self->text) != 0)
		return;
	self->found = object;
	self->count++;
	if (retired)
		return;
	self->current = object;
	self->current_count++;
}

static enum cs_err search_end(const struct search *self, const struct mirror_object **out)
{
	*out = self->count == 1 ? self->found : self->current_count == 1 ? self->current : NULL;
	if (*out != NULL)
		return CS_OK;
	return self->count == 0 ? CS_ENOTFOUND : CS_EREFUSED;
}

enum cs_err mirror_find_cert(
        struct mirror *self, const char *text, const struct mirror_object **out)
{
	struct search search = search_for(text);
	size_t n;

	*out = mirror_get(self, OBJECT_BUNDLE, text);
	if (*out != NULL)
		return CS_OK;
	const struct mirror_object *const *all = mirror_all(self, OBJECT_BUNDLE, &n);
	for (size_t i = 0; i < n; i++) {
		const struct wire_certificate *life = mirror_certificate(self, all[i]->id);
		search_try(&search, all[i], life != NULL ? life->name : "",
		        life != NULL && life->state == CERT_RETIRED);
	}
	return search_end(&search, out);
}

enum cs_err mirror_find_ca(struct mirror *self, const char *text, const struct mirror_object **out)
{
	struct search search = search_for(text);
	size_t n;

	*out = mirror_get(self, OBJECT_CA, text);
	if (*out != NULL)
		return CS_OK;
	const struct mirror_object *const *all = mirror_all(self, OBJECT_CA, &n);
	for (size_t i = 0; i < n; i++)
		search_try(&search, all[i], ((const struct wire_ca *)all[i]->body)->name, false);
	return search_end(&search, out);
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
	const struct scene_cert *certs;

	*out = (struct scene){ .now = now,
		.cluster_default = mirror_default(self, NULL),
		.owners = mirror_owners(self) };
	CS_TRY(mirror_certs(self, &certs, &out->cert_count));
	out->certs = (struct scene_cert *)(uintptr_t)certs;
	out->sorted = out->cert_count;
	CS_TRY(fill_nodes(self, arena, out));
	return mirror_words(mirror_setting(self, "site.hostname", ""), arena, &out->site);
}
