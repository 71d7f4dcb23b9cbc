/* A leader's hands in the simulator: what replicator/driver/lead.c does on sockets and LMDB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/sim/sim.h"

static int peer_of(const char *name)
{
	return node_by_name(name);
}

static struct message base(struct node *self, enum packet kind, int to, uint64_t sid)
{
	return (struct message){ .kind = kind,
		.from = self->id,
		.to = to,
		.conn = self->post[to].conn,
		.sid = sid,
		.reign = self->store.allegiance,
		.at = self->store.at,
		.digest = digest_of(&self->store.content) };
}

static void result(struct node *self, const struct leader_action *a, enum leader_event_kind kind,
        const struct leader_piece *piece)
{
	const struct leader_event e = {
		.kind = kind, .peer = a->peer, .sid = a->sid, .piece = piece
	};

	if (leader_step(self->leader, &e, node_now(self)) != CS_OK)
		abort();
}

static void do_welcome(struct node *self, const struct leader_action *a)
{
	struct message m = base(self, P_WELCOME, peer_of(a->peer), a->sid);

	m.mode = a->welcome;
	m.cursor = a->cursor;
	m.head = self->store.at.seq;
	m.sums = sums_of(&self->store.content);
	net_send(self->world, &m);
}

static void do_piece(struct node *self, const struct leader_action *a)
{
	struct message m = base(self, P_PIECE, peer_of(a->peer), a->sid);
	struct leader_piece piece = { .bytes = 100 };

	if (one_in(self->world, 20)) { /* the socket is full now and then */
		result(self, a, LEADER_BLOCKED, NULL);
		return;
	}
	store_piece(&self->store, a->cursor, &m.piece, &piece.closing, &self->post[m.to].mark);
	piece.to = m.piece.to;
	net_send(self->world, &m);
	result(self, a, LEADER_PIECE, &piece);
}

static void do_mark(struct node *self, const struct leader_action *a)
{
	struct message m = base(self, P_MARK, peer_of(a->peer), a->sid);

	m.mark = self->post[m.to].mark;
	m.cursor = m.mark.at.seq;
	net_send(self->world, &m);
	result(self, a, LEADER_MARKED, NULL);
}

static void do_head(struct node *self, const struct leader_action *a)
{
	struct message m = base(self, P_HEAD, peer_of(a->peer), a->sid);

	m.head = self->store.at.seq;
	m.released = leader_released(self->leader);
	net_send(self->world, &m);
}

static void do_got(struct node *self, const struct leader_action *a)
{
	const struct message *get = a->ref;
	struct message m = base(self, P_GOT, peer_of(a->peer), a->sid);
	const struct store *s = &self->store;

	if (get->bucket < BUCKETS) {
		m.kind = P_LIST;
		m.bucket = get->bucket;
		m.list = s->content;
		m.digest = sums_of(&s->content).v[get->bucket];
		net_send(self->world, &m);
		return;
	}
	m.keys = get->keys;
	for (unsigned k = 0; k < KEYS; k++) {
		m.piece.has[k] = (get->keys >> k & 1) && s->content.key[k].there;
		m.piece.object[k] = s->content.key[k];
	}
	for (size_t i = 0; get->keys == 0 && i < s->commits; i++)
		if (s->log[i].seq <= get->cursor)
			m.piece.commit[m.piece.commits++] = s->log[i];
	net_send(self->world, &m);
}

static uint64_t wanted(const struct node *self)
{
	const struct wire_texts t = leader_wanted_syncset(self->leader);
	uint64_t bits = 0;

	for (size_t i = 0; i < t.n; i++)
		bits |= 1u << peer_of(t.v[i]);
	return bits;
}

static void do_syncset(struct node *self)
{
	const struct change change = { KEY_SYNCSET, false, wanted(self) };
	const uint64_t old = self->store.content.key[KEY_SYNCSET].value;

	if (lead_commit(self, &change, 1) == CS_OK) {
		if ((old & ~change.value) != 0)
			node_record(self, DID_SHRINK, NULL);
		return;
	}
	const struct leader_event e = { .kind = LEADER_SYNCSET_FAILED };
	if (leader_step(self->leader, &e, node_now(self)) != CS_OK)
		abort();
}

