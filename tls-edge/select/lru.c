#include "tls-edge/select/lru.h"
#include <stdlib.h>

enum cs_err lru_init(struct lru *self, size_t max)
{
	size_t buckets = 16;

	while (buckets < max * 2)
		buckets *= 2;
	*self = (struct lru){ .max = max, .mask = buckets - 1 };
	self->buckets = calloc(buckets, sizeof(struct lru_item *));
	return self->buckets != NULL ? CS_OK : CS_ENOMEM;
}

struct lru_item *lru_first(const struct lru *self, uint64_t hash)
{
	return self->buckets[hash & self->mask];
}

static void unlist(struct lru *self, struct lru_item *item)
{
	*(item->newer != NULL ? &item->newer->older : &self->newest) = item->older;
	*(item->older != NULL ? &item->older->newer : &self->oldest) = item->newer;
}

static void list(struct lru *self, struct lru_item *item)
{
	item->newer = NULL;
	item->older = self->newest;
	*(self->newest != NULL ? &self->newest->newer : &self->oldest) = item;
	self->newest = item;
}

void lru_touch(struct lru *self, struct lru_item *item)
{
	if (self->newest == item)
		return;
	unlist(self, item);
	list(self, item);
}

struct lru_item *lru_pop(struct lru *self)
{
	struct lru_item *item = self->oldest;

	if (item == NULL)
		return NULL;
	struct lru_item **at = &self->buckets[item->hash & self->mask];
	while (*at != item)
		at = &(*at)->chain;
	*at = item->chain;
	unlist(self, item);
	self->count--;
	return item;
}

struct lru_item *lru_add(struct lru *self, uint64_t hash, struct lru_item *item)
{
	struct lru_item **bucket = &self->buckets[hash & self->mask];

	item->hash = hash;
	item->chain = *bucket;
	*bucket = item;
	list(self, item);
	return ++self->count > self->max ? lru_pop(self) : NULL;
}

void lru_done(struct lru *self)
{
	free(self->buckets);
	*self = (struct lru){ 0 };
}
