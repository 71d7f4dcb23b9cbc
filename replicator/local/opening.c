#include "replicator/local/opening.h"
#include <stdlib.h>
#include <string.h>
#include "proto/base/log.h"

#define SCAN_BYTES (1u << 20)
#define SCAN_ARENA (16u << 20)
#define RESULTS_MAX 256

enum stage { TO_ASK, ASKED, FAILED };
struct entry {
	char id[CS_ID_MAX + 1];
	uint64_t seq;
	enum stage stage;
};
struct result {
	char id[CS_ID_MAX + 1];
	struct cs_buf wrapped;
};
struct opening {
	struct entry *entries; /* bundles that are not opened */
	size_t count, room;
	struct result results[RESULTS_MAX];
	size_t result_count;
	uint64_t scanned;
};

enum cs_err opening_new(struct opening **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

static void drop_results(struct opening *self)
{
	for (size_t i = 0; i < self->result_count; i++)
		cs_buf_free(&self->results[i].wrapped);
	self->result_count = 0;
}

void opening_free(struct opening **self)
{
	if (*self == NULL)
		return;
	drop_results(*self);
	free((*self)->entries);
	free(*self);
	*self = NULL;
}

static struct entry *find(struct opening *self, const char *id)
{
	for (size_t i = 0; i < self->count; i++)
		if (strcmp(self->entries[i].id, id) == 0)
			return &self->entries[i];
	return NULL;
}

static void drop(struct opening *self, struct entry *entry)
{
	*entry = self->entries[--self->count];
}

static enum cs_err add(struct opening *self, const struct wire_object *o)
{
	if (find(self, o->id) != NULL)
		return CS_OK;
	if (self->count == self->room) {
		const size_t room = self->room != 0 ? 2 * self->room : 64;
		struct entry *v = realloc(self->entries, room * sizeof(*v));
		if (v == NULL)
			return CS_ENOMEM;
		self->entries = v;
		self->room = room;
	}
	struct entry *e = &self->entries[self->count++];
	*e = (struct entry){ .seq = o->seq, .stage = TO_ASK };
	memcpy(e->id, o->id, strlen(o->id) + 1);
	return CS_OK;
}

static enum cs_err see(struct opening *self, struct state *state, const struct wire_object *o)
{
	CS_AUTO(cs_buf_free) struct cs_buf wrapped = cs_buf_new(16384);

	if (o->kind != OBJECT_BUNDLE || strlen(o->id) > CS_ID_MAX)
		return CS_OK;
	const enum cs_err rc = state_local_get(state, LOCAL_KEYS, o->id, &wrapped);
	struct entry *e = find(self, o->id);
	if (o->tombstone) {
		if (e != NULL)
			drop(self, e);
		return rc == CS_OK ? state_local_put(
		                             state, LOCAL_KEYS, o->id, (struct cs_bytes){ NULL, 0 })
		                   : CS_OK;
	}
	return rc == CS_ENOTFOUND ? add(self, o) : rc;
}

enum cs_err opening_scan(struct opening *self, struct state *state)
{
	uint64_t to = self->scanned, head = to + 1;

	while (to < head) {
		CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
		const struct wire_object *objects;
		size_t n;
		CS_TRY(cs_arena_new(SCAN_ARENA, &arena));
		CS_TRY(state_since(
		        state, self->scanned, SCAN_BYTES, arena, &objects, &n, &to, &head));
		for (size_t i = 0; i < n; i++)
			CS_TRY(see(self, state, &objects[i]));
		self->scanned = to;
	}
	return CS_OK;
}

void opening_again(struct opening *self)
{
	for (size_t i = 0; i < self->count; i++)
		self->entries[i].stage = TO_ASK;
}

size_t opening_take(struct opening *self, const char **ids, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < self->count && n < max; i++) {
		if (self->entries[i].stage != TO_ASK)
			continue;
		self->entries[i].stage = ASKED;
		ids[n++] = self->entries[i].id;
	}
	return n;
}

enum cs_err opening_opened(struct opening *self, const struct wire_opened *opened)
{
	struct entry *e = find(self, opened->bundle);

	if (e == NULL)
		return CS_OK;
	if (opened->error[0] != '\0') {
		cs_log_with(CS_LOG_WARNING,
		        (struct cs_log_fields){ .cert = opened->bundle, .seq = e->seq },
		        "keyd cannot open this bundle: %s; it is stored, but not served from here",
		        opened->error);
		e->stage = FAILED;
		return CS_OK;
	}
	if (opened->wrapped.n != 0 && self->result_count < RESULTS_MAX) {
		struct result *r = &self->results[self->result_count];
		*r = (struct result){ .wrapped = cs_buf_new(16384) };
		memcpy(r->id, e->id, sizeof(r->id));
		CS_TRY(cs_buf_add(&r->wrapped, opened->wrapped.p, opened->wrapped.n));
		self->result_count++;
	} /* else: opened again after the next start, which is slower and no more */
	drop(self, e);
	return CS_OK;
}

bool opening_holds_results(const struct opening *self)
{
	return self->result_count != 0;
}

enum cs_err opening_flush(struct opening *self, struct state *state)
{
	struct state_pair pairs[RESULTS_MAX];

	for (size_t i = 0; i < self->result_count; i++)
		pairs[i] = (struct state_pair){ self->results[i].id,
			cs_buf_view(&self->results[i].wrapped) };
	const enum cs_err rc = self->result_count != 0 ? state_local_put_all(state, LOCAL_KEYS,
	                                                         pairs, self->result_count)
	                                               : CS_OK;
	drop_results(self);
	return rc;
}

uint64_t opening_loaded(const struct opening *self)
{
	uint64_t seq = self->scanned;

	for (size_t i = 0; i < self->count; i++)
		if (self->entries[i].stage != FAILED && self->entries[i].seq <= seq)
			seq = self->entries[i].seq - 1;
	return seq;
}

uint64_t opening_unopened(const struct opening *self)
{
	uint64_t n = 0;

	for (size_t i = 0; i < self->count; i++)
		n += self->entries[i].stage == FAILED;
	return n;
}