static void do_answer(struct node *self, const struct leader_action *a)
{
	struct record r = { .at = self->world->now, .what = DID_ACK, .node = self->id };

	r.position = self->world->command[a->id].at;
	if (a->err == CS_OK)
		history_add(&self->world->history, &r);
}

static void perform(struct node *self, const struct leader_action *a)
{
	struct message bye;

	switch (a->kind) {
	case LEADER_SEND_WELCOME:
		do_welcome(self, a);
		break;
	case LEADER_SEND_BYE:
		bye = base(self, P_BYE, peer_of(a->peer), a->sid);
		net_send(self->world, &bye);
		break;
	case LEADER_SEND_PIECE:
		do_piece(self, a);
		break;
	case LEADER_SEND_MARK:
		do_mark(self, a);
		break;
	case LEADER_SEND_HEAD:
		do_head(self, a);
		break;
	case LEADER_SEND_GOT:
		do_got(self, a);
		break;
	case LEADER_COMMIT_SYNCSET:
		do_syncset(self);
		break;
	case LEADER_RELEASE:
		break;
	case LEADER_ANSWER:
		do_answer(self, a);
		break;
	case LEADER_MODE:
		self->fenced = a->mode == LEADER_FENCED;
		break;
	case LEADER_DRIFT:
		break;
	}
	if (self->world->loud && a->text[0] != '\0')
		printf("%8lld %c to %s: %s\n", (long long)self->world->now, node_names[self->id],
		        a->peer, a->text);
}

void lead(struct node *self, const struct leader_event *event)
{
	struct leader_action action;

	if (self->leader == NULL)
		return;
	if (leader_step(self->leader, event, node_now(self)) != CS_OK)
		abort();
	if (self->draining)
		return;
	self->draining = true;
	while (self->leader != NULL && leader_take(self->leader, &action)) {
		if (!node_acts(self))
			return;
		perform(self, &action);
	}
	self->draining = false;
}

static void tell_head(struct node *self, bool syncset_changed)
{
	static const char *const names[] = { "P", "B", "T", "U" };
	const struct store *s = &self->store;
	const char *in[NODES];
	uint8_t digest[32];
	struct leader_event e = { .kind = LEADER_COMMITTED,
		.head.seq = s->at.seq,
		.digest = digest,
		.floor = s->floor,
		.log_from = s->commits != 0 ? s->log[0].seq : 0,
		.syncset_changed = syncset_changed,
		.syncset = { in, 0 } };

	digest_bytes(digest_of(&s->content), digest);
	history_bytes(s->at.history, e.head.history);
	for (int i = 0; i < NODES; i++)
		if (s->content.key[KEY_SYNCSET].value >> i & 1)
			in[e.syncset.n++] = names[i];
	lead(self, &e);
}

enum cs_err lead_commit(struct node *self, const struct change *changes, size_t count)
{
	const uint64_t parent = self->store.at.chain;
	struct record r = { .at = self->world->now, .what = DID_COMMIT, .node = self->id };

	if (self->leader != NULL && leader_mode(self->leader) != LEADER_OK)
		return CS_ENOTPRIMARY;
	node_durable(self);
	CS_TRY(store_commit(&self->store, changes, count));
	r.position = self->store.at;
	r.parent = parent;
	r.content = self->store.content;
	history_add(&self->world->history, &r);
	if (self->leader != NULL)
		tell_head(self, changes[0].key == KEY_SYNCSET);
	return CS_OK;
}

