/* What admin asks: changes since a seq, writes (all of one turn are one group commit), waiting,
 * facts, tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "replicator/driver/own.h"
#include "replicator/enrol/desk.h"
#include "replicator/local/admin.h"

#define SINCE_BYTES (64u << 10) /* of payload; the packet stays below CS_PACKET_MAX */
#define WAIT_MS 5000
#define PROBE_TAGS 16

static uint64_t probe_tags[PROBE_TAGS]; /* ASK_PROBE that wait for the round to end */
static size_t probe_tag_count;

static void send_admin(struct replicator *self, unsigned id, const void *body)
{
	if (self->admin < 0)
		return;
	const enum cs_err rc = channel_send_wait(self->admin, id, body, cs_clock_mono_ms() + 200);
	if (rc != CS_OK)
		cs_warning("an answer to admin is lost: %s", cs_err_text(rc));
}

void admin_outcome(
        struct replicator *self, uint64_t tag, enum cs_err err, const char *reason, uint64_t seq)
{
	const struct wire_outcome o = { .tag = tag,
		.error = err != CS_OK ? cs_err_name(err) : "",
		.reason = reason,
		.seq = seq,
		.epoch = self->reign.epoch,
		.head = self->facts.position.seq,
		.primary = self->reign.leader };

	send_admin(self, PACKET_outcome, &o);
}

void admin_not_primary(struct replicator *self, uint64_t tag)
{
	char text[256];

	if (self->leader != NULL)
		snprintf(text, sizeof(text), "this primary may not write: %s",
		        leader_mode_name(leader_mode(self->leader)));
	else
		snprintf(text, sizeof(text),
		        "this node follows; changes are made on the primary, %s",
		        self->reign.leader[0] != '\0' ? self->reign.leader : "not yet known");
	admin_outcome(self, tag, CS_ENOTPRIMARY, text, 0);
}

void admin_forget(struct replicator *self)
{
	self->caller_count = 0;
	probe_tag_count = 0;
	for (size_t i = 0; i < self->write_count; i++)
		wire_packet_free(&self->writes[i]);
	self->write_count = 0;
}

void admin_answer(
        struct replicator *self, uint64_t id, enum cs_err err, const char *text, uint64_t seq)
{
	for (size_t i = 0; i < self->caller_count; i++) {
		if (self->callers[i].id != id)
			continue;
		admin_outcome(self, self->callers[i].tag, err, text, seq);
		self->callers[i] = self->callers[--self->caller_count];
		return;
	}
}

void admin_wait(
        struct replicator *self, uint64_t tag, struct leader_command command, uint32_t timeout_ms)
{
	struct caller *v = realloc(self->callers, (self->caller_count + 1) * sizeof(*v));

	if (v == NULL) {
		self->fatal = CS_ENOMEM;
		return;
	}
	self->callers = v;
	command.id = ++self->next_id;
	command.deadline = self->now + (timeout_ms != 0 ? timeout_ms : WAIT_MS);
	v[self->caller_count++] = (struct caller){ command.id, tag };
	lead(self, &(struct leader_event){ .kind = LEADER_COMMAND, .command = &command });
}

/* --- SINCE --- */

static enum cs_err strip_bundle(
        const struct wire_object *in, struct cs_arena *arena, struct cs_buf *out)
{
	struct wire_bundle bundle;

	CS_TRY(wire_decode(&wire_bundle_type, in->payload, arena, &bundle));
	bundle.sealed = (struct cs_bytes){ NULL, 0 };
	return wire_encode(&wire_bundle_type, &bundle, out);
}

static enum cs_err strip_request(
        const struct wire_object *in, struct cs_arena *arena, struct cs_buf *out)
{
	struct wire_request request;

	CS_TRY(wire_decode(&wire_request_type, in->payload, arena, &request));
	request.sealed = (struct cs_bytes){ NULL, 0 };
	return wire_encode(&wire_request_type, &request, out);
}

/* The sealed half of a bundle or request never comes near admin. */
static enum cs_err strip(
        const struct wire_object *in, struct cs_arena *arena, struct wire_object *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_OBJECT_MAX);

	*out = *in;
	if (in->kind == OBJECT_SECRET)
		out->payload = (struct cs_bytes){ NULL, 0 };
	if ((in->kind != OBJECT_BUNDLE && in->kind != OBJECT_REQUEST) || in->tombstone)
		return CS_OK;
	CS_TRY(in->kind == OBJECT_BUNDLE ? strip_bundle(in, arena, &buf)
	                                 : strip_request(in, arena, &buf));
	uint8_t *copy = cs_arena_take(arena, buf.n + 1);
	if (copy == NULL)
		return CS_ENOMEM;
	memcpy(copy, buf.p, buf.n);
	out->payload = (struct cs_bytes){ copy, buf.n };
	return CS_OK;
}

static size_t packet_bytes(const struct wire_object *o)
{
	return o->payload.n + strlen(o->id) + 96;
}

/* Commits that do not fit one packet are cut at a whole seq. */
static size_t fitting(const struct wire_object *v, size_t n)
{
	size_t bytes = 0, cut = 0;

	for (size_t i = 0; i < n; i++) {
		bytes += packet_bytes(&v[i]);
		if (bytes > CS_PACKET_MAX - 4096)
			return cut;
		if (i + 1 == n || v[i + 1].seq != v[i].seq)
			cut = i + 1;
	}
	return n;
}

