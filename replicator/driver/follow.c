/* A follower's hands: what the core decides, on the store and the client socket. */
#include <string.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "replicator/driver/own.h"
#include "replicator/driver/signature.h"

#define MESSAGES_A_TURN 256

static enum cs_err send_packet(struct replicator *self, unsigned id, const void *body)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);

	if (self->client == NULL)
		return CS_ECLOSED;
	CS_TRY(wire_pack(id, body, &buf));
	return client_send(self->client, cs_buf_view(&buf));
}

static enum cs_err send_hello(struct replicator *self, const struct follower_action *a)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_node *me = registry_find(self->registry, self->name);
	const struct state_position *p = &self->facts.position;
	const struct wire_position position = { .history = { p->history, p->seq != 0 ? 16u : 0u },
		.seq = p->seq,
		.chain = { p->chain, p->seq != 0 ? 32u : 0u } };
	struct wire_hello h = { .version = REPLICATION_VERSION,
		.sid = a->sid,
		.cluster = { self->cluster, 16 },
		.node = self->name,
		.role = me != NULL ? me->role : ROLE_TRAFFIC,
		.mode = a->compare ? HELLO_COMPARE : HELLO_FOLLOW,
		.position = &position,
		.allegiance = self->reign.epoch != 0 ? &self->reign : NULL,
		.digest = { self->facts.digest, 32 },
		.credit = CS_CREDIT,
		.software = CERTSPAN_VERSION };

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(state_mark(self->state, arena, &h.mark));
	if (h.mark.n > 1024) /* many reigns: it proves nothing that is needed to follow */
		h.mark = (struct cs_bytes){ NULL, 0 };
	return send_packet(self, PACKET_hello, &h);
}

static enum cs_err send_ack(struct replicator *self, const struct follower_action *a)
{
	const struct wire_ack ack = { .sid = a->sid,
		.history = self->reign.history,
		.staged = follower_staged(self->follower),
		.stored = a->stored,
		.digest = { self->facts.digest, 32 },
		.loaded = opening_loaded(self->opening),
		.served = prober_served(self->prober) };

	return send_packet(self, PACKET_ack, &ack);
}

static enum cs_err send_status(struct replicator *self, uint64_t sid)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_member me;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(members_self(self, arena, &me));
	const struct wire_status s = { .sid = sid,
		.wall_ms = (uint64_t)cs_clock_wall_ms(),
		.software = me.software,
		.generation = me.generation,
		.probes = { me.probes.v, me.probes.n },
		.unopened = me.unopened,
		.error = me.error,
		.layers = me.layers,
		.facts = me.facts };
	return send_packet(self, PACKET_status, &s);
}

static enum cs_err dial(struct replicator *self, size_t i)
{
	client_close(&self->client);
	self->was_writable = false;
	if (i >= self->upstream_count)
		return CS_EBUG;
	const struct upstream *u = &self->upstreams[i];
	return client_open(self->context, u->address, u->key,
	        (struct link_keys){ self->key.curve_public, self->key.curve_secret }, false,
	        &self->client);
}

static void hang_up(struct replicator *self)
{
	client_close(&self->client);
	self->was_writable = false;
}

/* Everything that follows from a new position. */
static enum cs_err moved(struct replicator *self)
{
	CS_TRY(replicator_refresh(self));
	CS_TRY(opening_scan(self->opening, self->state));
	return replicator_reload_registry(self);
}

static enum cs_err apply(struct replicator *self, const struct wire_mark *mark)
{
	CS_AUTO(cs_buf_free) struct cs_buf encoded = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_mark bare = *mark;

	bare.sid = 0;
	CS_TRY(wire_encode(&wire_mark_type, &bare, &encoded));
	CS_TRY(state_apply_mark(self->state, mark, cs_buf_view(&encoded)));
	const enum cs_err rc = moved(self);
	if (rc != CS_OK)
		self->fatal = rc; /* it is stored: start anew from there */
	return CS_OK;
}

static void disk_alarm(struct replicator *self, enum cs_err rc)
{
	if (rc == CS_EFULL)
		alarm_raise(self, ALARM_DISK,
		        "the disk of the store is full: changes cannot be stored; free some space");
	else if (rc == CS_OK)
		alarm_clear(self, ALARM_DISK);
	else if (rc == CS_EIO)
		self->fatal = rc;
}

static void step(struct replicator *self, struct follower_event e)
{
	e.random = fresh_random();
	follower_step(self->follower, &e, self->now);
}

