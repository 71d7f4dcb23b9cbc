/* One node: who it is, what it serves, when it dies. */
#include <stdlib.h>
#include <string.h>
#include "tests/sim/sim.h"

#define TICK_MS 200
#define WATCH_MS 2000
#define KEEP_MS 1000

void history_bytes(uint64_t history, uint8_t out[16])
{
	memset(out, 0, 16);
	memcpy(out, &history, sizeof(history));
}

void digest_bytes(uint64_t digest, uint8_t out[32])
{
	memset(out, 0, 32);
	memcpy(out, &digest, sizeof(digest));
}

uint64_t history_number(const uint8_t bytes[16])
{
	uint64_t v;

	memcpy(&v, bytes, sizeof(v));
	return v;
}

int64_t node_now(const struct node *self)
{
	return self->world->now + self->skew;
}

void node_durable(struct node *self)
{
	self->before = self->store;
}

void node_record(struct node *self, enum happening what, const struct content *content)
{
	struct record r = {
		.at = self->world->now, .what = what, .node = self->id, .position = self->store.at
	};

	if (content != NULL)
		r.content = *content;
	history_add(&self->world->history, &r);
}

/* It acts under the reign that its core follows; what it remembers is in the store. */
void node_obeys(struct node *self)
{
	struct record r = { .at = self->world->now,
		.what = DID_OBEY,
		.node = self->id,
		.position = self->store.at,
		.epoch = follower_allegiance(self->follower)->epoch };

	if (r.epoch == self->obeyed_epoch)
		return;
	self->obeyed_epoch = r.epoch;
	history_add(&self->world->history, &r);
}

static bool reign_is_ours(const struct node *self)
{
	const struct store *s = &self->store;

	return s->reigns.n != 0 && s->allegiance.leader == (uint64_t)self->id &&
	       s->reigns.v[s->reigns.n - 1].history == s->allegiance.history;
}

static void start_following(struct node *self)
{
	struct state_position at = { .seq = self->store.at.seq };
	struct follower_reign reign = { .epoch = self->store.allegiance.epoch, .valid = true };

	history_bytes(self->store.at.history, at.history);
	history_bytes(self->store.allegiance.history, reign.history);
	if (follower_new(&at, &reign, node_now(self), &self->follower) != CS_OK)
		abort();
	view_restart(&self->view);
	follow_upstreams(self);
}

void node_start(struct node *self)
{
	self->up = true;
	self->draining = self->fenced = self->connected = false;
	self->dialled = self->crash_in = -1;
	self->obeyed_epoch = 0;
	self->heard_head = 0;
	self->view = (struct view){ 0 };
	store_drop(&self->store);
	memset(self->post, 0, sizeof(self->post));
	self->tick_at = self->world->now + 1 + (int64_t)(chance(self->world) % TICK_MS);
	if (reign_is_ours(self))
		lead_start(self);
	else
		start_following(self);
	node_settle(self);
}

static void drop_roles(struct node *self)
{
	leader_free(&self->leader);
	follower_free(&self->follower);
	self->draining = false;
	self->dialled = -1;
	self->crash_in = -1;
}

void node_stop(struct node *self)
{
	drop_roles(self);
	self->up = false;
}

bool node_acts(struct node *self)
{
	if (self->crash_in < 0 || self->crash_in-- > 0)
		return true;
	node_stop(self);
	return false;
}

static uint64_t released_now(const struct node *self)
{
	uint64_t seq = self->view.released;

	if (self->leader != NULL)
		return leader_released(self->leader) > seq ? leader_released(self->leader) : seq;
	return self->id >= 2 ? self->view.position : seq;
}

static void publish(struct node *self)
{
	struct record r = { .at = self->world->now,
		.what = DID_SERVE,
		.node = self->id,
		.position = self->fixed_at,
		.content = self->fixed };

	self->view.published = self->view.prepared;
	self->view.prepared = 0;
	self->published_at = self->fixed_at;
	history_add(&self->world->history, &r);
}

