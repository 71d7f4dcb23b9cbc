/* store/db/record.c: the bytes of an object and of a commit in their tables (table.h). */
#include <string.h>
#include "store/db/table.h"

struct object_key object_key_of(uint32_t kind, const char *id)
{
	struct object_key key = { .n = 4 + strnlen(id, CS_ID_MAX) };

	put_be32(key.bytes, kind);
	memcpy(key.bytes + 4, id, key.n - 4);
	return key;
}

MDB_val object_key_val(const struct object_key *key)
{
	return val_of(key->bytes, key->n);
}

enum cs_err object_key_read(MDB_val key, uint32_t *kind, char *id)
{
	if (key.mv_size <= 4 || key.mv_size > 4 + CS_ID_MAX)
		return CS_ECORRUPT;
	*kind = get_be32(key.mv_data);
	memcpy(id, (const uint8_t *)key.mv_data + 4, key.mv_size - 4);
	id[key.mv_size - 4] = '\0';
	return strlen(id) == key.mv_size - 4 ? CS_OK : CS_ECORRUPT;
}

enum cs_err object_read(
        struct state *self, uint32_t kind, const char *id, MDB_val record, struct wire_object *out)
{
	const uint8_t *p = record.mv_data;
	uint8_t mac[HASH_N];

	if (record.mv_size < OBJECT_HEAD || p[16] > 1)
		return CS_ECORRUPT;
	*out = (struct wire_object){ .kind = kind,
		.id = id,
		.seq = get_be64(p),
		.epoch = get_be64(p + 8),
		.tombstone = p[16] == 1 };
	if (!out->tombstone) {
		out->sha256 = (struct cs_bytes){ p + 17, HASH_N };
		out->payload = (struct cs_bytes){ p + OBJECT_HEAD, record.mv_size - OBJECT_HEAD };
	}
	hash_envelope(self->digest_key, out, mac);
	return memcmp(mac, p + 17 + HASH_N, OBJECT_CHECK) == 0 ? CS_OK : CS_ECORRUPT;
}

enum cs_err object_check_payload(const struct wire_object *object)
{
	uint8_t sum[HASH_N];

	if (object->tombstone)
		return object->payload.n == 0 && object->sha256.n == 0 ? CS_OK : CS_ECORRUPT;
	if (object->sha256.n != HASH_N)
		return CS_ECORRUPT;
	hash_sha256(object->payload, sum);
	return memcmp(sum, object->sha256.p, HASH_N) == 0 ? CS_OK : CS_ECORRUPT;
}

static enum cs_err bytes_copy(struct cs_bytes in, struct cs_arena *arena, struct cs_bytes *out)
{
	uint8_t *p = cs_arena_take(arena, in.n);

	if (p == NULL)
		return CS_ENOMEM;
	if (in.n > 0)
		memcpy(p, in.p, in.n);
	*out = (struct cs_bytes){ p, in.n };
	return CS_OK;
}

enum cs_err object_copy(
        const struct wire_object *object, struct cs_arena *arena, struct wire_object *out)
{
	struct wire_object copy = *object;

	copy.id = cs_arena_text(arena, object->id, strlen(object->id));
	if (copy.id == NULL)
		return CS_ENOMEM;
	CS_TRY(bytes_copy(object->sha256, arena, &copy.sha256));
	CS_TRY(bytes_copy(object->payload, arena, &copy.payload));
	*out = copy;
	return CS_OK;
}

/* --- commits --- */

#define COMMIT_HEAD (HASH_N + HASH_N + 16 + 8)

enum cs_err commit_read(
        uint64_t seq, MDB_val record, struct cs_arena *arena, struct wire_commit *out)
{
	const uint8_t *p = record.mv_data;

	if (record.mv_size < COMMIT_HEAD || record.mv_size > COMMIT_HEAD + CS_ID_MAX)
		return CS_ECORRUPT;
	*out = (struct wire_commit){ .seq = seq, .at_ms = get_be64(p + 2 * HASH_N + 16) };
	CS_TRY(bytes_copy((struct cs_bytes){ p, HASH_N }, arena, &out->digest));
	CS_TRY(bytes_copy((struct cs_bytes){ p + HASH_N, HASH_N }, arena, &out->chain));
	CS_TRY(bytes_copy((struct cs_bytes){ p + 2 * HASH_N, 16 }, arena, &out->request));
	out->actor =
	        cs_arena_text(arena, (const char *)p + COMMIT_HEAD, record.mv_size - COMMIT_HEAD);
	return out->actor != NULL ? CS_OK : CS_ENOMEM;
}

