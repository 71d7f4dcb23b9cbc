/* What other nodes send to the port that we bind: a leader's peers, and at a follower those who
 * look for the leader. */
#include <stdio.h>
#include <string.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "replicator/driver/own.h"
#include "replicator/driver/signature.h"
#include "replicator/enrol/desk.h"

#define MESSAGES_A_TURN 512

static void answer(
        struct replicator *self, const struct link_route *to, unsigned id, const void *body)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);

	if (wire_pack(id, body, &buf) != CS_OK ||
	        server_send(self->server, to, cs_buf_view(&buf)) != CS_OK)
		cs_debug("an answer could not be sent");
}

static void answer_welcome(struct replicator *self, const struct link_route *to, uint64_t sid,
        uint32_t kind, const char *reason)
{
	const struct wire_welcome w = { .version = REPLICATION_VERSION,
		.sid = sid,
		.kind = kind,
		.reign = self->reign.epoch != 0 ? &self->reign : NULL,
		.reason = reason };

	answer(self, to, PACKET_welcome, &w);
}

static void answer_bye(struct replicator *self, const struct link_route *to, uint64_t sid)
{
	const struct wire_bye b = { .sid = sid, .reason = "no such session" };

	answer(self, to, PACKET_bye, &b);
}

/* The mark it shows is signed, and says the position that it claims. */
static bool mark_shown(struct replicator *self, const struct wire_hello *h, struct cs_arena *arena)
{
	struct wire_mark mark;

	return h->mark.n != 0 && wire_decode(&wire_mark_type, h->mark, arena, &mark) == CS_OK &&
	       mark.position != NULL && mark.position->seq == h->position->seq &&
	       cs_bytes_equal(mark.position->history, h->position->history) &&
	       mark_good(&mark, self->registry);
}

static void copy_bytes(uint8_t *out, size_t n, struct cs_bytes in)
{
	memset(out, 0, n);
	if (in.n == n)
		memcpy(out, in.p, n);
}

static enum cs_err hello_of(struct replicator *self, const struct wire_hello *h,
        struct cs_arena *arena, struct leader_hello *out)
{
	*out = (struct leader_hello){
		.version = h->version, .mode = h->mode, .credit = h->credit, .relation = STATE_OTHER
	};
	if (h->allegiance != NULL) {
		out->epoch = h->allegiance->epoch;
		copy_bytes(out->history, 16, h->allegiance->history);
		out->record_valid = reign_good(h->allegiance, self->registry);
	}
	copy_bytes(out->digest, 32, h->digest);
	out->best = lead_best(self, h->node);
	if (h->position == NULL || h->position->seq == 0)
		return CS_OK;
	out->seq = h->position->seq;
	out->mark_valid = mark_shown(self, h, arena);
	return state_relate(self->state, h->position, &out->relation);
}

static void on_hello(struct replicator *self, const struct link_route *from, const char *user,
        const struct wire_packet *packet)
{
	const struct wire_hello *h = packet->body;
	struct leader_hello core;

	if (strcmp(h->node, user) != 0 ||
	        !cs_bytes_equal(h->cluster, (struct cs_bytes){ self->cluster, 16 })) {
		self->refused++;
		alarm_raise(self, ALARM_NODE, "%s says that it is %.64s of another cluster or name",
		        user, h->node);
		answer_welcome(self, from, h->sid, WELCOME_REVOKED,
		        "not a node of this cluster by that name");
		return;
	}
	if (self->leader == NULL) {
		answer_welcome(self, from, h->sid, WELCOME_NOT_PRIMARY, "");
		return;
	}
	struct post *post = post_of(self, user, true);
	const enum cs_err rc = hello_of(self, h, packet->arena, &core);
	if (post == NULL || rc != CS_OK) {
		cs_log_with(CS_LOG_ERROR, (struct cs_log_fields){ .peer = user },
		        "HELLO cannot be answered: %s", cs_err_text(post == NULL ? CS_ENOMEM : rc));
		return;
	}
	post->route = *from;
	cs_buf_free(&post->mark);
	cs_log_with(
	        CS_LOG_INFO, (struct cs_log_fields){ .peer = user, .seq = core.seq }, "connected");
	lead(self, &(struct leader_event){
	                   .kind = LEADER_HELLO, .peer = user, .sid = h->sid, .hello = &core });
}

