#include "replicator/core/leader_own.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *peer_state_name(enum peer_state state)
{
	static const char *const words[] = { "gone", "watch", "delta", "held", "wait", "idle",
		"compare" };
	return words[state];
}

const char *leader_mode_name(enum leader_mode mode)
{
	static const char *const words[] = { "ok", "conflict", "regressed", "fenced" };
	return words[mode];
}

enum cs_err leader_new(const char *self_name, uint64_t epoch, const uint8_t history[16],
        int64_t now, struct leader **out)
{
	struct leader *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	snprintf(self->self, sizeof(self->self), "%s", self_name);
	self->epoch = epoch;
	memcpy(self->history, history, 16);
	self->summary_at = now - LEADER_SUMMARY_MS;
	return CS_OK;
}

void leader_free(struct leader **self)
{
	if (*self == NULL)
		return;
	free((*self)->peers);
	free((*self)->commands);
	free((*self)->actions);
	free(*self);
	*self = NULL;
}

struct leader_action *leader_act(
        struct leader *self, enum leader_action_kind kind, const struct peer *peer)
{
	static struct leader_action spare;

	if (self->end == self->room) {
		const size_t room = self->room != 0 ? 2 * self->room : 64;
		struct leader_action *v = realloc(self->actions, room * sizeof(*v));
		if (v == NULL) {
			self->out_of_memory = true;
			return &spare;
		}
		self->actions = v;
		self->room = room;
	}
	struct leader_action *a = &self->actions[self->end++];
	*a = (struct leader_action){ .kind = kind };
	if (peer != NULL) {
		memcpy(a->peer, peer->name, sizeof(a->peer));
		a->sid = peer->sid;
	}
	return a;
}

bool leader_take(struct leader *self, struct leader_action *out)
{
	if (self->first == self->end) {
		self->first = self->end = 0;
		return false;
	}
	*out = self->actions[self->first++];
	return true;
}

struct peer *leader_peer(struct leader *self, const char *name)
{
	for (size_t i = 0; i < self->count; i++)
		if (strcmp(self->peers[i].name, name) == 0)
			return &self->peers[i];
	return NULL;
}

bool peer_live(const struct peer *peer)
{
	return peer->state != PEER_GONE && peer->state != PEER_WATCH;
}

/* What it stored counts in a session only. */
void peer_gone(struct leader *self, struct peer *peer)
{
	(void)self;
	peer_move(peer, MOVE_GONE);
	peer->sid = 0;
	peer->staged = peer->stored = peer->loaded = peer->served = 0;
	peer->flights = peer->flight_bytes = 0;
	peer->busy = peer->blocked = false;
}

void peer_behind(struct leader *self, struct peer *peer, int64_t now)
{
	if (peer_live(peer) && peer->stored >= self->head.seq)
		peer->behind_since = 0;
	else if (peer->behind_since == 0)
		peer->behind_since = now;
}

static void on_node(struct leader *self, const struct leader_event *e, int64_t now)
{
	struct peer *p = leader_peer(self, e->peer);

	if (strcmp(e->peer, self->self) == 0)
		return;
	if (p == NULL && self->count < CS_PEERS_MAX) {
		struct peer *v = realloc(self->peers, (self->count + 1) * sizeof(*v));
		if (v == NULL) {
			self->out_of_memory = true;
			return;
		}
		self->peers = v;
		p = &v[self->count++];
		*p = (struct peer){ .last_seen = now, .behind_since = now };
		snprintf(p->name, sizeof(p->name), "%s", e->peer);
	}
	if (p == NULL)
		return;
	if (e->allowed && !p->allowed)
		p->last_seen = now; /* it has just joined: give it time to come */
	p->role = e->role;
	p->allowed = e->allowed;
	if (!p->allowed && p->state != PEER_GONE) {
		snprintf(leader_act(self, LEADER_SEND_BYE, p)->text, 64,
		        "this node is revoked or expired");
		peer_gone(self, p);
	}
}

static void welcome(
        struct leader *self, const struct peer *peer, uint64_t sid, uint32_t kind, const char *why)
{
	struct leader_action *a = leader_act(self, LEADER_SEND_WELCOME, peer);

	a->sid = sid;
	a->welcome = kind;
	a->cursor = peer->cursor;
	snprintf(a->text, sizeof(a->text), "%s", why);
}

static void set_mode(struct leader *self, enum leader_mode mode, const char *peer, const char *why)
{
	if (self->mode == mode)
		return;
	self->mode = mode;
	leader_fail_commands(self, CS_EPENDING,
	        "outcome unknown: this node may no longer lead; retry with the request id");
	struct leader_action *a = leader_act(self, LEADER_MODE, NULL);
	a->mode = mode;
	snprintf(a->text, sizeof(a->text), "%s (seen from %s)", why, peer);
}

/* A valid record of a reign that is not ours. True when the peer must be told that we do not lead
 * it. */
