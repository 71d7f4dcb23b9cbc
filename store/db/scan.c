#include "store/db/scan.h"
#include <string.h>

#define OBJECT_COST 160 /* an object on the wire without its payload */
#define COMMIT_COST 256

/* A cursor over a table whose keys begin with a seq. */
struct walk {
	MDB_cursor *cursor;
	MDB_val key, val;
	uint64_t seq; /* UINT64_MAX: at the end */
};

static enum cs_err walk_set(struct walk *self, int rc)
{
	self->seq = UINT64_MAX;
	if (rc == MDB_NOTFOUND)
		return CS_OK;
	CS_TRY(env_err(rc));
	if (self->key.mv_size < 8)
		return CS_ECORRUPT;
	self->seq = get_be64(self->key.mv_data);
	return CS_OK;
}

static enum cs_err walk_next(struct walk *self)
{
	return walk_set(self, mdb_cursor_get(self->cursor, &self->key, &self->val, MDB_NEXT));
}

static enum cs_err walk_open(
        struct state *self, MDB_txn *txn, enum table table, uint64_t from, struct walk *out)
{
	uint8_t start[8];

	put_be64(start, from + 1);
	CS_TRY(cursor_open(self, txn, table, &out->cursor));
	out->key = val_of(start, sizeof(start));
	return walk_set(out, mdb_cursor_get(out->cursor, &out->key, &out->val, MDB_SET_RANGE));
}

static void walk_close(struct walk *self)
{
	cursor_close(&self->cursor);
}

static enum cs_err record_under(struct state *self, MDB_txn *txn, MDB_val by_seq, MDB_val *out)
{
	if (by_seq.mv_size <= 8 + 4)
		return CS_ECORRUPT;
	const MDB_val key = val_of((const uint8_t *)by_seq.mv_data + 8, by_seq.mv_size - 8);
	const enum cs_err rc = table_get(self, txn, T_OBJECTS, key, out);
	return rc == CS_ENOTFOUND ? CS_ECORRUPT : rc;
}

struct tally {
	size_t bytes, objects, commits;
};

/* Counts what belongs to the commit SEQ and moves both walks behind it. */
static enum cs_err tally_commit(struct state *self, MDB_txn *txn, uint64_t seq,
        struct walk *objects, struct walk *commits, struct tally *out)
{
	for (; objects->seq == seq; out->objects++) {
		MDB_val record;
		CS_TRY(record_under(self, txn, objects->key, &record));
		out->bytes += OBJECT_COST + record.mv_size;
		CS_TRY(walk_next(objects));
	}
	if (commits->cursor == NULL || commits->seq != seq)
		return CS_OK;
	out->bytes += COMMIT_COST;
	out->commits++;
	return walk_next(commits);
}

static bool fits(const struct scan_range *range, const struct tally *sum)
{
	return sum->bytes <= range->max_bytes && sum->objects <= range->max_count &&
	       sum->commits <= range->max_count;
}

enum cs_err scan_plan(struct state *self, MDB_txn *txn, uint64_t head, struct scan_range *range)
{
	CS_AUTO(walk_close) struct walk objects = { 0 };
	CS_AUTO(walk_close) struct walk commits = { .seq = UINT64_MAX };
	struct tally sum = { 0 };

	range->to = range->from;
	CS_TRY(walk_open(self, txn, T_BY_SEQ, range->from, &objects));
	if (range->with_commits)
		CS_TRY(walk_open(self, txn, T_COMMITS, range->from, &commits));
	while (objects.seq != UINT64_MAX || commits.seq != UINT64_MAX) {
		const uint64_t seq = objects.seq < commits.seq ? objects.seq : commits.seq;
		struct tally next = sum;
		CS_TRY(tally_commit(self, txn, seq, &objects, &commits, &next));
		if (range->to > range->from && !fits(range, &next))
			return CS_OK;
		sum = next;
		range->to = seq;
		range->objects = sum.objects;
		range->commits = sum.commits;
	}
	range->to = head > range->from ? head : range->from;
	return CS_OK;
}

static enum cs_err object_at(struct state *self, MDB_txn *txn, MDB_val by_seq,
        struct cs_arena *arena, struct wire_object *out)
{
	char id[CS_ID_MAX + 1];
	struct wire_object object;
	uint32_t kind;
	MDB_val record;

	CS_TRY(record_under(self, txn, by_seq, &record));
	CS_TRY(object_key_read(
	        val_of((const uint8_t *)by_seq.mv_data + 8, by_seq.mv_size - 8), &kind, id));
	CS_TRY(object_read(self, kind, id, record, &object));
	CS_TRY(object_check_payload(&object));
	if (object.seq != get_be64(by_seq.mv_data))
		return CS_ECORRUPT;
	return object_copy(&object, arena, out);
}

enum cs_err scan_objects(struct state *self, MDB_txn *txn, const struct scan_range *range,
        struct cs_arena *arena, const struct wire_object **out, size_t *count)
{
	CS_AUTO(walk_close) struct walk walk = { 0 };
	struct wire_object *v = cs_arena_take(arena, range->objects * sizeof(*v) + 1);

	if (v == NULL)
		return CS_ENOMEM;
	CS_TRY(walk_open(self, txn, T_BY_SEQ, range->from, &walk));
	for (size_t i = 0; i < range->objects; i++) {
		CS_TRY(object_at(self, txn, walk.key, arena, &v[i]));
		CS_TRY(walk_next(&walk));
	}
	*out = v;
	*count = range->objects;
	return CS_OK;
}

enum cs_err scan_commits(struct state *self, MDB_txn *txn, const struct scan_range *range,
        struct cs_arena *arena, const struct wire_commit **out, size_t *count)
{
	CS_AUTO(walk_close) struct walk walk = { 0 };
	struct wire_commit *v = cs_arena_take(arena, range->commits * sizeof(*v) + 1);

	if (v == NULL)
		return CS_ENOMEM;
	CS_TRY(walk_open(self, txn, T_COMMITS, range->from, &walk));
	for (size_t i = 0; i < range->commits; i++) {
		CS_TRY(commit_read(walk.seq, walk.val, arena, &v[i]));
		CS_TRY(walk_next(&walk));
	}
	*out = v;
	*count = range->commits;
	return CS_OK;
}
