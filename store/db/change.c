/* store/db/change.c: a write transaction over objects: record, by_seq and content digest move
 * together. */
#include <string.h>
#include "store/db/table.h"

#define DIGEST_HEAD (HASH_N + 8) /* total | live objects */

static enum cs_err change_load(struct change *self)
{
	struct cs_bytes v;

	CS_TRY(head_position(self->state, self->txn, &self->position));
	CS_TRY(head_number(self->state, self->txn, "floor", &self->floor));
	const enum cs_err rc = head_get(self->state, self->txn, "digest", &v);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (v.n != DIGEST_HEAD)
		return CS_ECORRUPT;
	memcpy(self->total, v.p, HASH_N);
	self->live = get_be64(v.p + HASH_N);
	return CS_OK;
}

enum cs_err change_begin(struct state *self, struct change *out)
{
	memset(out, 0, sizeof(*out));
	out->state = self;
	if (!self->has_key) /* state_create or META "digest-key" comes first */
		return CS_EBUG;
	CS_TRY(txn_write(self, &out->txn));
	const enum cs_err rc = change_load(out);
	if (rc != CS_OK)
		change_abort(out);
	return rc;
}

static enum cs_err bucket_load(struct change *self, unsigned b)
{
	const uint8_t key = (uint8_t)b;
	MDB_val val;

	if (self->loaded[b])
		return CS_OK;
	const enum cs_err rc = table_get(self->state, self->txn, T_BUCKETS, val_of(&key, 1), &val);
	if (rc != CS_OK && rc != CS_ENOTFOUND)
		return rc;
	if (rc == CS_OK) {
		if (val.mv_size != HASH_N)
			return CS_ECORRUPT;
		memcpy(self->bucket[b], val.mv_data, HASH_N);
	}
	self->loaded[b] = true;
	return CS_OK;
}

static enum cs_err digest_move(struct change *self, const struct wire_object *object,
        void (*move)(uint8_t sum[HASH_N], const uint8_t x[HASH_N]), uint8_t mac[HASH_N])
{
	const unsigned b = hash_bucket(object->kind, object->id);

	CS_TRY(bucket_load(self, b));
	hash_envelope(self->state->digest_key, object, mac);
	move(self->bucket[b], mac);
	move(self->total, mac);
	self->dirty[b] = true;
	return CS_OK;
}

struct by_seq_key {
	uint8_t bytes[8 + 4 + CS_ID_MAX];
	size_t n;
};

static struct by_seq_key by_seq_key_of(uint64_t seq, const struct object_key *key)
{
	struct by_seq_key out = { .n = 8 + key->n };

	put_be64(out.bytes, seq);
	memcpy(out.bytes + 8, key->bytes, key->n);
	return out;
}

/* Takes the present version out of by_seq and the digest; its record stays, to be overwritten or
 * deleted. */
static enum cs_err old_remove(
        struct change *self, const struct object_key *key, const struct wire_object *old)
{
	const struct by_seq_key at = by_seq_key_of(old->seq, key);
	uint8_t mac[HASH_N];

	if (!old->tombstone)
		self->live--;
	/* first: OLD views a page, which LMDB may spill and free at the next change */
	CS_TRY(digest_move(self, old, hash_sub, mac));
	return table_del(self->state, self->txn, T_BY_SEQ, val_of(at.bytes, at.n));
}

static enum cs_err old_replace(
        struct change *self, const struct object_key *key, const struct wire_object *object)
{
	struct wire_object old;
	MDB_val record;

	const enum cs_err rc =
	        table_get(self->state, self->txn, T_OBJECTS, object_key_val(key), &record);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	CS_TRY(object_read(self->state, object->kind, object->id, record, &old));
	if (old.seq >= object->seq)
		return CS_ECORRUPT;
	return old_remove(self, key, &old);
}

static void record_fill(uint8_t *p, const struct wire_object *object, const uint8_t mac[HASH_N])
{
	put_be64(p, object->seq);
	put_be64(p + 8, object->epoch);
	p[16] = object->tombstone ? 1 : 0;
	memset(p + 17, 0, HASH_N);
	if (!object->tombstone)
		memcpy(p + 17, object->sha256.p, HASH_N);
	memcpy(p + 17 + HASH_N, mac, OBJECT_CHECK);
	if (!object->tombstone && object->payload.n > 0)
		memcpy(p + OBJECT_HEAD, object->payload.p, object->payload.n);
}

enum cs_err change_put(struct change *self, const struct wire_object *object)
{
	const struct object_key key = object_key_of(object->kind, object->id);
	const struct by_seq_key at = by_seq_key_of(object->seq, &key);
	const uint8_t tombstone = object->tombstone ? 1 : 0;
	MDB_val k = object_key_val(&key);
	MDB_val v = { .mv_size = OBJECT_HEAD + (object->tombstone ? 0 : object->payload.n) };
	uint8_t mac[HASH_N];

