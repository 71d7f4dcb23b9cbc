/* Pieces, marks and heads: the cursor of each peer is its queue (R2). */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "replicator/core/leader_own.h"
#include "replicator/core/rules.h"

#define NO PEER_STATES /* no such move: we made a mistake */

static const enum peer_state moves[PEER_STATES][PEER_MOVES] = {
	/* FOLLOW, FOLLOW_AT_HEAD, WATCH, PIECE, CLOSING, MARKED, STORED, BEHIND, GONE, COMPARE,
	   COMPARED */
	[PEER_GONE] = { PEER_DELTA, PEER_IDLE, PEER_WATCH, NO, NO, NO, NO, NO, PEER_GONE,
	        PEER_COMPARE, NO },
	[PEER_WATCH] = { PEER_DELTA, PEER_IDLE, PEER_WATCH, NO, NO, NO, NO, NO, PEER_GONE,
	        PEER_COMPARE, NO },
	[PEER_DELTA] = { NO, NO, NO, PEER_DELTA, PEER_HELD, NO, NO, PEER_DELTA, PEER_GONE, NO, NO },
	[PEER_HELD] = { NO, NO, NO, NO, NO, PEER_WAIT, NO, NO, PEER_GONE, NO, NO },
	[PEER_WAIT] = { NO, NO, NO, NO, NO, NO, PEER_IDLE, PEER_DELTA, PEER_GONE, NO, NO },
	[PEER_IDLE] = { NO, NO, NO, NO, NO, NO, NO, PEER_DELTA, PEER_GONE, NO, NO },
	[PEER_COMPARE] = { NO, NO, NO, NO, NO, NO, NO, NO, PEER_GONE, NO, PEER_DELTA },
};

void peer_move(struct peer *peer, enum peer_move move)
{
	const enum peer_state next = moves[peer->state][move];

	assert(next != NO);
	peer->state = next;
}

void leader_return_credit(struct peer *p, uint64_t staged)
{
	size_t n = 0;

	while (n < p->flights && p->flight[n].to <= staged)
		p->flight_bytes -= p->flight[n++].bytes;
	memmove(p->flight, p->flight + n, (p->flights - n) * sizeof(p->flight[0]));
	p->flights -= n;
}

void leader_on_piece(struct leader *self, struct peer *p, const struct leader_piece *piece)
{
	(void)self;
	p->busy = false;
	if (p->state != PEER_DELTA || p->flights == LEADER_FLIGHT_MAX)
		return;
	p->flight[p->flights++] = (struct flight){ piece->to, piece->bytes };
	p->flight_bytes += piece->bytes;
	p->cursor = piece->to;
	if (piece->closing)
		p->mark = piece->to;
	peer_move(p, piece->closing ? MOVE_CLOSING : MOVE_PIECE);
}

void leader_on_marked(struct leader *self, struct peer *p)
{
	(void)self;
	p->busy = false;
	if (p->state != PEER_HELD)
		return;
	peer_move(p, MOVE_MARKED);
	if (p->stored >= p->mark)
		peer_move(p, MOVE_STORED);
}

static bool mark_may_go(const struct leader *self, const struct peer *p)
{
	return !RULE_RELEASE || p->role == ROLE_BACKUP || p->role == ROLE_PRIMARY ||
	       self->released >= p->mark;
}

static void end_session(struct leader *self, struct peer *p, const char *why)
{
	snprintf(leader_act(self, LEADER_SEND_BYE, p)->text, 64, "%s", why);
	peer_gone(self, p);
}

static void pump_peer(struct leader *self, struct peer *p)
{
	if (p->busy || p->blocked)
		return;
	if (p->state == PEER_HELD && mark_may_go(self, p)) {
		leader_act(self, LEADER_SEND_MARK, p);
		p->busy = true;
		return;
	}
	if ((p->state == PEER_IDLE || p->state == PEER_WAIT) && self->head.seq > p->cursor)
		peer_move(p, MOVE_BEHIND);
	if (p->state != PEER_DELTA || p->flight_bytes >= p->credit ||
	        p->flights == LEADER_FLIGHT_MAX)
		return;
	if (RULE_FLOOR && self->floor > p->session_floor && p->cursor < self->floor &&
	        p->cursor != 0) {
		end_session(self, p, "tombstones moved on");
		return;
	}
	if (p->cursor != 0 && p->cursor + 1 < self->log_from) {
		end_session(self, p, "the log moved on");
		return;
	}
	struct leader_action *a = leader_act(self, LEADER_SEND_PIECE, p);
	a->cursor = p->cursor;
	a->bytes = LEADER_TURN_BYTES;
	p->busy = true;
}

/* One action a peer and turn; backups first. */
void leader_pump(struct leader *self)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->peers[i].role != ROLE_TRAFFIC)
			pump_peer(self, &self->peers[i]);
	for (size_t i = 0; i < self->count; i++)
		if (self->peers[i].role == ROLE_TRAFFIC)
			pump_peer(self, &self->peers[i]);
}

void leader_heads(struct leader *self, int64_t now)
{
	const bool summary = now - self->summary_at >= LEADER_SUMMARY_MS;

	for (size_t i = 0; i < self->count; i++) {
		struct peer *p = &self->peers[i];
		if (p->state == PEER_GONE || (now - p->head_at < LEADER_HEAD_MS && !summary))
			continue;
		leader_act(self, LEADER_SEND_HEAD, p)->summary = summary;
		p->head_at = now;
	}
	if (summary)
		self->summary_at = now;
}

/* A backup's edge switches when HEAD says that its position is released: tell it at once. */
void leader_head_to_backups(struct leader *self)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->peers[i].role == ROLE_BACKUP && peer_live(&self->peers[i]))
			leader_act(self, LEADER_SEND_HEAD, &self->peers[i]);
}