static void on_ack(struct replicator *self, const char *user, const struct wire_ack *a)
{
	struct leader_ack core = {
		.staged = a->staged, .stored = a->stored, .loaded = a->loaded, .served = a->served
	};

	copy_bytes(core.history, 16, a->history);
	copy_bytes(core.digest, 32, a->digest);
	lead(self, &(struct leader_event){
	                   .kind = LEADER_ACK, .peer = user, .sid = a->sid, .ack = &core });
}

static void on_status(struct replicator *self, const char *user, struct wire_packet *packet)
{
	const struct wire_status *s = packet->body;
	struct post *post = post_of(self, user, true);
	const uint64_t sid = s->sid;

	if (post != NULL) {
		post->clock_offset_ms = (int64_t)s->wall_ms - cs_clock_wall_ms();
		wire_packet_free(&post->status);
		post->status = *packet;
		*packet = (struct wire_packet){ 0 };
	}
	lead(self, &(struct leader_event){ .kind = LEADER_HEARD, .peer = user, .sid = sid });
}

static uint64_t sid_of(const struct wire_packet *packet)
{
	switch (packet->id) {
	case PACKET_ack:
		return ((const struct wire_ack *)packet->body)->sid;
	case PACKET_status:
		return ((const struct wire_status *)packet->body)->sid;
	case PACKET_bye:
		return ((const struct wire_bye *)packet->body)->sid;
	default:
		return 0;
	}
}

/* ZeroMQ reconnects silently: the same session on another connection has lost messages. */
static bool same_connection(
        struct replicator *self, const struct link_route *from, const char *user)
{
	const struct post *post = post_of(self, user, false);

	return self->leader != NULL && post != NULL && post->route.n == from->n &&
	       memcmp(post->route.bytes, from->bytes, from->n) == 0;
}

static void on_session(struct replicator *self, const struct link_route *from, const char *user,
        struct wire_packet *packet)
{
	const uint64_t sid = sid_of(packet);

	if (!same_connection(self, from, user)) {
		if (packet->id != PACKET_bye)
			answer_bye(self, from, sid);
		return;
	}
	switch (packet->id) {
	case PACKET_ack:
		on_ack(self, user, packet->body);
		break;
	case PACKET_status:
		on_status(self, user, packet);
		break;
	case PACKET_bye:
		cs_log_with(CS_LOG_INFO, (struct cs_log_fields){ .peer = user }, "left: %s",
		        ((const struct wire_bye *)packet->body)->reason);
		lead(self, &(struct leader_event){ .kind = LEADER_LEFT, .peer = user, .sid = sid });
		break;
	default: /* traffic nodes have no write verb */
		self->refused++;
	}
}

static void on_message(struct replicator *self, const struct link_route *from, const char *user,
        struct wire_packet *packet)
{
	const struct wire_node *node = registry_find(self->registry, user);

	if (packet->id == PACKET_enrol) {
		desk_enrol(self, from, user, packet);
		return;
	}
	/* ZAP is asked at the handshake only: revocation is checked with every message. */
	if (node == NULL || !node_allowed(node, cs_clock_wall_s())) {
		self->refused++;
		if (packet->id == PACKET_hello)
			answer_welcome(self, from, ((const struct wire_hello *)packet->body)->sid,
			        WELCOME_REVOKED, "this node is revoked, expired or not enrolled");
		return;
	}
	if (packet->id == PACKET_hello)
		on_hello(self, from, user, packet);
	else
		on_session(self, from, user, packet);
}

void lead_receive(struct replicator *self)
{
	char user[CS_ID_MAX + 16];
	struct link_route from;

	for (int i = 0; i < MESSAGES_A_TURN && self->server != NULL; i++) {
		struct wire_packet packet;
		const enum cs_err rc = server_receive(self->server, &from, user, &packet);
		if (rc == CS_EAGAIN)
			return;
		if (rc != CS_OK || packet.id == 0) {
			self->refused++;
			cs_log_with(CS_LOG_WARNING, (struct cs_log_fields){ .peer = user },
			        "a message was refused: %s", cs_err_text(rc));
			continue;
		}
		on_message(self, &from, user, &packet);
		wire_packet_free(&packet);
	}
}
