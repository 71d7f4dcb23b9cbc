/* A leader's hands: what the core decides, on the store and the server socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "replicator/driver/own.h"
#include "replicator/driver/signature.h"

#define BEST_PREFIX "best."

struct post *post_of(struct replicator *self, const char *name, bool make)
{
	for (size_t i = 0; i < self->post_count; i++)
		if (strcmp(self->posts[i].name, name) == 0)
			return &self->posts[i];
	if (!make || self->post_count >= CS_PEERS_MAX)
		return NULL;
	struct post *v = realloc(self->posts, (self->post_count + 1) * sizeof(*v));
	if (v == NULL)
		return NULL;
	self->posts = v;
	struct post *p = &v[self->post_count++];
	*p = (struct post){ .mark = cs_buf_new(CS_MESSAGE_MAX) };
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

/* The registry is asked at every send: revocation takes effect at once, ZAP only looks at
 * handshakes. */
static enum cs_err send_bytes(
        struct replicator *self, const char *name, struct cs_bytes bytes, bool always)
{
	const struct wire_node *node = registry_find(self->registry, name);
	struct post *post = post_of(self, name, false);

	if (post == NULL || self->server == NULL ||
	        (!always && (node == NULL || !node_allowed(node, cs_clock_wall_s()))))
		return CS_ECLOSED;
	return server_send(self->server, &post->route, bytes);
}

static enum cs_err send_packet(
        struct replicator *self, const char *name, unsigned id, const void *body)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);

	CS_TRY(wire_pack(id, body, &buf));
	return send_bytes(self, name, cs_buf_view(&buf), id == PACKET_welcome || id == PACKET_bye);
}

static void result(struct replicator *self, const struct leader_action *a,
        enum leader_event_kind kind, const struct leader_piece *piece)
{
	const struct leader_event e = {
		.kind = kind, .peer = a->peer, .sid = a->sid, .piece = piece
	};

	if (leader_step(self->leader, &e, self->now) != CS_OK)
		self->fatal = CS_ENOMEM;
}

static void sent_or_not(struct replicator *self, const struct leader_action *a, enum cs_err rc,
        enum leader_event_kind ok, const struct leader_piece *piece)
{
	result(self, a, rc == CS_OK ? ok : rc == CS_ECLOSED ? LEADER_LEFT : LEADER_BLOCKED, piece);
}

static void do_welcome(struct replicator *self, const struct leader_action *a)
{
	const struct wire_welcome w = { .version = REPLICATION_VERSION,
		.sid = a->sid,
		.kind = a->welcome,
		.reign = &self->reign,
		.cursor = a->cursor,
		.head = self->facts.position.seq,
		.reason = a->text };

	if (a->welcome != WELCOME_DELTA && a->welcome != WELCOME_WATCH)
		cs_log_with(CS_LOG_WARNING, (struct cs_log_fields){ .peer = a->peer },
		        "this node's HELLO cannot be followed up: %s",
		        a->text[0] != '\0' ? a->text : "not the primary");
	if (send_packet(self, a->peer, PACKET_welcome, &w) == CS_ECLOSED)
		result(self, a, LEADER_LEFT, NULL);
}

static void do_bye(struct replicator *self, const struct leader_action *a)
{
	const struct wire_bye b = { .sid = a->sid, .reason = a->text };

	if (send_packet(self, a->peer, PACKET_bye, &b) != CS_OK)
		cs_debug("BYE to %s could not be sent", a->peer);
}

/* Signs the mark that closes a piece and keeps it, encoded for this session, until it may go. */
static enum cs_err fix_mark(
        struct replicator *self, struct post *post, uint64_t sid, struct wire_mark *mark)
{
	uint8_t signature[64];

	mark->epoch = self->reign.epoch;
	mark->signer = self->name;
	CS_TRY(mark_sign(mark, self->key.sign_secret, signature));
	mark->signature = (struct cs_bytes){ signature, 64 };
	mark->sid = sid;
	cs_buf_free(&post->mark);
	return wire_pack(PACKET_mark, mark, &post->mark);
}

static enum cs_err read_and_send(
        struct replicator *self, const struct leader_action *a, struct leader_piece *out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_piece piece = { .sid = 0 };
	struct wire_mark mark = { .sid = 0 };
	struct post *post = post_of(self, a->peer, false);
	bool closing = false;

	if (post == NULL)
		return CS_ECLOSED;
	CS_TRY(cs_arena_new(STATE_ARENA, &arena));
	CS_TRY(state_piece(self->state, a->cursor, a->bytes, arena, &piece, &closing, &mark));
	piece.sid = a->sid;
	piece.epoch = self->reign.epoch;
	piece.history = self->reign.history;
	mark.from = piece.to;
	CS_TRY(wire_pack(PACKET_piece, &piece, &buf));
	if (closing)
		CS_TRY(fix_mark(self, post, a->sid, &mark));
	CS_TRY(send_bytes(self, a->peer, cs_buf_view(&buf), false));
	*out = (struct leader_piece){ piece.to, buf.n, closing };
	return CS_OK;
}

