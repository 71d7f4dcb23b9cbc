/* store/db/reign.c: the line of reigns, the allegiance, and where a position stands to them
 * (replication.md R1, R4). */
#include <string.h>
#include "proto/base/log.h"
#include "store/db/table.h"

enum cs_err reigns_put(struct state *self, MDB_txn *txn, const struct wire_reign *reign)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(REIGN_MAX);
	uint8_t key[8];

	put_be64(key, reign->epoch);
	CS_TRY(wire_encode(&wire_reign_type, reign, &buf));
	return table_put(self, txn, T_REIGNS, val_of(key, sizeof(key)), val_of(buf.p, buf.n));
}

enum cs_err reigns_read(
        struct state *self, MDB_txn *txn, struct cs_arena *arena, struct reigns *out)
{
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	size_t n, i = 0;
	MDB_val key, val;

	CS_TRY(table_count(self, txn, T_REIGNS, &n));
	struct wire_reign *v = cs_arena_take(arena, n * sizeof(*v) + 1);
	if (v == NULL)
		return CS_ENOMEM;
	CS_TRY(cursor_open(self, txn, T_REIGNS, &cursor));
	int rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST);
	for (; rc == MDB_SUCCESS && i < n; i++) {
		const enum cs_err err = wire_decode(&wire_reign_type,
		        (struct cs_bytes){ val.mv_data, val.mv_size }, arena, &v[i]);
		if (err != CS_OK)
			return err == CS_ENOMEM ? err : CS_ECORRUPT;
		rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
	}
	*out = (struct reigns){ v, i };
	return rc == MDB_NOTFOUND || rc == MDB_SUCCESS ? CS_OK : env_err(rc);
}

const struct wire_reign *reigns_of_seq(const struct reigns *reigns, uint64_t seq)
{
	for (size_t i = reigns->n; i-- > 0;)
		if (reigns->v[i].first_seq <= seq)
			return &reigns->v[i];
	return NULL;
}

/* The last commit of a reign is the parent of the next one. */
static uint64_t reign_last(const struct reigns *reigns, size_t i, uint64_t head)
{
	if (i + 1 == reigns->n)
		return head;
	const struct wire_reign *next = &reigns->v[i + 1];
	return next->parent != NULL ? next->parent->seq : next->first_seq - 1;
}

bool reigns_hold(const struct reigns *reigns, struct cs_bytes history, uint64_t seq, uint64_t head)
{
	for (size_t i = 0; i < reigns->n; i++)
		if (cs_bytes_equal(reigns->v[i].history, history))
			return reigns->v[i].first_seq <= seq && seq <= reign_last(reigns, i, head);
	return false;
}

enum cs_err allegiance_read(
        struct state *self, MDB_txn *txn, struct cs_arena *arena, struct wire_reign *out)
{
	struct cs_bytes v;

	CS_TRY(head_get(self, txn, "allegiance", &v));
	const enum cs_err rc = wire_decode(&wire_reign_type, v, arena, out);
	return rc == CS_EMALFORMED || rc == CS_ETOOBIG ? CS_ECORRUPT : rc;
}

enum cs_err state_allegiance(struct state *self, struct cs_arena *arena, struct wire_reign *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;

	CS_TRY(txn_read(self, &txn));
	return allegiance_read(self, txn, arena, out);
}

static bool reign_well_formed(const struct wire_reign *reign)
{
	return reign->epoch > 0 && reign->history.n == 16 && reign->first_seq > 0;
}

static enum cs_err allegiance_put(struct state *self, MDB_txn *txn, const struct wire_reign *reign)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(REIGN_MAX);

	CS_TRY(wire_encode(&wire_reign_type, reign, &buf));
	return head_put(self, txn, "allegiance", cs_buf_view(&buf));
}

/* *SAME: the record is the one we have. Never lower, and never another history of the same epoch
 * (R4). */
static enum cs_err allegiance_check(
        struct state *self, MDB_txn *txn, const struct wire_reign *reign, bool *same)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_reign now;

	*same = false;
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	const enum cs_err rc = allegiance_read(self, txn, arena, &now);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (reign->epoch < now.epoch)
		return CS_EBUG;
	*same = cs_bytes_equal(reign->history, now.history);
	return reign->epoch == now.epoch && !*same ? CS_ECONFLICT : CS_OK;
}

