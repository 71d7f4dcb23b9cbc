/* store/db/verify.c: the scrub: everything that can be recomputed is. */
#include <stdlib.h>
#include <string.h>
#include "proto/base/log.h"
#include "store/db/table.h"

struct verify {
	struct state *state;
	MDB_txn *txn;
	uint64_t live;
	size_t objects;
	uint8_t total[HASH_N], bucket[256][HASH_N];
};

static enum cs_err damaged(const char *what, const char *which)
{
	cs_error("state store damaged: %s %s", what, which);
	return CS_ECORRUPT;
}

static enum cs_err by_seq_check(
        struct verify *self, const struct object_key *key, const struct wire_object *object)
{
	uint8_t at[8 + 4 + CS_ID_MAX];
	MDB_val val;

	put_be64(at, object->seq);
	memcpy(at + 8, key->bytes, key->n);
	const enum cs_err rc =
	        table_get(self->state, self->txn, T_BY_SEQ, val_of(at, 8 + key->n), &val);
	if (rc == CS_ENOTFOUND)
		return damaged("not in by_seq:", object->id);
	CS_TRY(rc);
	const bool right =
	        val.mv_size == 1 && *(const uint8_t *)val.mv_data == (object->tombstone ? 1 : 0);
	return right ? CS_OK : damaged("wrong in by_seq:", object->id);
}

static enum cs_err object_verify(struct verify *self, MDB_val raw, MDB_val record)
{
	char id[CS_ID_MAX + 1];
	uint8_t mac[HASH_N];
	uint32_t kind;
	struct wire_object object;

	if (object_key_read(raw, &kind, id) != CS_OK)
		return damaged("a key of", "objects");
	const struct object_key key = object_key_of(kind, id);
	if (object_read(self->state, kind, id, record, &object) != CS_OK)
		return damaged("envelope of", id);
	if (object_check_payload(&object) != CS_OK)
		return damaged("payload of", id);
	hash_envelope(self->state->digest_key, &object, mac);
	hash_add(self->total, mac);
	hash_add(self->bucket[hash_bucket(kind, id)], mac);
	self->objects++;
	self->live += object.tombstone ? 0 : 1;
	return by_seq_check(self, &key, &object);
}

static enum cs_err objects_verify(struct verify *self)
{
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	MDB_val key, record;
	size_t in_by_seq;

	CS_TRY(cursor_open(self->state, self->txn, T_OBJECTS, &cursor));
	int rc = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
	for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT))
		CS_TRY(object_verify(self, key, record));
	if (rc != MDB_NOTFOUND)
		return env_err(rc);
	CS_TRY(table_count(self->state, self->txn, T_BY_SEQ, &in_by_seq));
	return in_by_seq == self->objects ? CS_OK
	                                  : damaged("entries without an object in", "by_seq");
}

static enum cs_err bucket_verify(struct verify *self, unsigned b)
{
	const uint8_t key = (uint8_t)b;
	uint8_t stored[HASH_N] = { 0 };
	MDB_val val;

	const enum cs_err rc = table_get(self->state, self->txn, T_BUCKETS, val_of(&key, 1), &val);
	if (rc != CS_OK && rc != CS_ENOTFOUND)
		return rc;
	if (rc == CS_OK && val.mv_size == HASH_N)
		memcpy(stored, val.mv_data, HASH_N);
	return memcmp(stored, self->bucket[b], HASH_N) == 0
	               ? CS_OK
	               : damaged("content digest:", "a bucket");
}

static enum cs_err digest_verify(struct verify *self)
{
	struct cs_bytes v;

	for (unsigned b = 0; b < 256; b++)
		CS_TRY(bucket_verify(self, b));
	const enum cs_err rc = head_get(self->state, self->txn, "digest", &v);
	if (rc == CS_ENOTFOUND)
		return self->objects == 0 ? CS_OK : damaged("content digest:", "missing");
	if (rc != CS_OK || v.n != HASH_N + 8)
		return damaged("content digest:", "total");
	const bool right =
	        memcmp(v.p, self->total, HASH_N) == 0 && get_be64(v.p + HASH_N) == self->live;
	return right ? CS_OK : damaged("content digest:", "total");
}

/* Each commit's chain follows from the one before it; the last is the position's. */
static enum cs_err chain_verify(
        struct verify *self, const struct reigns *reigns, struct state_position *at)
{
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	uint8_t chain[HASH_N] = { 0 };
	uint64_t seq = 0;
	MDB_val key, record;

	CS_TRY(cursor_open(self->state, self->txn, T_COMMITS, &cursor));
	int rc = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
	for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) {
		const uint8_t *p = record.mv_data;
		if (key.mv_size != 8 || record.mv_size < 2 * HASH_N)
			return damaged("a record of", "commits");
		const bool first = seq == 0 && get_be64(key.mv_data) > 1;
		seq = get_be64(key.mv_data);
		const struct wire_reign *reign = reigns_of_seq(reigns, seq);
		if (reign == NULL || reign->history.n != 16)
			return damaged("reign of a record of", "commits");
		if (first) /* older commits are gone from the log */
			memcpy(chain, p + HASH_N, HASH_N);
		else
			hash_chain(chain, reign->history.p, seq, p);
		if (memcmp(chain, p + HASH_N, HASH_N) != 0)
			return damaged("chain of", "commits");
	}
	if (rc != MDB_NOTFOUND)
		return env_err(rc);
	return seq == at->seq && memcmp(chain, at->chain, HASH_N) == 0
	               ? CS_OK
	               : damaged("chain of", "the position");
}

enum cs_err state_verify(struct state *self)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct verify verify = { .state = self };
	struct state_position position;
	struct reigns reigns;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(txn_read(self, &txn));
	verify.txn = txn;
	CS_TRY(head_position(self, txn, &position));
	CS_TRY(reigns_read(self, txn, arena, &reigns));
	CS_TRY(objects_verify(&verify));
	CS_TRY(digest_verify(&verify));
	return chain_verify(&verify, &reigns, &position);
}
