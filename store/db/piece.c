/* store/db/piece.c: what a follower lacks (replication.md R2). */
#include <string.h>
#include "store/db/scan.h"

static enum cs_err bytes_take(const void *p, size_t n, struct cs_arena *arena, struct cs_bytes *out)
{
	uint8_t *copy = cs_arena_take(arena, n);

	if (copy == NULL)
		return CS_ENOMEM;
	memcpy(copy, p, n);
	*out = (struct cs_bytes){ copy, n };
	return CS_OK;
}

static enum cs_err position_take(const struct state_position *position, struct cs_arena *arena,
        const struct wire_position **out)
{
	struct wire_position *p = cs_arena_take(arena, sizeof(*p));

	if (p == NULL)
		return CS_ENOMEM;
	p->seq = position->seq;
	CS_TRY(bytes_take(position->history, 16, arena, &p->history));
	CS_TRY(bytes_take(position->chain, HASH_N, arena, &p->chain));
	*out = p;
	return CS_OK;
}

static enum cs_err mark_fill(struct state *self, MDB_txn *txn,
        const struct state_position *position, struct cs_arena *arena, struct wire_mark *out)
{
	struct reigns reigns;
	struct cs_bytes digest;

	*out = (struct wire_mark){ .from = position->seq, .signer = "" };
	CS_TRY(position_take(position, arena, &out->position));
	CS_TRY(reigns_read(self, txn, arena, &reigns));
	out->reigns.v = reigns.v;
	out->reigns.n = reigns.n;
	out->epoch = reigns.n > 0 ? reigns.v[reigns.n - 1].epoch : 0;
	const enum cs_err rc = head_get(self, txn, "digest", &digest);
	if (rc == CS_ENOTFOUND)
		return bytes_take((const uint8_t[HASH_N]){ 0 }, HASH_N, arena, &out->digest);
	CS_TRY(rc);
	return digest.n < HASH_N ? CS_ECORRUPT : bytes_take(digest.p, HASH_N, arena, &out->digest);
}

enum cs_err state_piece(struct state *self, uint64_t from, size_t max_bytes, struct cs_arena *arena,
        struct wire_piece *out, bool *closing, struct wire_mark *mark)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct state_position head;
	struct scan_range range = { .from = from,
		.max_bytes = max_bytes,
		.max_count = WIRE_LIST_MAX,
		.with_commits = true };

	CS_TRY(txn_read(self, &txn));
	CS_TRY(head_position(self, txn, &head));
	if (from > head.seq)
		return CS_ECONFLICT;
	CS_TRY(scan_plan(self, txn, head.seq, &range));
	CS_TRY(scan_objects(self, txn, &range, arena, &out->objects.v, &out->objects.n));
	CS_TRY(scan_commits(self, txn, &range, arena, &out->commits.v, &out->commits.n));
	out->from = from;
	out->to = range.to;
	*closing = range.to == head.seq;
	return *closing ? mark_fill(self, txn, &head, arena, mark) : CS_OK;
}
