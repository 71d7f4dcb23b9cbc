/* store/pki/path_pool.c: CA certificates in order of subject and key identifier. */
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"
#include "store/pki/path_parts.h"

struct path_pool {
	struct path_cert **v; /* in order of subject, key identifier, fingerprint once sorted */
	size_t count, room, turns;
	bool sorted;
};

enum cs_err path_pool_new(struct path_pool **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

void path_pool_free(struct path_pool **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < (*self)->count; i++)
		path_cert_free(&(*self)->v[i]);
	free((*self)->v);
	free(*self);
	*self = NULL;
}

size_t path_pool_count(const struct path_pool *self)
{
	return self->count;
}

bool path_pool_has(const struct path_pool *self, const uint8_t sha256[32])
{
	for (size_t i = 0; i < self->count; i++)
		if (memcmp(self->v[i]->sha256, sha256, 32) == 0)
			return true;
	return false;
}

struct path_cert *path_pool_at(const struct path_pool *self, size_t i)
{
	return self->v[i];
}

static int by_bytes(struct cs_bytes a, struct cs_bytes b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n > 0 ? memcmp(a.p, b.p, a.n) : 0;
}

static int in_order(const void *a, const void *b)
{
	const struct path_cert *l = *(struct path_cert *const *)a,
	                       *r = *(struct path_cert *const *)b;

	if (l->subject != r->subject)
		return l->subject < r->subject ? -1 : 1;
	const int ski = by_bytes(l->ski, r->ski);
	if (ski != 0)
		return ski;
	if (l->not_after != r->not_after) /* the one that lasts longer is tried first */
		return l->not_after > r->not_after ? -1 : 1;
	const int same = memcmp(l->sha256, r->sha256, sizeof(l->sha256));
	return same != 0 ? same : l->turn < r->turn ? -1 : 1;
}

/* Once a certificate that is there twice has become one. */
static void sort(struct path_pool *self)
{
	size_t n = 0;

	if (self->sorted)
		return;
	if (self->count > 0)
		qsort(self->v, self->count, sizeof(*self->v), in_order);
	for (size_t i = 0; i < self->count; i++) {
		if (n == 0 || memcmp(self->v[n - 1]->sha256, self->v[i]->sha256, 32) != 0) {
			self->v[n++] = self->v[i];
			continue;
		}
		self->v[n - 1]->anchor |= self->v[i]->anchor;
		path_cert_free(&self->v[i]); /* the later one: no link leads to it yet */
	}
	self->count = n;
	self->sorted = true;
}

enum cs_err path_pool_add(struct path_pool *self, struct cs_bytes der, bool anchor)
{
	CS_AUTO(path_cert_free) struct path_cert *cert = NULL;

	if (self->count == PATH_POOL_MAX)
		return CS_EFULL;
	CS_TRY(path_cert_read(der, &cert));
	if (self->count == self->room) {
		const size_t room = self->room != 0 ? 2 * self->room : 64;
		struct path_cert **more = realloc(self->v, room * sizeof(*more));
		if (more == NULL)
			return CS_ENOMEM;
		self->v = more;
		self->room = room;
	}
	cert->anchor = anchor;
	cert->home = self;
	cert->turn = self->turns++;
	self->v[self->count++] = CS_STEAL(cert);
	self->sorted = false;
	return CS_OK;
}

void path_pool_hide(struct path_pool *self, const char *id, bool hidden)
{
	char hex[65];

	for (size_t i = 0; i < self->count; i++) {
		cs_hex(self->v[i]->sha256, 32, hex);
		if (strncmp(hex, id, strlen(id)) == 0)
			self->v[i]->hidden = hidden;
	}
}

/* The first of [AT, END) that is not below NAME and SKI (NULL: any). */
static size_t lower_bound(const struct path_pool *self, size_t at, size_t end, unsigned long name,
        const struct cs_bytes *ski)
{
	while (at < end) {
		const size_t middle = at + (end - at) / 2;
		const struct path_cert *c = self->v[middle];
		const bool below = c->subject < name || (c->subject == name && ski != NULL &&
		                                                by_bytes(c->ski, *ski) < 0);
		if (below)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

enum cs_err path_pool_find(struct path_pool *self, unsigned long name, size_t *at, size_t *end)
{
	sort(self);
	*at = lower_bound(self, 0, self->count, name, NULL);
	for (*end = *at; *end < self->count && self->v[*end]->subject == name;)
		++*end;
	return *at < *end ? CS_OK : CS_ENOTFOUND;
}

void path_pool_narrow(struct path_pool *self, struct cs_bytes ski, size_t *at, size_t *end)
{
	if (*at == *end)
		return;
	const size_t first = lower_bound(self, *at, *end, self->v[*at]->subject, &ski);
	size_t last = first;

	while (last < *end && by_bytes(self->v[last]->ski, ski) == 0)
		last++;
	*at = first;
	*end = last;
}

struct path_cert *path_pool_same(struct path_pool *self, const struct path_cert *leaf)
{
	size_t at, end;

	if (path_pool_find(self, leaf->subject, &at, &end) != CS_OK)
		return NULL;
	for (; at < end; at++)
		if (memcmp(self->v[at]->sha256, leaf->sha256, 32) == 0)
			return self->v[at];
	return NULL;
}