enum cs_err commit_get(struct state *self, MDB_txn *txn, uint64_t seq, struct cs_arena *arena,
        struct wire_commit *out)
{
	uint8_t key[8];
	MDB_val record;

	put_be64(key, seq);
	CS_TRY(table_get(self, txn, T_COMMITS, val_of(key, sizeof(key)), &record));
	return commit_read(seq, record, arena, out);
}

static bool request_given(struct cs_bytes request)
{
	static const uint8_t none[16];

	return request.n == sizeof(none) && memcmp(request.p, none, sizeof(none)) != 0;
}

enum cs_err commit_put(struct state *self, MDB_txn *txn, const struct wire_commit *commit)
{
	uint8_t key[8], record[COMMIT_HEAD + CS_ID_MAX] = { 0 };
	const char *actor = commit->actor != NULL ? commit->actor : "";
	const size_t actor_n = strnlen(actor, CS_ID_MAX);

	put_be64(key, commit->seq);
	memcpy(record, commit->digest.p, HASH_N);
	memcpy(record + HASH_N, commit->chain.p, HASH_N);
	if (request_given(commit->request)) {
		memcpy(record + 2 * HASH_N, commit->request.p, 16);
		CS_TRY(table_put(self, txn, T_REQUESTS, val_of(commit->request.p, 16),
		        val_of(key, sizeof(key))));
	}
	put_be64(record + 2 * HASH_N + 16, commit->at_ms);
	memcpy(record + COMMIT_HEAD, actor, actor_n);
	return table_put(self, txn, T_COMMITS, val_of(key, sizeof(key)),
	        val_of(record, COMMIT_HEAD + actor_n));
}

/* Drops the commit under CURSOR and its request id, unless a younger commit has the same one. */
static enum cs_err commit_drop(
        struct state *self, MDB_txn *txn, MDB_cursor *cursor, MDB_val key, MDB_val record)
{
	uint8_t request[16];
	MDB_val seq;

	if (record.mv_size < COMMIT_HEAD || key.mv_size != 8)
		return CS_ECORRUPT;
	memcpy(request, (const uint8_t *)record.mv_data + 2 * HASH_N, sizeof(request));
	const MDB_val id = val_of(request, sizeof(request));
	const enum cs_err rc = table_get(self, txn, T_REQUESTS, id, &seq);
	if (rc != CS_OK && rc != CS_ENOTFOUND)
		return rc;
	if (rc == CS_OK && seq.mv_size == 8 && memcmp(seq.mv_data, key.mv_data, 8) == 0)
		CS_TRY(table_del(self, txn, T_REQUESTS, id));
	return env_err(mdb_cursor_del(cursor, 0));
}

enum cs_err commit_trim(struct state *self, MDB_txn *txn)
{
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	size_t n;
	MDB_val key, record;

	CS_TRY(table_count(self, txn, T_COMMITS, &n));
	CS_TRY(cursor_open(self, txn, T_COMMITS, &cursor));
	for (; n > COMMITS_KEPT; n--) {
		CS_TRY(env_err(mdb_cursor_get(cursor, &key, &record, MDB_FIRST)));
		CS_TRY(commit_drop(self, txn, cursor, key, record));
	}
	return CS_OK;
}

enum cs_err commit_log_from(struct state *self, MDB_txn *txn, uint64_t *out)
{
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	MDB_val key, record;

	*out = 0;
	CS_TRY(cursor_open(self, txn, T_COMMITS, &cursor));
	const enum cs_err rc = env_err(mdb_cursor_get(cursor, &key, &record, MDB_FIRST));
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (key.mv_size != 8)
		return CS_ECORRUPT;
	*out = get_be64(key.mv_data);
	return CS_OK;
}