static void settle_view(struct node *self)
{
	self->view.position = self->store.at.seq;
	self->view.released = released_now(self);
	for (enum view_next next = view_next(&self->view);
	        next != VIEW_NOTHING && !self->store.rotten; next = view_next(&self->view)) {
		if (next == VIEW_PUBLISH) {
			publish(self);
			continue;
		}
		self->view.prepared = self->view.position;
		self->fixed = self->store.content;
		self->fixed_at = self->store.at;
	}
}

/* After each turn, as the driver's loop does. */
void node_settle(struct node *self)
{
	if (!self->up)
		return;
	if (self->fenced) {
		drop_roles(self);
		self->fenced = false;
		start_following(self);
	}
	settle_view(self);
	follow(self, (struct follower_event){ .kind = FOLLOWER_PROGRESS,
	                     .loaded = self->store.at.seq,
	                     .served = self->view.published });
	if (self->up)
		lead(self, &(struct leader_event){
		                   .kind = LEADER_SELF, .served = self->view.published });
}

static void connect_maybe(struct node *self)
{
	if (self->dialled < 0 || self->connected ||
	        !net_open(self->world, self->id, self->dialled) ||
	        !net_open(self->world, self->dialled, self->id))
		return;
	self->connected = true;
	follow(self, (struct follower_event){ .kind = FOLLOWER_CONNECTED });
}

void node_tick(struct node *self)
{
	const int64_t now = self->world->now;

	self->tick_at = now + TICK_MS;
	follow(self, (struct follower_event){ .kind = FOLLOWER_TICK });
	if (self->up)
		lead(self, &(struct leader_event){ .kind = LEADER_TICK });
	if (self->up)
		connect_maybe(self);
	if (self->up && self->id < 2 && now >= self->watch_at) {
		self->watch_at = now + WATCH_MS;
		follow_watch(self);
	}
	if (self->up && self->leader != NULL && now >= self->keep_at) {
		self->keep_at = now + KEEP_MS;
		lead_keep(self);
	}
	node_settle(self);
}

void node_receive(struct node *self, const struct message *m)
{
	if (!self->up)
		return;
	if (m->upward)
		lead_receive(self, m);
	else
		follow_receive(self, m);
	node_settle(self);
}

/* A promotion without --force may happen only where R4 allows it: the simulator plays the
 * administrator, its core comes with the roles. */
static bool may_be_promoted(const struct node *self)
{
	const struct world *w = self->world;
	const struct store *s = &self->store;

	if ((s->content.key[KEY_SYNCSET].value >> self->id & 1) == 0 ||
	        s->at.history != s->allegiance.history || self->heard_head > s->at.seq)
		return false;
	for (int i = 0; i < NODES; i++) {
		const struct node *n = &w->node[i];
		if (i == self->id || i == (int)s->allegiance.leader)
			continue;
		if (!net_open(w, self->id, i) || !net_open(w, i, self->id))
			return false;
		if (n->store.allegiance.epoch > s->allegiance.epoch ||
		        (n->store.at.history == s->at.history && n->store.at.seq > s->at.seq))
			return false;
		if (w->now - n->heard_leader < 15000)
			return false;
	}
	return w->now - self->heard_leader >= 15000;
}

bool node_promote(struct node *self, bool force)
{
	struct store *s = &self->store;
	const struct change set = { KEY_SYNCSET, false, 0 };
	struct record r = { .at = self->world->now,
		.what = DID_PROMOTE,
		.node = self->id,
		.position = s->at,
		.forced = force };

	if (!self->up || self->store.rotten || self->follower == NULL || self->id >= 2 ||
	        s->mark.seq == 0 || s->reigns.n == REIGNS || (!force && !may_be_promoted(self)))
		return false;
	history_add(&self->world->history, &r);
	const struct reign reign = { s->allegiance.epoch + 1, ++self->world->histories,
		(uint64_t)self->id, s->at.seq + 1, s->at.seq, s->at.chain };
	drop_roles(self);
	node_durable(self);
	s->full = false;
	store_drop(s);
	store_begin_reign(s, &reign);
	s->kept_released = 0;
	if (lead_commit(self, &set, 1) != CS_OK)
		abort();
	node_start(self);
	return true;
}
