/* A follower's hands in the simulator: what replicator/driver/follow.c does on sockets and LMDB. */
#include <stdio.h>
#include <string.h>
#include "tests/sim/sim.h"

static struct message base(struct node *self, enum packet kind, uint64_t sid)
{
	return (struct message){ .kind = kind,
		.from = self->id,
		.to = self->dialled,
		.upward = true,
		.conn = self->conn,
		.sid = sid,
		.reign = self->store.allegiance,
		.at = self->store.at,
		.digest = digest_of(&self->store.content) };
}

static void post(struct node *self, struct message *m)
{
	if (self->dialled >= 0)
		net_send(self->world, m);
}

static void send_hello(struct node *self, const struct follower_action *a)
{
	struct message m = base(self, P_HELLO, a->sid);

	m.mode = a->compare ? HELLO_COMPARE : HELLO_FOLLOW;
	m.mark_at = self->store.mark;
	post(self, &m);
}

static void send_ack(struct node *self, const struct follower_action *a)
{
	struct message m = base(self, P_ACK, a->sid);

	m.reign.history = history_number(follower_allegiance(self->follower)->history);
	m.staged = follower_staged(self->follower);
	m.stored = a->stored;
	m.served = self->view.published;
	node_obeys(self);
	post(self, &m);
}

static void send_get(struct node *self, uint64_t sid)
{
	struct message m = base(self, P_GET, sid);
	const struct comparison *c = &self->store.compare;

	m.keys = c->want;
	m.cursor = self->store.cursor;
	m.bucket = BUCKETS;
	for (unsigned b = 0; b < BUCKETS && c->want == 0; b++)
		if (c->lists >> b & 1)
			m.bucket = b;
	post(self, &m);
}

static void hang_up(struct node *self)
{
	self->dialled = -1;
	self->connected = false;
}

static void dial(struct node *self, size_t i)
{
	self->dialled = self->upstream[i];
	self->conn = ++self->world->conns;
	self->connected = false;
}

static void step(struct node *self, struct follower_event e)
{
	e.random = chance(self->world);
	follower_step(self->follower, &e, node_now(self));
}

static void compared(struct node *self, enum cs_err rc)
{
	step(self,
	        (struct follower_event){
	                .kind = FOLLOWER_COMPARED, .err = rc, .more = store_wants(&self->store) });
}

static void do_apply(struct node *self, const struct message *m)
{
	struct store *s = &self->store;
	enum cs_err rc = CS_OK;
	uint8_t digest[32];

	node_durable(self);
	if (m == NULL)
		store_apply_bare(s);
	else
		rc = store_apply(s, &m->mark);
	if (rc == CS_OK) {
		self->store.rotten = false;
		node_obeys(self);
		node_record(self, DID_APPLY, &s->content);
	}
	if (rc == CS_ECORRUPT && !s->rotten)
		node_record(self, DID_REFUSE, NULL);
	digest_bytes(digest_of(&s->content), digest);
	struct follower_event e = { .kind = FOLLOWER_APPLIED, .err = rc, .digest = digest };
	e.position.seq = s->at.seq;
	history_bytes(s->at.history, e.position.history);
	step(self, e);
}

static void do_list(struct node *self, const struct message *m)
{
	compared(self, m->kind == P_LIST ? store_list(&self->store, m->bucket, &m->list, m->digest)
	                                 : store_got(&self->store, &m->piece, m->keys));
}

static void do_allegiance(struct node *self, const struct message *m)
{
	node_durable(self);
	if (m->reign.epoch > self->store.allegiance.epoch) {
		self->store.allegiance = m->reign;
		self->heard_head = 0;
		store_drop(&self->store);
	}
	follow_upstreams(self);
}

