/* store/db/read.c: objects by name, by kind and by seq. */
#include <string.h>
#include "proto/base/text.h"
#include "store/db/scan.h"
#include "store/db/table.h"

/* The record that KEY names, checked to the last byte; ID: CS_ID_MAX + 1 bytes that outlive OUT. */
static enum cs_err object_load(
        struct state *self, MDB_val key, MDB_val record, char *id, struct wire_object *out)
{
	uint32_t kind;

	CS_TRY(object_key_read(key, &kind, id));
	CS_TRY(object_read(self, kind, id, record, out));
	return object_check_payload(out);
}

enum cs_err state_get(struct state *self, uint32_t kind, const char *id, struct cs_arena *arena,
        struct wire_object *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	const struct object_key key = object_key_of(kind, id);
	char checked[CS_ID_MAX + 1];
	struct wire_object found;
	MDB_val record;

	if (!cs_id_ok(id))
		return CS_ENOTFOUND;
	CS_TRY(txn_read(self, &txn));
	CS_TRY(table_get(self, txn, T_OBJECTS, object_key_val(&key), &record));
	CS_TRY(object_load(self, object_key_val(&key), record, checked, &found));
	return found.tombstone ? CS_ENOTFOUND : object_copy(&found, arena, out);
}

enum cs_err state_each(
        struct state *self, uint32_t kind, const char *after, state_object_fn *fn, void *data)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	const struct object_key start = object_key_of(kind, after);
	char id[CS_ID_MAX + 1];
	struct wire_object object;
	MDB_val key = object_key_val(&start), record;

	CS_TRY(txn_read(self, &txn));
	CS_TRY(cursor_open(self, txn, T_OBJECTS, &cursor));
	int rc = mdb_cursor_get(cursor, &key, &record, MDB_SET_RANGE);
	for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) {
		CS_TRY(object_load(self, key, record, id, &object));
		if (object.kind != kind)
			return CS_OK;
		if (!object.tombstone && strcmp(id, after) != 0)
			CS_TRY(fn(data, &object));
	}
	return rc == MDB_NOTFOUND ? CS_OK : env_err(rc);
}

enum cs_err state_since(struct state *self, uint64_t from, size_t max_bytes, struct cs_arena *arena,
        const struct wire_object **out, size_t *count, uint64_t *to, uint64_t *head)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct state_position position;
	struct scan_range range = { .from = from, .max_bytes = max_bytes, .max_count = SIZE_MAX };

	CS_TRY(txn_read(self, &txn));
	CS_TRY(head_position(self, txn, &position));
	CS_TRY(scan_plan(self, txn, position.seq, &range));
	CS_TRY(scan_objects(self, txn, &range, arena, out, count));
	*to = range.to;
	*head = position.seq;
	return CS_OK;
}

enum cs_err state_find_request(struct state *self, const uint8_t request[16], uint64_t *seq)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	MDB_val val;

	CS_TRY(txn_read(self, &txn));
	CS_TRY(table_get(self, txn, T_REQUESTS, val_of(request, 16), &val));
	if (val.mv_size != 8)
		return CS_ECORRUPT;
	*seq = get_be64(val.mv_data);
	return CS_OK;
}

static enum cs_err keys_each(MDB_cursor *cursor, uint64_t from, state_key_fn *fn, void *data)
{
	char id[CS_ID_MAX + 1];
	uint8_t start[8];
	uint32_t kind;
	MDB_val key = val_of(start, sizeof(start)), val;

	put_be64(start, from + 1);
	int rc = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
	for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) {
		if (key.mv_size <= 8)
			return CS_ECORRUPT;
		const MDB_val name = val_of((const uint8_t *)key.mv_data + 8, key.mv_size - 8);
		CS_TRY(object_key_read(name, &kind, id));
		CS_TRY(fn(data, kind, id));
	}
	return rc == MDB_NOTFOUND ? CS_OK : env_err(rc);
}

enum cs_err state_keys_since(struct state *self, uint64_t from, state_key_fn *fn, void *data,
        struct state_position *head)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;

	CS_TRY(txn_read(self, &txn));
	CS_TRY(head_position(self, txn, head));
	CS_TRY(cursor_open(self, txn, T_BY_SEQ, &cursor));
	return keys_each(cursor, from, fn, data);
}
