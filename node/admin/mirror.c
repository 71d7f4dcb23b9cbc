#include "node/admin/mirror.h"
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/log.h"

#define ITEM_MAX (CS_UNPACK_MAX / 4)

/* Everything of an item lives in its arena, but for the parsed certificate. */
struct item {
	struct mirror_object object; /* first: trees and callers see this */
	struct cs_arena *arena;
	struct pki_cert *leaf;
};

struct mirror {
	void *tree[OBJECT_KIND_END]; /* of struct item, by id */
	const struct mirror_object **all[OBJECT_KIND_END]; /* in order of id; stale when dirty */
	size_t count[OBJECT_KIND_END];
	bool dirty[OBJECT_KIND_END];
	struct owners *owners; /* of the bundles */
	struct scene_cert *certs; /* bundles with their lives, in order of id; NULL: to be made */
	size_t cert_count;
	uint64_t version[OBJECT_KIND_END]; /* goes up with every change */
	uint64_t seq;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct mirror_object *)a)->id, ((const struct mirror_object *)b)->id);
}

static void item_free(struct item **self)
{
	if (*self == NULL)
		return;
	pki_cert_free(&(*self)->leaf);
	cs_arena_free(&(*self)->arena);
	free(*self);
	*self = NULL;
}

enum cs_err mirror_new(struct mirror **out)
{
	CS_AUTO(mirror_free) struct mirror *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	CS_TRY(owners_new(&self->owners));
	*out = CS_STEAL(self);
	return CS_OK;
}

static void item_drop(void *node)
{
	struct item *e = node;

	item_free(&e);
}

static void certs_stale(struct mirror *self)
{
	free(self->certs);
	self->certs = NULL;
	self->cert_count = 0;
}

static void clear(struct mirror *self)
{
	certs_stale(self);
	owners_free(&self->owners);
	for (uint32_t k = 0; k < OBJECT_KIND_END; k++) {
		tdestroy(self->tree[k], item_drop);
		free(self->all[k]);
		self->tree[k] = NULL;
		self->all[k] = NULL;
		self->count[k] = 0;
		self->dirty[k] = false;
		self->version[k]++;
	}
	self->seq = 0;
}

void mirror_free(struct mirror **self)
{
	if (*self == NULL)
		return;
	clear(*self);
	free(*self);
	*self = NULL;
}

static void forget(struct mirror *self, uint32_t kind, const char *id)
{
	const struct mirror_object key = { .id = id };
	struct item *const *found = tfind(&key, &self->tree[kind], by_id);

	if (found == NULL)
		return;
	struct item *e = *found;
	tdelete(&key, &self->tree[kind], by_id);
	if (kind == OBJECT_BUNDLE && e->leaf != NULL)
		owners_drop(self->owners, e->leaf, e->object.id);
	item_free(&e);
	self->count[kind]--;
	self->dirty[kind] = true;
	self->version[kind]++;
}

static enum cs_err parse_leaf(struct item *e)
{
	const struct wire_bundle *bundle = e->object.body;
	const struct wire_ca *ca = e->object.body;

	if (e->object.kind != OBJECT_BUNDLE && e->object.kind != OBJECT_CA)
		return CS_OK;
	const enum cs_err rc =
	        pki_cert_read(e->object.kind == OBJECT_BUNDLE ? bundle->leaf : ca->der, &e->leaf);
	e->object.leaf = e->leaf;
	return rc;
}

static enum cs_err item_new(
        const struct wire_object *object, const struct wire_type *type, struct item **out)
{
	CS_AUTO(item_free) struct item *e = calloc(1, sizeof(*e));

	*out = NULL;
	if (e == NULL)
		return CS_ENOMEM;
	CS_TRY(cs_arena_new(ITEM_MAX, &e->arena));
	void *body = cs_arena_take(e->arena, type->size);
	const char *id = cs_arena_text(e->arena, object->id, strlen(object->id));
	if (body == NULL || id == NULL)
		return CS_ENOMEM;
	if (object->kind != OBJECT_SECRET) /* that there is one is enough: no secret here, not even
	                                      a sealed one */
		CS_TRY(wire_decode(type, object->payload, e->arena, body));
	e->object = (struct mirror_object){ object->kind, id, object->seq, body, NULL };
	CS_TRY(parse_leaf(e));
	*out = CS_STEAL(e);
	return CS_OK;
}

static enum cs_err take(struct mirror *self, const struct wire_object *object)
{
	const struct wire_type *type = object_payload_type(object->kind);

