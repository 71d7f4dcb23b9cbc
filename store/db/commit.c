/* store/db/commit.c: the leader's commits: several writes, each its own seq, in one durable
 * transaction. */
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"
#include "store/db/table.h"

struct sorted {
	struct wire_object *v; /* in order of their keys */
	const struct wire_object **p;
	uint8_t (*sha256)[HASH_N];
	size_t n;
};

static void sorted_free(struct sorted *self)
{
	free(self->v);
	free(self->p);
	free(self->sha256);
}

static int by_key(const void *a, const void *b)
{
	const struct wire_object *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->id, y->id);
}

static enum cs_err change_check(const struct state_change *change, size_t *total)
{
	if (change->kind == 0 || change->kind >= OBJECT_KIND_END || !cs_id_ok(change->id))
		return CS_EMALFORMED;
	if (change->tombstone ? change->payload.n > 0 : change->payload.n > CS_OBJECT_MAX)
		return CS_ETOOBIG;
	*total += change->payload.n + sizeof(struct wire_object);
	return *total <= COMMIT_BYTES_MAX ? CS_OK : CS_ETOOBIG;
}

static enum cs_err sorted_check(const struct sorted *self)
{
	for (size_t i = 1; i < self->n; i++)
		if (by_key(&self->v[i - 1], &self->v[i]) == 0)
			return CS_EMALFORMED; /* one object twice in one commit */
	return CS_OK;
}

static enum cs_err sorted_of(const struct state_write *write, uint64_t seq, struct sorted *out)
{
	size_t total = 0;

	if (write->count > CS_COMMIT_OBJECTS_MAX)
		return CS_ETOOBIG;
	out->n = write->count;
	out->v = calloc(out->n + 1, sizeof(*out->v));
	out->p = calloc(out->n + 1, sizeof(*out->p));
	out->sha256 = calloc(out->n + 1, sizeof(*out->sha256));
	if (out->v == NULL || out->p == NULL || out->sha256 == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < out->n; i++) {
		const struct state_change *c = &write->changes[i];
		CS_TRY(change_check(c, &total));
		out->v[i] = (struct wire_object){ .kind = c->kind,
			.id = c->id,
			.seq = seq,
			.epoch = write->epoch,
			.tombstone = c->tombstone,
			.payload = c->payload };
	}
	qsort(out->v, out->n, sizeof(*out->v), by_key);
	for (size_t i = 0; i < out->n; i++) {
		out->p[i] = &out->v[i];
		if (out->v[i].tombstone)
			continue;
		hash_sha256(out->v[i].payload, out->sha256[i]);
		out->v[i].sha256 = (struct cs_bytes){ out->sha256[i], HASH_N };
	}
	return sorted_check(out);
}

static enum cs_err objects_put(struct change *change, const struct sorted *objects)
{
	uint64_t floor = 0;

	for (size_t i = 0; i < objects->n; i++) {
		CS_TRY(change_put(change, &objects->v[i]));
		const enum cs_err rc = floor_of(&objects->v[i], &floor);
		if (rc != CS_OK && rc != CS_ENOTFOUND)
			return rc;
		if (rc == CS_OK && floor < change->floor)
			return CS_EMALFORMED; /* it only rises: dropped tombstones do not come back
			                       */
	}
	return change_floor(change, floor);
}

static enum cs_err write_one(
        struct change *change, const struct wire_reign *reign, const struct state_write *write)
{
	CS_AUTO(sorted_free) struct sorted objects = { 0 };
	struct state_position *at = &change->position;
	const uint64_t seq = at->seq < reign->first_seq ? reign->first_seq : at->seq + 1;
	uint8_t digest[HASH_N];

	if (write->epoch != reign->epoch)
		return CS_ECONFLICT;
	CS_TRY(sorted_of(write, seq, &objects));
	CS_TRY(objects_put(change, &objects));
	hash_commit(objects.p, objects.n, digest);
	memcpy(at->history, reign->history.p, sizeof(at->history));
	at->seq = seq;
	hash_chain(at->chain, at->history, seq, digest);
	const struct wire_commit commit = { .seq = seq,
		.digest = { digest, HASH_N },
		.chain = { at->chain, HASH_N },
		.request = { write->request, sizeof(write->request) },
		.at_ms = write->at_ms,
		.actor = write->actor };
	return commit_put(change->state, change->txn, &commit);
}

enum cs_err state_commit(struct state *self, const struct state_write *writes, size_t count,
        struct state_position *out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(change_abort) struct change change;
	struct reigns reigns;

	CS_TRY(change_begin(self, &change));
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(reigns_read(self, change.txn, arena, &reigns));
	if (reigns.n == 0 || reigns.v[reigns.n - 1].history.n != 16)
		return reigns.n == 0 ? CS_EBUG : CS_ECORRUPT; /* state_begin_reign comes first */
	for (size_t i = 0; i < count; i++)
		CS_TRY(write_one(&change, &reigns.v[reigns.n - 1], &writes[i]));
	CS_TRY(change_commit(&change));
	*out = change.position;
	return CS_OK;
}