static enum cs_err changes(struct replicator *self, const struct wire_since *since,
        struct cs_arena *arena, size_t bytes)
{
	const struct wire_object *raw;
	size_t n;
	uint64_t to, head;
	const bool reset = since->seq > self->facts.position.seq;

	CS_TRY(state_since(
	        self->state, reset ? 0 : since->seq, bytes, arena, &raw, &n, &to, &head));
	struct wire_object *v = cs_arena_take(arena, (n + 1) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		CS_TRY(strip(&raw[i], arena, &v[i]));
	const size_t fit = fitting(v, n);
	if (fit == 0 && n != 0)
		return CS_ETOOBIG;
	if (fit < n)
		to = v[fit - 1].seq;
	const struct wire_changes c = { .tag = since->tag,
		.to = to,
		.more = to < head,
		.reset = reset,
		.history = { self->facts.position.history, 16 },
		.objects = { v, fit } };
	send_admin(self, PACKET_changes, &c);
	return CS_OK;
}

static void on_since(struct replicator *self, const struct wire_since *since)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	enum cs_err rc = cs_arena_new(4 * STATE_ARENA, &arena);

	if (rc == CS_OK)
		rc = changes(self, since, arena, SINCE_BYTES);
	if (rc == CS_OK)
		return;
	cs_error("changes since seq %llu cannot be read: %s", (unsigned long long)since->seq,
	        cs_err_text(rc));
	admin_outcome(self, since->tag, rc, "the store cannot be read", 0);
}

/* --- the rest --- */

static void on_wait(struct replicator *self, const struct wire_wait *w)
{
	if (self->leader == NULL) {
		admin_not_primary(self, w->tag);
		return;
	}
	const struct leader_command c = { .mode = w->nodes != 0 ? ACK_NODES : ACK_ALL,
		.nodes = w->nodes,
		.seq = w->seq != 0 ? w->seq : self->facts.position.seq,
		.watch_stored = w->mode == ACK_BACKUP };
	admin_wait(self, w->tag, c, w->timeout_ms);
}

static void on_facts(struct replicator *self, uint64_t tag)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_facts facts;
	enum cs_err rc = cs_arena_new(STATE_ARENA, &arena);

	if (rc == CS_OK)
		rc = members_facts(self, tag, arena, &facts);
	if (rc == CS_OK)
		send_admin(self, PACKET_facts, &facts);
	else
		admin_outcome(self, tag, rc, cs_err_text(rc), 0);
}

static void on_identity(struct replicator *self, uint64_t tag)
{
	const struct wire_node *me = registry_find(self->registry, self->name);
	const struct wire_identity id = { .tag = tag,
		.cluster = { self->cluster, 16 },
		.curve_key = { self->key.curve_public, 32 },
		.endpoint = me != NULL ? me->internal : "",
		.name = self->name };

	send_admin(self, PACKET_identity, &id);
}

static void on_token(struct replicator *self, const struct wire_token_add *token)
{
	const enum cs_err rc = desk_add(self, token);

	if (rc == CS_ENOTPRIMARY)
		admin_not_primary(self, token->tag);
	else
		admin_outcome(self, token->tag, rc, rc != CS_OK ? cs_err_text(rc) : "",
		        self->facts.position.seq);
}

static void on_probe(struct replicator *self, uint64_t tag)
{
	if (self->prober_fd < 0 || probe_tag_count == PROBE_TAGS) {
		admin_outcome(self, tag, CS_EAGAIN,
		        self->prober_fd < 0 ? "the prober is not running" : "too many ask at once",
		        0);
		return;
	}
	probe_tags[probe_tag_count++] = tag;
	prober_due(self->prober);
}

void admin_probed(struct replicator *self)
{
	for (size_t i = 0; i < probe_tag_count; i++)
		admin_outcome(self, probe_tags[i], CS_OK, "", prober_served(self->prober));
	probe_tag_count = 0;
}

static void on_packet(struct replicator *self, struct wire_packet *packet)
{
	switch (packet->id) {
	case PACKET_since:
		on_since(self, packet->body);
		break;
	case PACKET_write:
		if (self->write_count == WRITES_MAX)
			admin_commit(self);
		self->writes[self->write_count++] = *packet;
		*packet = (struct wire_packet){ 0 };
		break;
	case PACKET_wait:
		on_wait(self, packet->body);
		break;
	case PACKET_ask_facts:
		on_facts(self, ((const struct wire_ask_facts *)packet->body)->tag);
		break;
	case PACKET_ask_identity:
		on_identity(self, ((const struct wire_ask_identity *)packet->body)->tag);
		break;
	case PACKET_token_add:
		on_token(self, packet->body);
		break;
	case PACKET_ask_probe:
		on_probe(self, ((const struct wire_ask_probe *)packet->body)->tag);
		break;
	default:
		self->refused++;
	}
}

void admin_receive(struct replicator *self)
{
	while (self->admin >= 0) {
		struct wire_packet packet;
		const enum cs_err rc = channel_receive(self->admin, &packet, NULL);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_OK)
			on_packet(self, &packet);
		wire_packet_free(&packet);
		if (rc != CS_ECLOSED)
			continue;
		close(self->admin);
		self->admin = -1;
		admin_forget(self);
	}
}