	if (type == NULL)
		return CS_OK; /* what later versions add */
	forget(self, object->kind, object->id);
	if (object->kind == OBJECT_BUNDLE || object->kind == OBJECT_CERTIFICATE)
		certs_stale(self);
	if (object->tombstone)
		return CS_OK;
	CS_AUTO(item_free) struct item *e = NULL;
	const enum cs_err rc = item_new(object, type, &e);
	if (rc == CS_ENOMEM)
		return rc;
	if (rc != CS_OK) {
		cs_log_with(CS_LOG_ERROR,
		        (struct cs_log_fields){ .cert = object->id, .seq = object->seq },
		        "%s cannot be read: %s; it is left out of every answer",
		        object_kind_name(object->kind), cs_err_text(rc));
		return CS_OK;
	}
	if (tsearch(e, &self->tree[object->kind], by_id) == NULL)
		return CS_ENOMEM;
	const struct item *in = CS_STEAL(e);
	self->count[object->kind]++;
	self->dirty[object->kind] = true;
	self->version[object->kind]++;
	return object->kind == OBJECT_BUNDLE ? owners_add(self->owners, in->leaf, in->object.id)
	                                     : CS_OK;
}

enum cs_err mirror_apply(struct mirror *self, const struct wire_changes *changes)
{
	if (changes->reset) {
		clear(self);
		CS_TRY(owners_new(&self->owners));
	}
	for (size_t i = 0; i < changes->objects.n; i++)
		CS_TRY(take(self, &changes->objects.v[i]));
	self->seq = changes->to;
	return CS_OK;
}

uint64_t mirror_seq(const struct mirror *self)
{
	return self->seq;
}

uint64_t mirror_version(const struct mirror *self, uint32_t kind)
{
	return self->version[kind];
}

const struct mirror_object *mirror_get(const struct mirror *self, uint32_t kind, const char *id)
{
	const struct mirror_object key = { .id = id };
	const struct mirror_object *const *found = tfind(&key, &self->tree[kind], by_id);

	return found != NULL ? *found : NULL;
}

struct walk {
	const struct mirror_object **at;
};

static void collect(const void *node, VISIT visit, void *data)
{
	struct walk *walk = data;

	if (visit == postorder || visit == leaf)
		*walk->at++ = *(const struct mirror_object *const *)node;
}

const struct mirror_object *const *mirror_all(struct mirror *self, uint32_t kind, size_t *n)
{
	static const struct mirror_object *const none[1];

	*n = self->count[kind];
	if (!self->dirty[kind])
		return self->all[kind] != NULL ? self->all[kind] : none;
	free(self->all[kind]);
	self->all[kind] = calloc(*n + 1, sizeof(*self->all[kind]));
	if (self->all[kind] == NULL) {
		*n = 0;
		return none;
	}
	struct walk walk = { self->all[kind] };
	twalk_r(self->tree[kind], collect, &walk);
	self->dirty[kind] = false;
	return self->all[kind];
}

const struct owners *mirror_owners(const struct mirror *self)
{
	return self->owners;
}

/* Both lists are in order of id, so one walk pairs them. */
enum cs_err mirror_certs(struct mirror *self, const struct scene_cert **out, size_t *n)
{
	size_t bundle_count, life_count, k = 0;

	*out = self->certs;
	*n = self->cert_count;
	if (self->certs != NULL)
		return CS_OK;
	const struct mirror_object *const *bundles = mirror_all(self, OBJECT_BUNDLE, &bundle_count),
	                                  *const *lives =
	                                          mirror_all(self, OBJECT_CERTIFICATE, &life_count);
	struct scene_cert *certs = calloc(bundle_count + 1, sizeof(*certs));
	if (certs == NULL)
		return CS_ENOMEM;
	*n = 0;
	for (size_t i = 0; i < bundle_count; i++) {
		while (k < life_count && strcmp(lives[k]->id, bundles[i]->id) < 0)
			k++;
		if (k == life_count || strcmp(lives[k]->id, bundles[i]->id) != 0)
			continue;
		const struct wire_certificate *life = lives[k]->body;
		certs[(*n)++] = (struct scene_cert){ bundles[i]->id, life->name, bundles[i]->leaf,
			life->state };
	}
	*out = self->certs = certs;
	self->cert_count = *n;
	return CS_OK;
}

static const void *body_of(const struct mirror *self, uint32_t kind, const char *id)
{
	const struct mirror_object *object = mirror_get(self, kind, id);

	return object != NULL ? object->body : NULL;
}

const struct wire_certificate *mirror_certificate(const struct mirror *self, const char *id)
{
	return body_of(self, OBJECT_CERTIFICATE, id);
}

const struct wire_node *mirror_node(const struct mirror *self, const char *name)
{
	return body_of(self, OBJECT_NODE, name);
}

const char *mirror_setting(const struct mirror *self, const char *name, const char *fallback)
{
	const struct wire_setting *setting = body_of(self, OBJECT_SETTING, name);

	return setting != NULL ? setting->value : fallback;
}

uint64_t mirror_generation(const struct mirror *self)
{
	const struct wire_activation *activation = body_of(self, OBJECT_ACTIVATION, "current");

	return activation != NULL ? activation->number : 0;
}

const char *mirror_default(const struct mirror *self, const char *node)
{
	char id[CS_ID_MAX + 8] = "*";

	if (node != NULL)
		snprintf(id, sizeof(id), "node:%s", node);
	const struct wire_default_choice *choice = body_of(self, OBJECT_DEFAULT, id);
	return choice != NULL ? choice->bundle : "";
}