static void do_stage(struct replicator *self, const struct wire_piece *piece)
{
	const enum cs_err rc = state_stage(self->state, piece);

	disk_alarm(self, rc);
	step(self, (struct follower_event){ .kind = FOLLOWER_STAGED, .err = rc, .to = piece->to });
}

static void do_apply(struct replicator *self, const struct wire_mark *mark)
{
	const enum cs_err rc = apply(self, mark);

	disk_alarm(self, rc);
	if (rc != CS_OK)
		cs_log_with(CS_LOG_ERROR, (struct cs_log_fields){ .seq = mark->position->seq },
		        "the mark could not be stored: %s", cs_err_text(rc));
	step(self, (struct follower_event){ .kind = FOLLOWER_APPLIED,
	                   .err = rc,
	                   .position = self->facts.position,
	                   .digest = self->facts.digest });
}

static void do_allegiance(struct replicator *self, const void *ref)
{
	const struct wire_packet *packet = ref;
	const struct wire_reign *reign =
	        packet->id == PACKET_head ? ((const struct wire_head *)packet->body)->reign
	                                  : ((const struct wire_welcome *)packet->body)->reign;
	const enum cs_err rc = replicator_allegiance(self, reign);

	if (rc != CS_OK)
		self->fatal = rc; /* it may not be obeyed without being remembered */
	else
		cs_notice(
		        "epoch %llu is led by %s", (unsigned long long)reign->epoch, reign->leader);
	follow_upstreams(self);
}

static void do_alarm(struct replicator *self, const char *text)
{
	if (text[0] == '\0') {
		alarm_clear(self, ALARM_FOLLOW);
		return;
	}
	if (strcmp(self->alarms[ALARM_FOLLOW], text) != 0)
		cs_warning("%s", text);
	alarm_raise(self, ALARM_FOLLOW, "%s", text);
}

static void perform(struct replicator *self, const struct follower_action *a)
{
	enum cs_err rc = CS_OK;

	switch (a->kind) {
	case FOLLOWER_DIAL:
		rc = dial(self, a->upstream);
		break;
	case FOLLOWER_HANGUP:
		hang_up(self);
		break;
	case FOLLOWER_SEND_HELLO:
		rc = send_hello(self, a);
		break;
	case FOLLOWER_SEND_ACK:
		rc = send_ack(self, a);
		break;
	case FOLLOWER_SEND_STATUS:
		rc = send_status(self, a->sid);
		break;
	case FOLLOWER_SEND_BYE:
		rc = send_packet(
		        self, PACKET_bye, &(struct wire_bye){ .sid = a->sid, .reason = a->text });
		break;
	case FOLLOWER_DROP_INBOX:
		rc = state_inbox_drop(self->state);
		break;
	case FOLLOWER_ALLEGIANCE:
		do_allegiance(self, a->ref);
		break;
	case FOLLOWER_DO_STAGE:
		do_stage(self, ((const struct wire_packet *)a->ref)->body);
		break;
	case FOLLOWER_DO_APPLY:
		do_apply(self, ((const struct wire_packet *)a->ref)->body);
		break;
	case FOLLOWER_RELEASED:
		self->view.released = a->seq;
		break;
	case FOLLOWER_RESTART_VIEW:
		serve_restart(self);
		break;
	case FOLLOWER_DO_COMPARE: /* the store cannot compare yet: it keeps serving, and watches */
	case FOLLOWER_DO_LIST:
		step(self, (struct follower_event){
		                   .kind = FOLLOWER_COMPARED, .err = CS_EUNSUPPORTED });
		break;
	case FOLLOWER_SEND_GET:
		break;
	case FOLLOWER_ALARM:
		do_alarm(self, a->text);
		break;
	}
	if (rc != CS_OK)
		cs_debug("upstream: %s",
		        cs_err_text(rc)); /* the core's own timers notice what does not come back */
}

/* Actions make further events; they queue up behind. */
void follow(struct replicator *self, struct follower_event event)
{
	struct follower_action action;

	if (self->follower == NULL)
		return;
	step(self, event);
	if (self->draining_follower)
		return;
	self->draining_follower = true;
	while (self->fatal == CS_OK && follower_take(self->follower, &action))
		perform(self, &action);
	self->draining_follower = false;
}

static struct follower_reign reign_of(struct replicator *self, const struct wire_reign *r)
{
	struct follower_reign out = { .epoch = 0 };

	if (r == NULL || r->history.n != 16)
		return out;
	out.epoch = r->epoch;
	memcpy(out.history, r->history.p, 16);
	out.valid = reign_good(r, self->registry);
	return out;
}