	CS_TRY(old_replace(self, &key, object));
	CS_TRY(digest_move(self, object, hash_add, mac));
	CS_TRY(env_err(mdb_put(self->txn, self->state->table[T_OBJECTS], &k, &v, MDB_RESERVE)));
	record_fill(v.mv_data, object, mac);
	if (!object->tombstone)
		self->live++;
	return table_put(
	        self->state, self->txn, T_BY_SEQ, val_of(at.bytes, at.n), val_of(&tombstone, 1));
}

enum cs_err floor_of(const struct wire_object *object, uint64_t *out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_floor floor;

	if (object->kind != OBJECT_FLOOR || object->tombstone || strcmp(object->id, "floor") != 0)
		return CS_ENOTFOUND;
	CS_TRY(cs_arena_new(4096, &arena));
	CS_TRY(wire_decode(&wire_floor_type, object->payload, arena, &floor));
	*out = floor.seq;
	return floor.seq < object->seq
	               ? CS_OK
	               : CS_EMALFORMED; /* a tombstone must have been sent before it goes */
}

static enum cs_err tombstone_drop(struct change *self, const struct by_seq_key *at)
{
	char id[CS_ID_MAX + 1];
	uint32_t kind;
	struct wire_object old;
	MDB_val record;

	CS_TRY(object_key_read(val_of(at->bytes + 8, at->n - 8), &kind, id));
	const struct object_key key = object_key_of(kind, id);
	const enum cs_err rc =
	        table_get(self->state, self->txn, T_OBJECTS, object_key_val(&key), &record);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_ECORRUPT : rc;
	CS_TRY(object_read(self->state, kind, id, record, &old));
	if (!old.tombstone)
		return CS_ECORRUPT;
	CS_TRY(old_remove(self, &key, &old));
	return table_del(self->state, self->txn, T_OBJECTS, object_key_val(&key));
}

/* The by_seq keys of all tombstones up to FLOOR, one struct by_seq_key after the other. */
static enum cs_err tombstones_upto(struct change *self, uint64_t floor, struct cs_buf *out)
{
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	MDB_val key, val;

	CS_TRY(cursor_open(self->state, self->txn, T_BY_SEQ, &cursor));
	int rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST);
	for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) {
		struct by_seq_key at = { .n = key.mv_size };
		if (key.mv_size <= 8 || key.mv_size > sizeof(at.bytes) || val.mv_size != 1)
			return CS_ECORRUPT;
		if (get_be64(key.mv_data) > floor)
			return CS_OK;
		memcpy(at.bytes, key.mv_data, at.n);
		if (*(const uint8_t *)val.mv_data == 1)
			CS_TRY(cs_buf_add(out, &at, sizeof(at)));
	}
	return rc == MDB_NOTFOUND ? CS_OK : env_err(rc);
}

enum cs_err change_floor(struct change *self, uint64_t floor)
{
	CS_AUTO(cs_buf_free) struct cs_buf found = cs_buf_new(SIZE_MAX);

	if (floor <= self->floor)
		return CS_OK;
	CS_TRY(tombstones_upto(self, floor, &found));
	for (size_t i = 0; i < found.n; i += sizeof(struct by_seq_key)) {
		struct by_seq_key at;
		memcpy(&at, found.p + i, sizeof(at));
		CS_TRY(tombstone_drop(self, &at));
	}
	self->floor = floor;
	return CS_OK;
}

static enum cs_err digest_store(struct change *self)
{
	uint8_t v[DIGEST_HEAD];

	for (unsigned b = 0; b < 256; b++) {
		const uint8_t key = (uint8_t)b;
		if (!self->dirty[b])
			continue;
		CS_TRY(table_put(self->state, self->txn, T_BUCKETS, val_of(&key, 1),
		        val_of(self->bucket[b], HASH_N)));
	}
	memcpy(v, self->total, HASH_N);
	put_be64(v + HASH_N, self->live);
	return head_put(self->state, self->txn, "digest", (struct cs_bytes){ v, sizeof(v) });
}

enum cs_err change_commit(struct change *self)
{
	CS_TRY(digest_store(self));
	CS_TRY(commit_trim(self->state, self->txn));
	CS_TRY(head_put_position(self->state, self->txn, &self->position));
	CS_TRY(head_put_number(self->state, self->txn, "floor", self->floor));
	return txn_commit(self->state, &self->txn);
}

void change_abort(struct change *self)
{
	txn_abort(&self->txn);
}