enum cs_err state_set_allegiance(struct state *self, const struct wire_reign *reign)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	bool same;

	if (!reign_well_formed(reign))
		return CS_EMALFORMED;
	CS_TRY(txn_write(self, &txn));
	CS_TRY(allegiance_check(self, txn, reign, &same));
	CS_TRY(allegiance_put(self, txn, reign));
	if (!same)
		CS_TRY(table_clear(self, txn, T_INBOX));
	CS_TRY(txn_commit(self, &txn));
	if (!same) /* nothing of an unfinished transfer survives a change of history (R2) */
		inbox_forget(&self->inbox);
	return CS_OK;
}

static enum cs_err reign_follows(struct state *self, MDB_txn *txn, const struct wire_reign *reign)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct state_position head;
	struct reigns reigns;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(head_position(self, txn, &head));
	CS_TRY(reigns_read(self, txn, arena, &reigns));
	if (reign->first_seq <= head.seq ||
	        (reigns.n > 0 && reigns.v[reigns.n - 1].epoch >= reign->epoch))
		return CS_ECONFLICT;
	if (reign->parent != NULL && reign->parent->seq != head.seq)
		return CS_ECONFLICT;
	return CS_OK;
}

enum cs_err state_begin_reign(struct state *self, const struct wire_reign *reign)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	bool same;

	if (!reign_well_formed(reign))
		return CS_EMALFORMED;
	CS_TRY(txn_write(self, &txn));
	CS_TRY(reign_follows(self, txn, reign));
	CS_TRY(allegiance_check(self, txn, reign, &same));
	CS_TRY(reigns_put(self, txn, reign));
	CS_TRY(allegiance_put(self, txn, reign));
	CS_TRY(table_clear(self, txn, T_INBOX));
	CS_TRY(txn_commit(self, &txn));
	inbox_forget(&self->inbox);
	return CS_OK;
}

enum cs_err state_reigns(
        struct state *self, struct cs_arena *arena, const struct wire_reign **out, size_t *count)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct reigns reigns;

	CS_TRY(txn_read(self, &txn));
	CS_TRY(reigns_read(self, txn, arena, &reigns));
	*out = reigns.v;
	*count = reigns.n;
	return CS_OK;
}

static enum cs_err is_prefix(struct state *self, MDB_txn *txn, const struct wire_position *position,
        const struct reigns *reigns, uint64_t head, bool *out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_commit commit;

	*out = false;
	if (!reigns_hold(reigns, position->history, position->seq, head))
		return CS_OK;
	CS_TRY(cs_arena_new(4096, &arena));
	const enum cs_err rc = commit_get(self, txn, position->seq, arena, &commit);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	*out = cs_bytes_equal(commit.chain, position->chain);
	return CS_OK;
}

/* In our own history, yet not ours: ahead of the head, or another chain under the same number.
 * Below the log we cannot tell. */
static enum cs_err relate_other(struct state *self, MDB_txn *txn,
        const struct wire_position *position, const struct reigns *reigns, enum state_relation *out)
{
	uint64_t log_from;

	CS_TRY(commit_log_from(self, txn, &log_from));
	const bool own = reigns->n > 0 &&
	                 cs_bytes_equal(reigns->v[reigns->n - 1].history, position->history);
	*out = own && position->seq >= log_from ? STATE_OWN_HISTORY_NO_PREFIX : STATE_OTHER;
	return CS_OK;
}

enum cs_err state_relate(
        struct state *self, const struct wire_position *position, enum state_relation *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct state_position head;
	struct reigns reigns;
	uint64_t floor;
	bool prefix;

	*out = STATE_PREFIX;
	if (position->seq == 0)
		return CS_OK;
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(txn_read(self, &txn));
	CS_TRY(head_position(self, txn, &head));
	CS_TRY(reigns_read(self, txn, arena, &reigns));
	CS_TRY(head_number(self, txn, "floor", &floor));
	CS_TRY(is_prefix(self, txn, position, &reigns, head.seq, &prefix));
	if (!prefix)
		return relate_other(self, txn, position, &reigns, out);
	*out = position->seq >= floor ? STATE_PREFIX : STATE_OTHER;
	return CS_OK;
}