static bool fenced(struct leader *self, const struct peer *peer, const struct leader_hello *h)
{
	if (!h->record_valid || h->epoch < self->epoch)
		return false;
	if (h->epoch > self->epoch) {
		set_mode(self, LEADER_FENCED, peer->name, "a later reign exists");
		return true;
	}
	if (memcmp(h->history, self->history, 16) == 0)
		return false;
	set_mode(self, LEADER_CONFLICT, peer->name, "two nodes lead in one epoch");
	return true;
}

static void session_begin(
        struct leader *self, struct peer *p, const struct leader_event *e, int64_t now)
{
	peer_gone(self, p);
	p->sid = e->sid;
	p->ever_seen = true;
	p->last_seen = p->progress_at = now;
	p->credit = e->hello->credit != 0 && e->hello->credit < CS_CREDIT ? e->hello->credit
	                                                                  : CS_CREDIT;
	p->session_floor = self->floor;
	p->best = e->hello->best > p->best ? e->hello->best : p->best;
}

/* It may hold anything: nothing of it counts before its first mark. */
static void compare(struct leader *self, struct peer *p, const char *why)
{
	p->cursor = self->head.seq;
	p->head_at = 0;
	peer_move(p, MOVE_COMPARE);
	welcome(self, p, p->sid, WELCOME_COMPARE, why);
	if (p->sync == SYNC_IN)
		leader_sync_leave(self, p);
	else
		p->sync = SYNC_OUT;
}

static bool drifted(struct leader *self, struct peer *p, const struct leader_hello *h)
{
	p->digest_differs =
	        h->seq != 0 && h->seq == self->head.seq && memcmp(h->digest, self->digest, 32) != 0;
	if (p->digest_differs)
		snprintf(leader_act(self, LEADER_DRIFT, p)->text, 128,
		        "same position, other content (HELLO)");
	return p->digest_differs;
}

static void follow(struct leader *self, struct peer *p, const struct leader_hello *h, int64_t now)
{
	p->cursor = p->staged = p->stored = h->seq;
	const bool at_head = h->seq == self->head.seq;
	peer_move(p, at_head ? MOVE_FOLLOW_AT_HEAD : MOVE_FOLLOW);
	welcome(self, p, p->sid, WELCOME_DELTA, "");
	/* A backup that comes back with less than it once acknowledged may not be waited for, nor
	 * count as safe. */
	if (p->sync == SYNC_IN && h->seq < p->best)
		leader_sync_leave(self, p);
	p->head_at = now - LEADER_HEAD_MS;
	peer_behind(self, p, now);
	leader_sync_stored(self, p, true);
}

/* replication.md R4, first table: the first row that fits. */
static void on_hello(struct leader *self, struct peer *p, const struct leader_event *e, int64_t now)
{
	const struct leader_hello *h = e->hello;

	if (!p->allowed) {
		welcome(self, p, e->sid, WELCOME_REVOKED,
		        "this node is revoked, expired or not enrolled");
		return;
	}
	session_begin(self, p, e, now);
	if (h->version != REPLICATION_VERSION) {
		welcome(self, p, e->sid, WELCOME_UPGRADE,
		        "the versions of the replication protocol differ");
		peer_gone(self, p);
	} else if (fenced(self, p, h) || self->mode == LEADER_CONFLICT ||
	           self->mode == LEADER_FENCED) {
		welcome(self, p, e->sid, WELCOME_NOT_PRIMARY, "");
		peer_gone(self, p);
	} else if (h->mode == HELLO_WATCH) {
		peer_move(p, MOVE_WATCH);
		welcome(self, p, e->sid, WELCOME_WATCH, "");
	} else if (h->mode == HELLO_FOLLOW && (h->seq == 0 || h->relation == STATE_PREFIX)) {
		if (drifted(self, p, h))
			compare(self, p, "the same position with other content");
		else
			follow(self, p, h, now);
	} else if (h->relation == STATE_OWN_HISTORY_NO_PREFIX && h->mark_valid) {
		set_mode(self, LEADER_REGRESSED, p->name,
		        "a node holds more of this reign than this store");
		peer_move(p, MOVE_WATCH);
		welcome(self, p, e->sid, WELCOME_AHEAD, "you are ahead of the primary");
	} else {
		compare(self, p,
		        h->mode == HELLO_COMPARE ? "as you ask"
		                                 : "your past is not a part of the primary's");
	}
}

static void on_ack(struct leader *self, struct peer *p, const struct leader_ack *a, int64_t now)
{
	if (!peer_live(p) || memcmp(a->history, self->history, 16) != 0)
		return;
	const bool moved = a->stored > p->stored && a->stored <= self->head.seq;
	if (a->staged > p->staged || moved)
		p->progress_at = now;
	p->staged = a->staged > p->staged ? a->staged : p->staged;
	p->stored = moved ? a->stored : p->stored;
	p->best = p->stored > p->best ? p->stored : p->best;
	p->loaded = a->loaded;
	p->served = a->served;
	leader_return_credit(p, a->staged);
	if (p->state == PEER_COMPARE && a->staged == p->cursor)
		peer_move(p, MOVE_COMPARED);
	if (p->state == PEER_WAIT && p->stored >= p->mark)
		peer_move(p, MOVE_STORED);
	if (a->stored == self->head.seq) {
		const bool differs = memcmp(a->digest, self->digest, 32) != 0;
		if (differs && !p->digest_differs)
			snprintf(leader_act(self, LEADER_DRIFT, p)->text, 128,
			        "same position, other content (ACK)");
		p->digest_differs = differs;
	}
	leader_sync_stored(self, p, moved);
}

