#include "store/db/inbox.h"
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"
#include "store/db/table.h"

#define PIECE_BYTES_MAX (2u << 20) /* one encoded piece: a message and its overhead */

struct inbox_piece {
	struct inbox_piece *next;
	struct cs_buf bytes;
};

void inbox_init(struct inbox *self)
{
	*self = (struct inbox){ 0 };
	self->tail = &self->first;
}

static void piece_free(struct inbox_piece **self)
{
	if (*self == NULL)
		return;
	cs_buf_free(&(*self)->bytes);
	free(*self);
	*self = NULL;
}

static void memory_free(struct inbox *self)
{
	for (struct inbox_piece *p = self->first, *next; p != NULL; p = next) {
		next = p->next;
		piece_free(&p);
	}
	self->first = NULL;
	self->tail = &self->first;
	self->bytes = 0;
}

void inbox_forget(struct inbox *self)
{
	memory_free(self);
	inbox_init(self);
}

enum cs_err inbox_clear_table(struct state *state)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	CS_AUTO(txn_abort) MDB_txn *look = NULL;
	size_t n;

	CS_TRY(txn_read(state, &look));
	CS_TRY(table_count(state, look, T_INBOX, &n));
	if (n == 0)
		return CS_OK;
	txn_abort(&look);
	CS_TRY(txn_write(state, &txn));
	CS_TRY(table_clear(state, txn, T_INBOX));
	return txn_commit(state, &txn);
}

static enum cs_err spill(struct state *state)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct inbox *inbox = &state->inbox;
	uint64_t n = inbox->spilled;

	CS_TRY(txn_write(state, &txn));
	for (const struct inbox_piece *p = inbox->first; p != NULL; p = p->next) {
		uint8_t key[8];
		put_be64(key, n++);
		CS_TRY(table_put(state, txn, T_INBOX, val_of(key, sizeof(key)),
		        val_of(p->bytes.p, p->bytes.n)));
	}
	CS_TRY(txn_commit(state, &txn));
	memory_free(inbox);
	inbox->spilled = n;
	return CS_OK;
}

/* --- staging --- */

static enum cs_err objects_check(const struct wire_piece *piece)
{
	uint64_t last = piece->from;

	for (size_t i = 0; i < piece->objects.n; i++) {
		const struct wire_object *o = &piece->objects.v[i];
		if (o->kind == 0 || o->kind >= OBJECT_KIND_END || !cs_id_ok(o->id) ||
		        o->epoch > piece->epoch)
			return CS_EMALFORMED;
		if (o->seq <= piece->from || o->seq < last || o->seq > piece->to)
			return CS_EMALFORMED;
		CS_TRY(object_check_payload(o));
		last = o->seq;
	}
	return CS_OK;
}

static enum cs_err commits_check(const struct wire_piece *piece)
{
	uint64_t last = piece->from;

	for (size_t i = 0; i < piece->commits.n; i++) {
		const struct wire_commit *c = &piece->commits.v[i];
		if (c->seq <= last || c->seq > piece->to || c->digest.n != HASH_N ||
		        c->chain.n != HASH_N)
			return CS_EMALFORMED;
		last = c->seq;
	}
	return CS_OK;
}

static enum cs_err cursor_now(struct state *state, uint64_t *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct state_position position;

	*out = state->inbox.cursor;
	if (state->inbox.any)
		return CS_OK;
	CS_TRY(txn_read(state, &txn));
	CS_TRY(head_position(state, txn, &position));
	*out = position.seq;
	return CS_OK;
}

/* A piece of any other reign than the one this node belongs to is not ours to hold. */
static enum cs_err allegiance_holds(struct state *state, const struct wire_piece *piece)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_reign reign;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	const enum cs_err rc = state_allegiance(state, arena, &reign);
	if (rc == CS_ENOTFOUND)
		return CS_ECONFLICT;
	CS_TRY(rc);
	const bool same =
	        piece->epoch == reign.epoch && cs_bytes_equal(piece->history, reign.history);
	return same ? CS_OK : CS_ECONFLICT;
}

static enum cs_err piece_new(const struct wire_piece *piece, struct inbox_piece **out)
{
	CS_AUTO(piece_free) struct inbox_piece *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return CS_ENOMEM;
	p->bytes = cs_buf_new(PIECE_BYTES_MAX);
	CS_TRY(wire_encode(&wire_piece_type, piece, &p->bytes));
	*out = CS_STEAL(p);
	return CS_OK;
}

enum cs_err state_stage(struct state *self, const struct wire_piece *piece)
{
	CS_AUTO(piece_free) struct inbox_piece *p = NULL;
	uint64_t cursor;

	CS_TRY(allegiance_holds(self, piece));
	CS_TRY(cursor_now(self, &cursor));
	if (piece->from != cursor || piece->to < piece->from)
		return CS_ECONFLICT;
	CS_TRY(objects_check(piece));
	CS_TRY(commits_check(piece));
	if (self->inbox.bytes > INBOX_MEMORY)
		CS_TRY(spill(self));
	CS_TRY(piece_new(piece, &p));
	self->inbox.bytes += p->bytes.n;
	*self->inbox.tail = p;
	self->inbox.tail = &CS_STEAL(p)->next;
	self->inbox.any = true;
	self->inbox.cursor = piece->to;
	return CS_OK;
}

enum cs_err state_staged(struct state *self, uint64_t *cursor, bool *any)
{
	*any = self->inbox.any;
	return cursor_now(self, cursor);
}

enum cs_err state_inbox_drop(struct state *self)
{
	inbox_forget(&self->inbox);
	return inbox_clear_table(self);
}

/* --- reading back --- */

static enum cs_err piece_give(struct cs_bytes bytes, inbox_fn *fn, void *data)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_piece piece;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX * 4u, &arena));
	const enum cs_err rc = wire_decode(&wire_piece_type, bytes, arena, &piece);
	if (rc != CS_OK)
		return rc == CS_ENOMEM ? rc : CS_ECORRUPT;
	/* again: the bytes may have been on a disk since */
	CS_TRY(objects_check(&piece));
	CS_TRY(commits_check(&piece));
	return fn(data, &piece);
}

static enum cs_err spilled_each(struct state *state, MDB_txn *txn, inbox_fn *fn, void *data)
{
	for (uint64_t i = 0; i < state->inbox.spilled; i++) {
		uint8_t key[8];
		MDB_val val;
		put_be64(key, i);
		const enum cs_err rc =
		        table_get(state, txn, T_INBOX, val_of(key, sizeof(key)), &val);
		if (rc != CS_OK)
			return rc == CS_ENOTFOUND ? CS_ECORRUPT : rc;
		CS_TRY(piece_give((struct cs_bytes){ val.mv_data, val.mv_size }, fn, data));
	}
	return CS_OK;
}

enum cs_err inbox_each(struct state *state, MDB_txn *txn, inbox_fn *fn, void *data)
{
	CS_TRY(spilled_each(state, txn, fn, data));
	for (const struct inbox_piece *p = state->inbox.first; p != NULL; p = p->next)
		CS_TRY(piece_give(cs_buf_view(&p->bytes), fn, data));
	return CS_OK;
}