void lead_write(struct node *self, unsigned key, bool tombstone, uint32_t mode)
{
	struct world *w = self->world;
	const struct change c = { key, tombstone, tombstone ? 0 : ++w->value };

	if (self->leader == NULL || lead_commit(self, &c, 1) != CS_OK || self->leader == NULL ||
	        mode != ACK_BACKUP || w->commands == CS_COUNT(w->command))
		return;
	w->command[w->commands].node = self->id;
	w->command[w->commands].at = self->store.at;
	const struct leader_command command = { .id = w->commands++,
		.mode = mode,
		.seq = self->store.at.seq,
		.deadline = node_now(self) + 5000 };
	lead(self, &(struct leader_event){ .kind = LEADER_COMMAND, .command = &command });
}

void lead_start(struct node *self)
{
	static const char *const names[] = { "P", "B", "T", "U" };
	uint8_t history[16];

	history_bytes(self->store.allegiance.history, history);
	if (leader_new(names[self->id], self->store.allegiance.epoch, history, node_now(self),
	            &self->leader) != CS_OK)
		abort();
	self->draining = true;
	for (int i = 0; i < NODES; i++)
		lead(self, &(struct leader_event){ .kind = LEADER_NODE,
		                   .peer = names[i],
		                   .role = i < 2 ? ROLE_BACKUP : ROLE_TRAFFIC,
		                   .allowed = true });
	self->draining = false;
	self->view.released = self->store.kept_released;
	tell_head(self, true);
}

void lead_keep(struct node *self)
{
	self->store.kept_released = leader_released(self->leader);
	for (size_t i = 0; i < leader_count(self->leader); i++) {
		const struct leader_view v = leader_view(self->leader, i);
		self->store.best[peer_of(v.name)] = v.best;
	}
}

static void on_hello(struct node *self, const struct message *m, const char *name)
{
	struct leader_hello h = { .version = REPLICATION_VERSION,
		.mode = m->mode,
		.epoch = m->reign.epoch,
		.record_valid = m->reign.epoch != 0,
		.seq = m->at.seq,
		.credit = CS_CREDIT,
		.best = self->store.best[m->from],
		.relation = STATE_OTHER };

	history_bytes(m->reign.history, h.history);
	digest_bytes(m->digest, h.digest);
	if (m->at.seq != 0) {
		h.mark_valid = m->mark_at.seq == m->at.seq && m->mark_at.history == m->at.history;
		h.relation = store_relate(&self->store, &m->at);
	}
	if (m->mode != HELLO_WATCH || self->post[m->from].conn == 0)
		self->post[m->from].conn = m->conn;
	lead(self, &(struct leader_event){
	                   .kind = LEADER_HELLO, .peer = name, .sid = m->sid, .hello = &h });
}

static void on_ack(struct node *self, const struct message *m, const char *name)
{
	struct leader_ack a = { .staged = m->staged, .stored = m->stored, .served = m->served };

	history_bytes(m->reign.history, a.history);
	digest_bytes(m->digest, a.digest);
	lead(self, &(struct leader_event){
	                   .kind = LEADER_ACK, .peer = name, .sid = m->sid, .ack = &a });
}

static void refuse(struct node *self, const struct message *m)
{
	struct message answer = base(self, m->kind == P_HELLO ? P_WELCOME : P_BYE, m->from, m->sid);

	answer.conn = m->conn;
	answer.mode = WELCOME_NOT_PRIMARY;
	if (m->kind != P_BYE)
		net_send(self->world, &answer);
}

void lead_receive(struct node *self, const struct message *m)
{
	const char name[2] = { node_names[m->from], '\0' };

	if (self->leader == NULL || (m->kind != P_HELLO && m->conn != self->post[m->from].conn))
		refuse(self, m);
	else if (m->kind == P_HELLO)
		on_hello(self, m, name);
	else if (m->kind == P_ACK)
		on_ack(self, m, name);
	else
		lead(self, &(struct leader_event){ .kind = m->kind == P_BYE   ? LEADER_LEFT
		                                           : m->kind == P_GET ? LEADER_GET
		                                                              : LEADER_HEARD,
		                   .peer = name,
		                   .sid = m->sid,
		                   .ref = m });
}