static void on_welcome(struct replicator *self, const struct wire_packet *p)
{
	const struct wire_welcome *w = p->body;

	cs_log_with(CS_LOG_INFO, (struct cs_log_fields){ .seq = w->head }, "%s answers%s%s",
	        self->upstreams[follower_upstream(self->follower)].name,
	        w->reason[0] != '\0' ? ": " : "", w->reason);
	follow(self, (struct follower_event){ .kind = FOLLOWER_WELCOME,
	                     .sid = w->sid,
	                     .welcome = w->kind,
	                     .cursor = w->cursor,
	                     .head = w->head,
	                     .reign = reign_of(self, w->reign),
	                     .ref = p });
}

static void on_piece(struct replicator *self, const struct wire_packet *p)
{
	const struct wire_piece *m = p->body;

	if (m->history.n == 16)
		follow(self, (struct follower_event){ .kind = FOLLOWER_PIECE,
		                     .sid = m->sid,
		                     .epoch = m->epoch,
		                     .history = m->history.p,
		                     .from = m->from,
		                     .to = m->to,
		                     .ref = p });
}

static void on_mark(struct replicator *self, const struct wire_packet *p)
{
	const struct wire_mark *m = p->body;

	if (m->position != NULL)
		follow(self, (struct follower_event){ .kind = FOLLOWER_MARK,
		                     .sid = m->sid,
		                     .epoch = m->epoch,
		                     .from = m->from,
		                     .to = m->position->seq,
		                     .valid = mark_good(m, self->registry),
		                     .ref = p });
}

static void on_head(struct replicator *self, struct wire_packet *p)
{
	const struct wire_head *h = p->body;

	follow(self, (struct follower_event){ .kind = FOLLOWER_HEAD,
	                     .sid = h->sid,
	                     .reign = reign_of(self, h->reign),
	                     .to = h->seq,
	                     .released = h->released,
	                     .ref = p });
	if (h->summary == NULL || self->follower == NULL || !follower_connected(self->follower))
		return;
	wire_packet_free(&self->head);
	self->head = *p;
	self->head_at = self->now;
	*p = (struct wire_packet){ 0 };
}

static void on_message(struct replicator *self, struct wire_packet *p)
{
	switch (p->id) {
	case PACKET_welcome:
		on_welcome(self, p);
		break;
	case PACKET_piece:
		on_piece(self, p);
		break;
	case PACKET_mark:
		on_mark(self, p);
		break;
	case PACKET_head:
		on_head(self, p);
		break;
	case PACKET_bye:
		follow(self, (struct follower_event){ .kind = FOLLOWER_BYE,
		                     .sid = ((const struct wire_bye *)p->body)->sid });
		break;
	default:
		self->refused++;
	}
}

/* Before messages are read: ZeroMQ reconnects by itself, and the session would have a gap. */
static void check_connection(struct replicator *self)
{
	const enum client_fault fault = client_fault(self->client);

	if (fault == CLIENT_REFUSED)
		alarm_raise(self, ALARM_KEY,
		        "the upstream refuses this node's key: revoked, or another cluster");
	else if (fault == CLIENT_NO_CURVE)
		alarm_raise(self, ALARM_KEY,
		        "the upstream does not hold the key that the registry names");
	if (!self->was_writable || fault == CLIENT_FINE)
		return;
	cs_info("the connection to %s is lost",
	        self->upstreams[follower_upstream(self->follower)].name);
	follow(self, (struct follower_event){ .kind = FOLLOWER_LOST });
}

/* A message may end the session, and the socket with it. */
void follow_receive(struct replicator *self)
{
	if (self->client != NULL)
		check_connection(self);
	for (int i = 0; i < MESSAGES_A_TURN && self->client != NULL && self->fatal == CS_OK; i++) {
		struct wire_packet packet;
		const enum cs_err rc = client_receive(self->client, &packet);
		if (rc == CS_EAGAIN)
			break;
		if (rc == CS_OK)
			on_message(self, &packet);
		else
			self->refused++;
		wire_packet_free(&packet);
	}
	if (self->client != NULL && !self->was_writable && client_writable(self->client)) {
		self->was_writable = true;
		alarm_clear(self, ALARM_KEY);
		follow(self, (struct follower_event){ .kind = FOLLOWER_CONNECTED });
	}
}

void follow_tick(struct replicator *self)
{
	follow(self, (struct follower_event){ .kind = FOLLOWER_TICK });
}