static void do_piece(struct replicator *self, const struct leader_action *a)
{
	struct leader_piece piece = { 0 };

	const enum cs_err rc = read_and_send(self, a, &piece);
	if (rc != CS_OK && rc != CS_EAGAIN && rc != CS_ECLOSED) {
		cs_log_with(CS_LOG_ERROR, (struct cs_log_fields){ .peer = a->peer },
		        "changes after seq %llu cannot be sent: %s", (unsigned long long)a->cursor,
		        cs_err_text(rc));
		alarm_raise(self, ALARM_STORE, "changes cannot be read from the store: %s",
		        cs_err_text(rc));
	}
	sent_or_not(self, a, rc, LEADER_PIECE, &piece);
}

static void do_mark(struct replicator *self, const struct leader_action *a)
{
	struct post *post = post_of(self, a->peer, false);

	sent_or_not(self, a,
	        post != NULL ? send_bytes(self, a->peer, cs_buf_view(&post->mark), false)
	                     : CS_ECLOSED,
	        LEADER_MARKED, NULL);
}

static enum cs_err send_head(struct replicator *self, const struct leader_action *a)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_summary summary;
	const struct state_facts *f = &self->facts;
	struct wire_head h = { .sid = a->sid,
		.reign = &self->reign,
		.seq = f->position.seq,
		.chain = { f->position.chain, 32 },
		.digest = { f->digest, 32 },
		.released = leader_released(self->leader),
		.wall_ms = (uint64_t)cs_clock_wall_ms() };

	CS_TRY(cs_arena_new(STATE_ARENA, &arena));
	if (a->summary) {
		CS_TRY(members_summary(self, false, arena, &summary));
		h.summary = &summary;
	}
	return send_packet(self, a->peer, PACKET_head, &h);
}

static void do_head(struct replicator *self, const struct leader_action *a)
{
	if (send_head(self, a) == CS_ECLOSED)
		result(self, a, LEADER_LEFT, NULL);
}

static void do_syncset(struct replicator *self)
{
	CS_AUTO(cs_buf_free) struct cs_buf payload = cs_buf_new(CS_OBJECT_MAX);
	const struct wire_syncset set = { .backups = leader_wanted_syncset(self->leader) };
	enum cs_err rc = wire_encode(&wire_syncset_type, &set, &payload);

	const struct state_change change = {
		.kind = OBJECT_SYNCSET, .id = "syncset", .payload = cs_buf_view(&payload)
	};
	const struct state_write write = { .changes = &change,
		.count = 1,
		.epoch = self->reign.epoch,
		.at_ms = (uint64_t)cs_clock_wall_ms(),
		.actor = "replicator" };
	if (rc == CS_OK) {
		cs_log_with(CS_LOG_NOTICE,
		        (struct cs_log_fields){ .seq = self->facts.position.seq + 1 },
		        "sync set: %s",
		        set.backups.n != 0 ? set.backups.v[0]
		                           : "empty; changes are not held back for a backup");
		rc = replicator_commit(self, &write, 1);
	}
	if (rc == CS_OK)
		return;
	cs_error("the sync set cannot be written: %s; release waits", cs_err_text(rc));
	const struct leader_event e = { .kind = LEADER_SYNCSET_FAILED };
	if (leader_step(self->leader, &e, self->now) != CS_OK)
		self->fatal = CS_ENOMEM;
}

static void do_mode(struct replicator *self, const struct leader_action *a)
{
	cs_error("%s: no change is accepted here any more", a->text);
	alarm_raise(self, ALARM_MODE, "%s: %s", leader_mode_name(a->mode), a->text);
	self->fenced = a->mode == LEADER_FENCED;
}

static void do_drift(struct replicator *self, const struct leader_action *a)
{
	cs_log_with(CS_LOG_ERROR,
	        (struct cs_log_fields){ .peer = a->peer, .seq = self->facts.position.seq },
	        "drift: %s", a->text);
	alarm_raise(
	        self, ALARM_DRIFT, "drift: %s holds other content at the same position", a->peer);
}

static void perform(struct replicator *self, const struct leader_action *a)
{
	switch (a->kind) {
	case LEADER_SEND_WELCOME:
		do_welcome(self, a);
		break;
	case LEADER_SEND_BYE:
		do_bye(self, a);
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
	case LEADER_COMMIT_SYNCSET:
		do_syncset(self);
		break;
	case LEADER_RELEASE:
		break; /* serve_settle looks at leader_released */
	case LEADER_ANSWER:
		admin_answer(self, a->id, a->err, a->text, a->seq);
		break;
	case LEADER_MODE:
		do_mode(self, a);
		break;
	case LEADER_DRIFT:
		do_drift(self, a);
		break;
	case LEADER_SEND_GOT: /* no GET is on the wire yet */
		break;
	}
}

