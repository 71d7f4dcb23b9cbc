#include "node/admin/owners.h"
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"

#define KEY_TEXT 68 /* "key:" and 64 digits: no name has a colon there */

struct owner {
	char *name; /* first: the tree compares by it */
	const char **ids;
	size_t count, room;
};

struct owners {
	void *tree; /* of struct owner */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct owner *)a)->name, ((const struct owner *)b)->name);
}

static void owner_drop(void *node)
{
	struct owner *self = node;

	free(self->name);
	free(self->ids);
	free(self);
}

enum cs_err owners_new(struct owners **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

void owners_free(struct owners **self)
{
	if (*self == NULL)
		return;
	tdestroy((*self)->tree, owner_drop);
	free(*self);
	*self = NULL;
}

static struct owner *find(const struct owners *self, const char *name)
{
	const struct owner key = { .name = (char *)(uintptr_t)name };
	struct owner *const *found = tfind(&key, &self->tree, by_name);

	return found != NULL ? *found : NULL;
}

static struct owner *find_or_make(struct owners *self, const char *name)
{
	struct owner *one = find(self, name);

	if (one != NULL)
		return one;
	one = calloc(1, sizeof(*one));
	if (one == NULL)
		return NULL;
	one->name = strdup(name);
	if (one->name != NULL && tsearch(one, &self->tree, by_name) != NULL)
		return one;
	owner_drop(one);
	return NULL;
}

static enum cs_err add(struct owners *self, const char *name, const char *id)
{
	struct owner *one = find_or_make(self, name);

	if (one == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < one->count; i++)
		if (one->ids[i] == id) /* a name that the certificate has twice */
			return CS_OK;
	if (one->count == one->room) {
		const size_t room = one->room != 0 ? 2 * one->room : 1;
		const char **more = reallocarray(one->ids, room, sizeof(*more));
		if (more == NULL)
			return CS_ENOMEM;
		one->ids = more;
		one->room = room;
	}
	one->ids[one->count++] = id;
	return CS_OK;
}

static void drop(struct owners *self, const char *name, const char *id)
{
	struct owner *one = find(self, name);

	for (size_t i = 0; one != NULL && i < one->count; i++)
		if (one->ids[i] == id)
			one->ids[i--] = one->ids[--one->count];
	if (one == NULL || one->count > 0)
		return;
	tdelete(one, &self->tree, by_name);
	owner_drop(one);
}

static const char *key_text(const struct pki_cert *leaf, char out[KEY_TEXT + 1])
{
	memcpy(out, "key:", 4);
	cs_hex(leaf->spki_sha256, sizeof(leaf->spki_sha256), out + 4);
	return out;
}

enum cs_err owners_add(struct owners *self, const struct pki_cert *leaf, const char *id)
{
	char key[KEY_TEXT + 1];

	for (size_t i = 0; i < leaf->dns_count; i++)
		CS_TRY(add(self, leaf->dns[i], id));
	for (size_t i = 0; i < leaf->ip_count; i++)
		CS_TRY(add(self, leaf->ip_text[i], id));
	return add(self, key_text(leaf, key), id);
}

void owners_drop(struct owners *self, const struct pki_cert *leaf, const char *id)
{
	char key[KEY_TEXT + 1];

	for (size_t i = 0; i < leaf->dns_count; i++)
		drop(self, leaf->dns[i], id);
	for (size_t i = 0; i < leaf->ip_count; i++)
		drop(self, leaf->ip_text[i], id);
	drop(self, key_text(leaf, key), id);
}

const char *const *owners_of_name(const struct owners *self, const char *name, size_t *n)
{
	const struct owner *one = find(self, name);

	*n = one != NULL ? one->count : 0;
	return one != NULL ? one->ids : NULL;
}

const char *const *owners_of_key(const struct owners *self, const struct pki_cert *leaf, size_t *n)
{
	char key[KEY_TEXT + 1];

	return owners_of_name(self, key_text(leaf, key), n);
}