static void perform(struct node *self, const struct follower_action *a)
{
	const struct message *m = a->ref;
	struct message bye = base(self, P_BYE, a->sid);

	switch (a->kind) {
	case FOLLOWER_DIAL:
		dial(self, a->upstream);
		break;
	case FOLLOWER_HANGUP:
		hang_up(self);
		break;
	case FOLLOWER_SEND_HELLO:
		send_hello(self, a);
		break;
	case FOLLOWER_SEND_ACK:
		send_ack(self, a);
		break;
	case FOLLOWER_SEND_STATUS:
		bye.kind = P_STATUS;
		post(self, &bye);
		break;
	case FOLLOWER_SEND_BYE:
		post(self, &bye);
		break;
	case FOLLOWER_DROP_INBOX:
		store_drop(&self->store);
		break;
	case FOLLOWER_ALLEGIANCE:
		do_allegiance(self, m);
		break;
	case FOLLOWER_DO_STAGE:
		step(self, (struct follower_event){ .kind = FOLLOWER_STAGED,
		                   .err = store_stage(&self->store, &m->piece),
		                   .to = m->piece.to });
		break;
	case FOLLOWER_DO_APPLY:
		do_apply(self, m);
		break;
	case FOLLOWER_DO_COMPARE:
		store_compare(&self->store, &m->sums, m->cursor);
		compared(self, CS_OK);
		break;
	case FOLLOWER_DO_LIST:
		do_list(self, m);
		break;
	case FOLLOWER_SEND_GET:
		send_get(self, a->sid);
		break;
	case FOLLOWER_RELEASED:
		self->view.released = a->seq;
		break;
	case FOLLOWER_RESTART_VIEW:
		view_restart(&self->view);
		break;
	case FOLLOWER_ALARM:
		if (self->world->loud)
			printf("%8lld %c alarm: %s\n", (long long)self->world->now,
			        node_names[self->id], a->text);
		break;
	}
}

void follow(struct node *self, struct follower_event event)
{
	struct follower_action action;

	if (self->follower == NULL)
		return;
	step(self, event);
	if (self->draining)
		return;
	self->draining = true;
	while (self->follower != NULL && follower_take(self->follower, &action)) {
		if (!node_acts(self))
			return;
		perform(self, &action);
	}
	self->draining = false;
}

void follow_upstreams(struct node *self)
{
	const int leader = (int)self->store.allegiance.leader;
	const bool known = self->store.allegiance.epoch != 0 && leader != self->id;

	self->upstreams = 0;
	if (known)
		self->upstream[self->upstreams++] = leader;
	for (int i = 0; i < 2; i++)
		if (i != self->id && !(known && i == leader))
			self->upstream[self->upstreams++] = i;
	follow(self, (struct follower_event){ .kind = FOLLOWER_UPSTREAMS,
	                     .count = self->upstreams,
	                     .leader = known ? 0 : self->upstreams });
}

static struct follower_reign core_reign(const struct reign *r)
{
	struct follower_reign out = { .epoch = r->epoch, .valid = true };

	history_bytes(r->history, out.history);
	return out;
}

static void on_head(struct node *self, const struct message *m)
{
	const struct store *s = &self->store;

	if (m->reign.history == s->allegiance.history) {
		self->heard_leader = self->world->now;
		self->heard_head = m->head > self->heard_head ? m->head : self->heard_head;
	}
	follow(self, (struct follower_event){ .kind = FOLLOWER_HEAD,
	                     .sid = m->sid,
	                     .reign = core_reign(&m->reign),
	                     .to = m->head,
	                     .released = m->released,
	                     .drift = m->head == s->at.seq && m->reign.history == s->at.history &&
	                              m->digest != digest_of(&s->content),
	                     .ref = m });
}

void follow_receive(struct node *self, const struct message *m)
{
	static const enum follower_event_kind kinds[] = { [P_WELCOME] = FOLLOWER_WELCOME,
		[P_PIECE] = FOLLOWER_PIECE,
		[P_MARK] = FOLLOWER_MARK,
		[P_BYE] = FOLLOWER_BYE,
		[P_LIST] = FOLLOWER_LIST,
		[P_GOT] = FOLLOWER_LIST };
	uint8_t history[16];

	if (self->follower == NULL || m->conn != self->conn || self->dialled != m->from)
		return;
	if (m->kind == P_HEAD) {
		on_head(self, m);
		return;
	}
	history_bytes(m->reign.history, history);
	follow(self, (struct follower_event){ .kind = kinds[m->kind],
	                     .sid = m->sid,
	                     .epoch = m->reign.epoch,
	                     .history = history,
	                     .from = m->kind == P_MARK ? m->cursor : m->piece.from,
	                     .to = m->kind == P_MARK ? m->mark.at.seq : m->piece.to,
	                     .welcome = m->mode,
	                     .cursor = m->cursor,
	                     .head = m->head,
	                     .reign = core_reign(&m->reign),
	                     .valid = true,
	                     .ref = m });
}

/* A watch session in short: every pair member tells the others of its allegiance (R4). */
void follow_watch(struct node *self)
{
	for (int i = 0; i < 2; i++) {
		if (i == self->id || i == self->dialled || !net_open(self->world, self->id, i))
			continue;
		struct message m = base(self, P_HELLO, chance(self->world));
		m.to = i;
		m.conn = ++self->world->conns;
		m.mode = HELLO_WATCH;
		net_send(self->world, &m);
	}
}