static void on_committed(struct leader *self, const struct leader_event *e, int64_t now)
{
	self->head = e->head;
	memcpy(self->digest, e->digest, 32);
	self->floor = e->floor;
	self->log_from = e->log_from;
	if (e->syncset_changed)
		leader_sync_adopt(self, e->syncset, now);
	self->syncset_busy = false;
	for (size_t i = 0; i < self->count; i++)
		if (self->peers[i].behind_since == 0)
			self->peers[i].progress_at =
			        now; /* it was at the head: its time to store starts now */
}

static void on_tick(struct leader *self, int64_t now)
{
	for (size_t i = 0; i < self->count; i++) {
		struct peer *p = &self->peers[i];
		p->blocked = false;
		if (p->state != PEER_GONE && now - p->last_seen >= LEADER_GONE_MS) {
			snprintf(leader_act(self, LEADER_SEND_BYE, p)->text, 64, "silent for 15 s");
			peer_gone(self, p);
		}
	}
	leader_heads(self, now);
}

/* Events of one peer's session. A foreign session id is answered BYE (ZeroMQ reconnects silently,
 * with a gap). */
static void on_session(
        struct leader *self, struct peer *p, const struct leader_event *e, int64_t now)
{
	if (p->state == PEER_GONE || e->sid != p->sid) {
		const bool driver_result = e->kind == LEADER_PIECE || e->kind == LEADER_BLOCKED ||
		                           e->kind == LEADER_MARKED;
		if (!driver_result && e->kind != LEADER_LEFT) {
			struct leader_action *a = leader_act(self, LEADER_SEND_BYE, p);
			a->sid = e->sid;
			snprintf(a->text, sizeof(a->text), "no such session");
		}
		return;
	}
	switch (e->kind) {
	case LEADER_ACK:
		p->last_seen = now;
		on_ack(self, p, e->ack, now);
		break;
	case LEADER_HEARD:
		p->last_seen = now;
		break;
	case LEADER_GET:
		p->last_seen = now;
		if (p->state == PEER_COMPARE)
			leader_act(self, LEADER_SEND_GOT, p)->ref = e->ref;
		break;
	case LEADER_LEFT:
		peer_gone(self, p);
		break;
	case LEADER_PIECE:
		leader_on_piece(self, p, e->piece);
		break;
	case LEADER_MARKED:
		leader_on_marked(self, p);
		break;
	default:
		p->busy = false;
		p->blocked = true;
	}
}

static void dispatch(struct leader *self, const struct leader_event *e, int64_t now)
{
	struct peer *p = e->peer != NULL ? leader_peer(self, e->peer) : NULL;

	switch (e->kind) {
	case LEADER_NODE:
		on_node(self, e, now);
		break;
	case LEADER_COMMITTED:
		on_committed(self, e, now);
		break;
	case LEADER_SYNCSET_FAILED:
		self->syncset_busy = false;
		break;
	case LEADER_SELF:
		self->self_served = e->served;
		break;
	case LEADER_COMMAND:
		leader_command_new(self, e->command);
		break;
	case LEADER_TICK:
		on_tick(self, now);
		break;
	case LEADER_HELLO:
		if (p != NULL)
			on_hello(self, p, e, now);
		break;
	default:
		if (p != NULL)
			on_session(self, p, e, now);
	}
}

enum cs_err leader_step(struct leader *self, const struct leader_event *event, int64_t now)
{
	dispatch(self, event, now);
	for (size_t i = 0; i < self->count; i++)
		peer_behind(self, &self->peers[i], now);
	/* A commit that failed (a full disk) is tried again with the next tick, not at once. */
	if (self->mode == LEADER_OK && event->kind != LEADER_SYNCSET_FAILED)
		leader_sync_review(self, now);
	if (self->mode == LEADER_OK)
		leader_pump(self);
	return self->out_of_memory ? CS_ENOMEM : CS_OK;
}

uint64_t leader_released(const struct leader *self)
{
	return self->released;
}

enum leader_mode leader_mode(const struct leader *self)
{
	return self->mode;
}

size_t leader_count(const struct leader *self)
{
	return self->count;
}

struct leader_view leader_view(const struct leader *self, size_t i)
{
	const struct peer *p = &self->peers[i];

	return (struct leader_view){ p->name, p->role, p->allowed, p->state != PEER_GONE,
		p->ever_seen, p->digest_differs, p->state, p->sync, p->staged, p->stored, p->loaded,
		p->served, p->best, p->last_seen, p->behind_since };
}

bool leader_in_sync_set(const struct leader *self, const char *name)
{
	for (size_t i = 0; i < self->count; i++)
		if (strcmp(self->peers[i].name, name) == 0)
			return self->peers[i].sync == SYNC_IN;
	return false;
}
