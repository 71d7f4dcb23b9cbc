#include "node/keyd/keybox.h"
#include <stdlib.h>
#include <string.h>

struct slot {
	char id[SIGN_KEY_ID];
	struct signkey *key;
	struct slot *chain; /* of its bucket */
	struct slot *newer, *older;
};

struct keybox {
	size_t count, capacity, mask;
	struct slot *newest, *oldest;
	struct slot **buckets;
	size_t swept; /* bucket at which the next sweep begins */
};

enum cs_err keybox_new(size_t capacity, struct keybox **out)
{
	struct keybox *self = calloc(1, sizeof(*self));
	size_t buckets = 16;

	*out = NULL;
	while (buckets < 2 * capacity)
		buckets *= 2;
	if (self != NULL)
		self->buckets = calloc(buckets, sizeof(struct slot *));
	if (self == NULL || self->buckets == NULL) {
		free(self);
		return CS_ENOMEM;
	}
	self->capacity = capacity;
	self->mask = buckets - 1;
	*out = self;
	return CS_OK;
}

/* FNV-1a. Ids are hashes already and come from the store: nobody outside can aim at one bucket. */
static struct slot **bucket(struct keybox *self, const char *id)
{
	uint64_t h = 14695981039346656037u;

	for (; *id != '\0'; id++)
		h = (h ^ (uint8_t)*id) * 1099511628211u;
	return &self->buckets[(h ^ h >> 32) & self->mask];
}

static struct slot *look(struct keybox *self, const char *id)
{
	struct slot *s = *bucket(self, id);

	while (s != NULL && strcmp(s->id, id) != 0)
		s = s->chain;
	return s;
}

static void unlink_age(struct keybox *self, struct slot *s)
{
	*(s->newer != NULL ? &s->newer->older : &self->newest) = s->older;
	*(s->older != NULL ? &s->older->newer : &self->oldest) = s->newer;
	s->newer = s->older = NULL;
}

static void link_newest(struct keybox *self, struct slot *s)
{
	s->older = self->newest;
	*(self->newest != NULL ? &self->newest->newer : &self->oldest) = s;
	self->newest = s;
}

static void drop(struct keybox *self, struct slot *s)
{
	struct slot **at = bucket(self, s->id);

	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	unlink_age(self, s);
	signkey_free(&s->key);
	free(s);
	self->count--;
}

struct signkey *keybox_find(struct keybox *self, const char *id)
{
	struct slot *s = look(self, id);

	if (s == NULL)
		return NULL;
	if (s != self->newest) {
		unlink_age(self, s);
		link_newest(self, s);
	}
	return s->key;
}

enum cs_err keybox_put(struct keybox *self, const char *id, bool hot, struct signkey **key)
{
	CS_AUTO(signkey_free) struct signkey *taken = CS_STEAL(*key);

	if (strlen(id) >= SIGN_KEY_ID)
		return CS_ETOOBIG;
	if (look(self, id) != NULL || (!hot && self->count >= self->capacity))
		return CS_OK;
	struct slot *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return CS_ENOMEM;
	if (self->count >= self->capacity)
		drop(self, self->oldest);
	memcpy(s->id, id, strlen(id) + 1);
	s->key = CS_STEAL(taken);
	struct slot **at = bucket(self, id);
	s->chain = *at;
	*at = s;
	link_newest(self, s);
	self->count++;
	return CS_OK;
}

static size_t sweep_bucket(struct keybox *self, struct slot *s, keybox_keep_fn *keep, void *data)
{
	size_t seen = 0;

	while (s != NULL) {
		struct slot *next = s->chain;
		if (!keep(data, s->id))
			drop(self, s);
		s = next;
		seen++;
	}
	return seen;
}

void keybox_sweep(struct keybox *self, size_t n, keybox_keep_fn *keep, void *data)
{
	size_t seen = 0;

	for (size_t i = 0; i <= self->mask && seen < n; i++) {
		seen += sweep_bucket(self, self->buckets[self->swept], keep, data);
		self->swept = (self->swept + 1) & self->mask;
	}
}

size_t keybox_count(const struct keybox *self)
{
	return self->count;
}

void keybox_clear(struct keybox *self)
{
	while (self->oldest != NULL)
		drop(self, self->oldest);
}

void keybox_free(struct keybox **self)
{
	if (*self == NULL)
		return;
	keybox_clear(*self);
	free((*self)->buckets);
	free(*self);
	*self = NULL;
}
