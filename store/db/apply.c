/* store/db/apply.c: a MARK moves a follower from one whole commit to the next (replication.md R2).
 */
#include <string.h>
#include "proto/base/log.h"
#include "store/db/table.h"

struct apply {
	struct change *change;
	const struct wire_mark *mark;
	struct reigns reigns;
	uint64_t seq; /* of the last commit folded in; 0: none yet */
	uint8_t chain[HASH_N];
	uint64_t floor;
};

static enum cs_err mark_well_formed(const struct wire_mark *mark)
{
	const struct wire_position *at = mark->position;

	if (at == NULL || at->seq == 0 || at->history.n != 16 || at->chain.n != HASH_N ||
	        mark->digest.n != HASH_N)
		return CS_EMALFORMED;
	if (mark->reigns.n == 0)
		return CS_EMALFORMED;
	for (size_t i = 0; i < mark->reigns.n; i++) {
		const struct wire_reign *r = &mark->reigns.v[i], *before = i > 0 ? r - 1 : NULL;
		if (r->history.n != 16 || r->first_seq == 0)
			return CS_EMALFORMED;
		if (before != NULL &&
		        (r->epoch <= before->epoch || r->first_seq < before->first_seq))
			return CS_EMALFORMED;
	}
	return CS_OK;
}

/* The mark speaks for the reign that this node belongs to, and closes exactly what is staged. */
static enum cs_err mark_fits(struct state *self, MDB_txn *txn, const struct wire_mark *mark)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_reign *newest = &mark->reigns.v[mark->reigns.n - 1];
	struct wire_reign reign;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	const enum cs_err rc = allegiance_read(self, txn, arena, &reign);
	if (rc == CS_ENOTFOUND)
		return CS_ECONFLICT;
	CS_TRY(rc);
	if (mark->epoch != reign.epoch || !cs_bytes_equal(mark->position->history, reign.history))
		return CS_ECONFLICT;
	if (newest->epoch != reign.epoch || !cs_bytes_equal(newest->history, reign.history))
		return CS_ECONFLICT;
	return CS_OK;
}

static enum cs_err cursor_fits(struct state *self, const struct wire_mark *mark)
{
	uint64_t cursor;
	bool any;

	CS_TRY(state_staged(self, &cursor, &any));
	return mark->from == cursor && mark->position->seq == cursor ? CS_OK : CS_ECONFLICT;
}

/* Our own past must lie on the mark's line, else only compare can bring us there. */
static enum cs_err past_fits(const struct state_position *at, const struct apply *apply)
{
	const struct cs_bytes history = { at->history, sizeof(at->history) };

	if (at->seq == 0 ||
	        reigns_hold(&apply->reigns, history, at->seq, apply->mark->position->seq))
		return CS_OK;
	return CS_ECONFLICT;
}

/* Commits follow one another without a gap; only the first of a reign may leap (a restore starts
 * 1,000 further on). */
static bool next_in_line(const struct apply *self, uint64_t seq, const struct wire_reign *reign)
{
	if (seq == self->seq + 1)
		return true;
	return seq == reign->first_seq &&
	       (reign->parent == NULL || reign->parent->seq == self->seq);
}

static enum cs_err fold(struct apply *self, const struct wire_commit *commit)
{
	const struct wire_reign *reign = reigns_of_seq(&self->reigns, commit->seq);
	const bool blind = self->seq == 0 && self->change->position.seq ==
	                                             0; /* the log of a first load starts late */

	if (reign == NULL || (!blind && !next_in_line(self, commit->seq, reign)))
		return CS_ECORRUPT;
	if (blind)
		memcpy(self->chain, commit->chain.p, HASH_N);
	else
		hash_chain(self->chain, reign->history.p, commit->seq, commit->digest.p);
	self->seq = commit->seq;
	return memcmp(self->chain, commit->chain.p, HASH_N) == 0 ? CS_OK : CS_ECORRUPT;
}

static enum cs_err object_merge(struct apply *self, const struct wire_object *object)
{
	uint64_t floor;

	CS_TRY(change_put(self->change, object));
	const enum cs_err rc = floor_of(object, &floor);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	self->floor = floor;
	return CS_OK;
}

static enum cs_err piece_merge(void *data, const struct wire_piece *piece)
{
	struct apply *self = data;

	for (size_t i = 0; i < piece->objects.n; i++)
		CS_TRY(object_merge(self, &piece->objects.v[i]));
	for (size_t i = 0; i < piece->commits.n; i++) {
		CS_TRY(fold(self, &piece->commits.v[i]));
		CS_TRY(commit_put(self->change->state, self->change->txn, &piece->commits.v[i]));
	}
	return CS_OK;
}

static enum cs_err merged_as_marked(const struct apply *self)
{
	const struct wire_position *at = self->mark->position;

	if (self->seq != at->seq || memcmp(self->chain, at->chain.p, HASH_N) != 0) {
		cs_warning("MARK %ju refused: the chain of the received commits is another one",
		        (uintmax_t)at->seq);
		return CS_ECORRUPT;
	}
	if (memcmp(self->change->total, self->mark->digest.p, HASH_N) != 0) {
		cs_warning("MARK %ju refused: the digest of the merged state is another one",
		        (uintmax_t)at->seq);
		return CS_ECORRUPT;
	}
	return CS_OK;
}

static enum cs_err mark_store(struct apply *self, struct cs_bytes encoded)
{
	struct change *change = self->change;

	CS_TRY(table_clear(change->state, change->txn, T_REIGNS));
	for (size_t i = 0; i < self->reigns.n; i++)
		CS_TRY(reigns_put(change->state, change->txn, &self->reigns.v[i]));
	memcpy(change->position.history, self->mark->position->history.p, 16);
	change->position.seq = self->seq;
	memcpy(change->position.chain, self->chain, HASH_N);
	if (change->state->inbox.spilled > 0)
		CS_TRY(table_clear(change->state, change->txn, T_INBOX));
	CS_TRY(head_put(change->state, change->txn, "mark", encoded));
	return change_commit(change);
}

enum cs_err state_apply_mark(
        struct state *self, const struct wire_mark *mark, struct cs_bytes encoded)
{
	CS_AUTO(change_abort) struct change change = { 0 };
	struct apply apply = { .change = &change, .mark = mark };

	CS_TRY(mark_well_formed(mark));
	CS_TRY(cursor_fits(self, mark));
	CS_TRY(change_begin(self, &change));
	apply.reigns = (struct reigns){ mark->reigns.v, mark->reigns.n };
	apply.seq = change.position.seq;
	memcpy(apply.chain, change.position.chain, HASH_N);
	CS_TRY(mark_fits(self, change.txn, mark));
	CS_TRY(past_fits(&change.position, &apply));
	CS_TRY(inbox_each(self, change.txn, piece_merge, &apply));
	CS_TRY(change_floor(&change, apply.floor));
	CS_TRY(merged_as_marked(&apply));
	CS_TRY(mark_store(&apply, encoded));
	inbox_forget(&self->inbox);
	return CS_OK;
}

enum cs_err state_mark(struct state *self, struct cs_arena *arena, struct cs_bytes *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct cs_bytes v;

	*out = (struct cs_bytes){ 0 };
	CS_TRY(txn_read(self, &txn));
	const enum cs_err rc = head_get(self, txn, "mark", &v);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	uint8_t *copy = cs_arena_take(arena, v.n);
	if (copy == NULL)
		return CS_ENOMEM;
	memcpy(copy, v.p, v.n);
	*out = (struct cs_bytes){ copy, v.n };
	return CS_OK;
}