/* Actions make further events; they queue up behind, so that there is one loop and no recursion. */
void lead(struct replicator *self, const struct leader_event *event)
{
	struct leader_action action;

	if (self->leader == NULL)
		return;
	if (leader_step(self->leader, event, self->now) != CS_OK)
		self->fatal = CS_ENOMEM;
	if (self->draining_leader)
		return;
	self->draining_leader = true;
	while (self->fatal == CS_OK && leader_take(self->leader, &action))
		perform(self, &action);
	self->draining_leader = false;
}

void lead_registry(struct replicator *self)
{
	const int64_t now = cs_clock_wall_s();

	for (size_t i = 0; i < leader_count(self->leader); i++) { /* those that the registry lost */
		const struct leader_view v = leader_view(self->leader, i);
		if (registry_find(self->registry, v.name) != NULL || !v.allowed)
			continue;
		char name[CS_ID_MAX + 1];
		snprintf(name, sizeof(name), "%s", v.name);
		lead(self, &(struct leader_event){ .kind = LEADER_NODE,
		                   .peer = name,
		                   .role = v.role,
		                   .allowed = false });
	}
	for (size_t i = 0; i < registry_count(self->registry); i++) {
		const struct wire_node *n = registry_at(self->registry, i);
		lead(self, &(struct leader_event){ .kind = LEADER_NODE,
		                   .peer = n->name,
		                   .role = n->role,
		                   .allowed = node_allowed(n, now) });
	}
}

static enum cs_err stored_syncset(
        struct replicator *self, struct cs_arena *arena, struct wire_texts *out)
{
	struct wire_object object;
	struct wire_syncset set;

	*out = (struct wire_texts){ NULL, 0 };
	const enum cs_err rc = state_get(self->state, OBJECT_SYNCSET, "syncset", arena, &object);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_OK : rc;
	CS_TRY(wire_decode(&wire_syncset_type, object.payload, arena, &set));
	*out = set.backups;
	return CS_OK;
}

static void tell_head(struct replicator *self, bool syncset_changed)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct leader_event e = { .kind = LEADER_COMMITTED,
		.head = self->facts.position,
		.digest = self->facts.digest,
		.floor = self->facts.floor,
		.log_from = self->facts.log_from,
		.syncset_changed = syncset_changed };
	enum cs_err rc = cs_arena_new(CS_UNPACK_MAX, &arena);

	if (rc == CS_OK && syncset_changed)
		rc = stored_syncset(self, arena, &e.syncset);
	if (rc == CS_OK)
		lead(self, &e);
	else
		self->fatal = rc;
}

void lead_committed(struct replicator *self, const struct state_write *writes, size_t count)
{
	bool syncset = false;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < writes[i].count; k++)
			syncset = syncset || writes[i].changes[k].kind == OBJECT_SYNCSET;
	tell_head(self, syncset);
}

static uint64_t number_of(struct replicator *self, enum state_local table, const char *key)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(64);
	uint64_t v = 0;

	if (state_local_get(self->state, table, key, &buf) == CS_OK && buf.n == sizeof(v))
		memcpy(&v, buf.p, sizeof(v));
	return v;
}

/* Peers first, so that the sync set finds its members; released only once that is known. */
void lead_start(struct replicator *self)
{
	self->draining_leader = true;
	lead_registry(self);
	self->draining_leader = false;
	self->kept_released = number_of(self, LOCAL_META, "released");
	self->view.released = self->kept_released;
	tell_head(self, true);
}

/* Losing the last second of these is safe: they only make a returning peer or a restart more
 * careful. */
void lead_keep(struct replicator *self)
{
	char key[CS_ID_MAX + 16];
	const uint64_t released = leader_released(self->leader);

	if (released > self->kept_released &&
	        state_local_put(self->state, LOCAL_META, "released",
	                (struct cs_bytes){ (const uint8_t *)&released, sizeof(released) }) == CS_OK)
		self->kept_released = released;
	for (size_t i = 0; i < leader_count(self->leader); i++) {
		const struct leader_view v = leader_view(self->leader, i);
		struct post *post = post_of(self, v.name, false);
		if (post == NULL || v.role != ROLE_BACKUP || v.best <= post->best_stored)
			continue;
		snprintf(key, sizeof(key), BEST_PREFIX "%s", v.name);
		if (state_local_put(self->state, LOCAL_PEERS, key,
		            (struct cs_bytes){ (const uint8_t *)&v.best, sizeof(v.best) }) == CS_OK)
			post->best_stored = v.best;
	}
}

uint64_t lead_best(struct replicator *self, const char *name)
{
	char key[CS_ID_MAX + 16];

	snprintf(key, sizeof(key), BEST_PREFIX "%s", name);
	return number_of(self, LOCAL_PEERS, key);
}
