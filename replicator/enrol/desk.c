#include "replicator/enrol/desk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/role/channel.h"
#include "replicator/driver/own.h"
#include "replicator/enrol/mac.h"
#include "replicator/enrol/membership.h"

#define TOKENS_MAX 64
#define REQUESTS_MAX 16
#define REQUEST_MS 10000
#define USED ".used"

struct token {
	uint8_t id[8], secret[16];
	char name[CS_ID_MAX + 1];
	uint32_t role;
	uint64_t expires_at;
	bool used;
	uint8_t keys[96]; /* curve, sign, seal: of who used it */
};
/* An ENROL that waits for keyd to seal the cluster secret to the new node. */
struct request {
	uint64_t tag; /* 0: free */
	int64_t deadline;
	struct link_route from;
	struct wire_packet packet;
};
struct enrolment {
	struct token tokens[TOKENS_MAX];
	size_t count;
	struct request requests[REQUESTS_MAX];
	uint64_t next_tag;
};

static bool alive(const struct token *t)
{
	return (int64_t)t->expires_at > cs_clock_wall_s();
}

/* A used token keeps the door open for its own node only until that one is enrolled. */
static void set_door(struct replicator *self)
{
	bool open = false;

	for (size_t i = 0; i < self->enrolment->count; i++) {
		const struct token *t = &self->enrolment->tokens[i];
		const struct wire_node *n = registry_find(self->registry, t->name);
		const bool enrolled = t->used && n != NULL && n->enrolled_at != 0;
		open = open || (alive(t) && !enrolled);
	}
	if (self->zap != NULL)
		zap_open(self->zap, open && self->server != NULL && self->leader != NULL);
}

static enum cs_err load(void *data, const char *key, struct cs_bytes value)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct enrolment *e = data;
	struct wire_token_add add;

	if (strlen(key) != 16 || e->count == TOKENS_MAX) /* "ID.used" is read with its token */
		return CS_OK;
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(wire_decode(&wire_token_add_type, value, arena, &add));
	if (add.token.n != 8 || add.secret.n != 16)
		return CS_ECORRUPT;
	struct token *t = &e->tokens[e->count++];
	*t = (struct token){ .role = add.role, .expires_at = add.expires_at };
	memcpy(t->id, add.token.p, 8);
	memcpy(t->secret, add.secret.p, 16);
	snprintf(t->name, sizeof(t->name), "%s", add.name);
	return CS_OK;
}

static void key_of(const struct token *t, const char *suffix, char out[32])
{
	cs_hex(t->id, 8, out);
	memcpy(out + 16, suffix, strlen(suffix) + 1);
}

static enum cs_err load_used(struct replicator *self, struct token *t)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(256);
	char key[32];

	key_of(t, USED, key);
	const enum cs_err rc = state_local_get(self->state, LOCAL_TOKENS, key, &buf);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (buf.n != sizeof(t->keys))
		return CS_ECORRUPT;
	memcpy(t->keys, buf.p, buf.n);
	t->used = true;
	return CS_OK;
}

enum cs_err desk_open(struct replicator *self)
{
	self->enrolment = calloc(1, sizeof(*self->enrolment));
	if (self->enrolment == NULL)
		return CS_ENOMEM;
	CS_TRY(state_local_each(self->state, LOCAL_TOKENS, load, self->enrolment));
	for (size_t i = 0; i < self->enrolment->count; i++)
		CS_TRY(load_used(self, &self->enrolment->tokens[i]));
	set_door(self);
	return CS_OK;
}

void desk_close(struct replicator *self)
{
	if (self->enrolment == NULL)
		return;
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		wire_packet_free(&self->enrolment->requests[i].packet);
	sodium_memzero(self->enrolment, sizeof(*self->enrolment));
	free(self->enrolment);
	self->enrolment = NULL;
}

static struct token *find(struct replicator *self, struct cs_bytes id)
{
	for (size_t i = 0; i < self->enrolment->count; i++)
		if (cs_bytes_equal(id, (struct cs_bytes){ self->enrolment->tokens[i].id, 8 }))
			return &self->enrolment->tokens[i];
	return NULL;
}

static void forget(struct replicator *self, struct token *t)
{
	char key[32], used[32];

	key_of(t, "", key);
	key_of(t, USED, used);
	const struct state_pair pairs[] = { { key, { NULL, 0 } }, { used, { NULL, 0 } } };
	if (state_local_put_all(self->state, LOCAL_TOKENS, pairs, 2) != CS_OK)
		cs_warning("an old join token could not be removed; it stays useless");
	sodium_memzero(t, sizeof(*t));
	*t = self->enrolment->tokens[--self->enrolment->count];
}

enum cs_err desk_add(struct replicator *self, const struct wire_token_add *add)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(4096);
	struct wire_token_add kept = *add;
	char key[32];

	if (!leads(self))
		return CS_ENOTPRIMARY;
	if (add->token.n != 8 || add->secret.n != 16 || !cs_node_name_ok(add->name))
		return CS_EMALFORMED;
	if (find(self, add->token) != NULL)
		return CS_EEXISTS;
	if (self->enrolment->count == TOKENS_MAX)
		return CS_ETOOBIG;
	kept.tag = 0;
	CS_TRY(wire_encode(&wire_token_add_type, &kept, &buf));
	cs_hex(add->token.p, 8, key);
	CS_TRY(state_local_put(self->state, LOCAL_TOKENS, key, cs_buf_view(&buf)));
	CS_TRY(load(self->enrolment, key, cs_buf_view(&buf)));
	set_door(self);
	return CS_OK;
}

static void answer(struct replicator *self, const struct link_route *to, struct wire_enrolled *e,
        const uint8_t *secret)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	uint8_t mac[32];

	enum cs_err rc = secret != NULL ? enrolled_mac(e, secret, mac) : CS_OK;
	if (secret != NULL)
		e->hmac = (struct cs_bytes){ mac, 32 };
	if (rc == CS_OK)
		rc = wire_pack(PACKET_enrolled, e, &buf);
	if (rc == CS_OK)
		rc = server_send(self->server, to, cs_buf_view(&buf));
	if (rc != CS_OK)
		cs_warning("the answer to a joining node could not be sent: %s", cs_err_text(rc));
}

/* Refusals of who does not hold the secret carry no hmac, and no news. */
static void refuse(struct replicator *self, const struct link_route *to, const char *name,
        enum cs_err err, const char *why, const uint8_t *secret)
{
	struct wire_enrolled e = { .error = cs_err_name(err), .reason = why };

	self->refused++;
	cs_log_with(
	        CS_LOG_WARNING, (struct cs_log_fields){ .peer = name }, "joining refused: %s", why);
	answer(self, to, &e, secret);
}

static void keys_of(const struct wire_enrol *e, uint8_t out[96])
{
	memcpy(out, e->curve_key.p, 32);
	memcpy(out + 32, e->sign_key.p, 32);
	memcpy(out + 64, e->seal_key.p, 32);
}

/* NULL: fine so far; else why not. */
static const char *objection(struct replicator *self, const struct wire_enrol *e,
        const struct token *t, enum cs_err *err)
{
	uint8_t keys[96];
	const struct wire_node *node = registry_find(self->registry, e->name);

	*err = CS_EDENIED;
	if (strcmp(e->name, t->name) != 0 || e->role != t->role)
		return "this token is for another node or role";
	keys_of(e, keys);
	if (t->used && sodium_memcmp(keys, t->keys, sizeof(keys)) != 0)
		return "this token was used by other keys; create a new one on the primary";
	if (!t->used && node != NULL && node->enrolled_at != 0 && node->revoked_at == 0) {
		*err = CS_EEXISTS;
		return "a node of this name is enrolled already";
	}
	return NULL;
}

static enum cs_err site_of(
        struct replicator *self, struct cs_arena *arena, struct wire_setting *out, size_t *n)
{
	struct wire_object object;

	*n = 0;
	const enum cs_err rc =
	        state_get(self->state, OBJECT_SETTING, "site.hostname", arena, &object);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_OK : rc;
	*n = 1;
	return wire_decode(&wire_setting_type, object.payload, arena, out);
}

static enum cs_err welcome(
        struct replicator *self, const struct link_route *to, const struct token *t)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf digest_key = cs_buf_new(64);
	struct wire_setting site;
	size_t sites;

	CS_TRY(cs_arena_new(STATE_ARENA, &arena));
	CS_TRY(state_local_get(self->state, LOCAL_META, "digest-key", &digest_key));
	CS_TRY(site_of(self, arena, &site, &sites));
	const size_t n = registry_count(self->registry);
	struct wire_node *nodes = cs_arena_take(arena, (n + 1) * sizeof(*nodes));
	if (nodes == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		nodes[i] = *registry_at(self->registry, i);
	struct wire_enrolled e = { .error = "",
		.reason = "",
		.cluster = { self->cluster, 16 },
		.digest_key = cs_buf_view(&digest_key),
		.nodes = { nodes, n },
		.reign = &self->reign,
		.site = { &site, sites } };
	answer(self, to, &e, t->secret);
	return CS_OK;
}

/* Durable before anything else: no crash can make the token good for other keys. */
static enum cs_err mark_used(struct replicator *self, struct token *t, const struct wire_enrol *e)
{
	char key[32];

	if (t->used)
		return CS_OK;
	keys_of(e, t->keys);
	key_of(t, USED, key);
	CS_TRY(state_local_put(
	        self->state, LOCAL_TOKENS, key, (struct cs_bytes){ t->keys, sizeof(t->keys) }));
	t->used = true;
	return CS_OK;
}

static bool enrolled_with(struct replicator *self, const struct wire_enrol *e)
{
	const struct wire_node *n = registry_find(self->registry, e->name);

	return n != NULL && n->enrolled_at != 0 && n->revoked_at == 0 &&
	       cs_bytes_equal(n->curve_key, e->curve_key);
}

static enum cs_err ask_keyd(
        struct replicator *self, const struct link_route *from, struct wire_packet *packet)
{
	const struct wire_enrol *e = packet->body;
	struct enrolment *desk = self->enrolment;

	if (self->keyd_fd < 0)
		return CS_EAGAIN;
	for (size_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *r = &desk->requests[i];
		if (r->tag != 0)
			continue;
		const struct wire_reseal reseal = {
			.tag = ++desk->next_tag, .node = e->name, .seal_key = e->seal_key
		};
		CS_TRY(channel_send(self->keyd_fd, PACKET_reseal, &reseal, -1));
		*r = (struct request){ reseal.tag, self->now + REQUEST_MS, *from, *packet };
		*packet = (struct wire_packet){ 0 };
		return CS_OK;
	}
	return CS_EAGAIN;
}

/* Strangers, and a node that repeats its own ENROL because the answer was lost. */
static bool may_ask(const char *user, const struct wire_enrol *e)
{
	return strcmp(user, ZAP_ENROL) == 0 || strcmp(user, e->name) == 0;
}

static bool whole(const struct wire_enrol *e)
{
	return e->curve_key.n == 32 && e->sign_key.n == 32 && e->seal_key.n == 32 &&
	       cs_node_name_ok(e->name) && (e->role == ROLE_BACKUP || e->role == ROLE_TRAFFIC);
}

void desk_enrol(struct replicator *self, const struct link_route *from, const char *user,
        struct wire_packet *packet)
{
	const struct wire_enrol *e = packet->body;
	struct token *t = find(self, e->token);
	uint8_t mac[32];
	enum cs_err err = CS_EDENIED;

	if (!leads(self)) {
		refuse(self, from, e->name, CS_ENOTPRIMARY, "this node does not lead the cluster",
		        NULL);
		return;
	}
	const bool known = t != NULL && whole(e) && may_ask(user, e) &&
	                   enrol_mac(e, t->secret, mac) == CS_OK && mac_equal(mac, e->hmac) &&
	                   cs_bytes_equal(e->cluster, (struct cs_bytes){ self->cluster, 16 });
	if (!known || !alive(t)) {
		refuse(self, from, e->name, CS_EDENIED,
		        "no such join token: wrong, used or expired", NULL);
		return;
	}
	const char *why = objection(self, e, t, &err);
	if (why != NULL) {
		refuse(self, from, e->name, err, why, t->secret);
		return;
	}
	if (e->version != REPLICATION_VERSION) {
		refuse(self, from, e->name, CS_EVERSION,
		        "the versions of the replication protocol differ", t->secret);
		return;
	}
	if (enrolled_with(self, e))
		err = welcome(self, from, t);
	else if ((err = mark_used(self, t, e)) == CS_OK)
		err = ask_keyd(self, from, packet);
	if (err != CS_OK)
		refuse(self, from, user, err, "the primary cannot enrol now; try again", t->secret);
}

static void finish(struct replicator *self, struct request *r, const struct wire_resealed *resealed)
{
	const struct wire_enrol *e = r->packet.body;
	struct token *t = find(self, e->token);

	if (t == NULL)
		return;
	if (resealed->error[0] != '\0') {
		refuse(self, &r->from, e->name, CS_ELOCKED,
		        "keyd cannot hand out the cluster secret", t->secret);
		return;
	}
	enum cs_err rc = enrolled_with(self, e) ? CS_OK : membership_commit(self, e, resealed);
	if (rc == CS_OK) {
		cs_log_with(CS_LOG_NOTICE,
		        (struct cs_log_fields){ .peer = e->name, .seq = self->facts.position.seq },
		        "has joined as %s", node_role_name(e->role));
		rc = welcome(self, &r->from, t);
	}
	if (rc != CS_OK)
		refuse(self, &r->from, e->name, rc, cs_err_text(rc), t->secret);
	set_door(self);
}

void desk_resealed(struct replicator *self, const struct wire_resealed *resealed)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *r = &self->enrolment->requests[i];
		if (r->tag == 0 || r->tag != resealed->tag)
			continue;
		finish(self, r, resealed);
		wire_packet_free(&r->packet);
		r->tag = 0;
	}
}

void desk_tick(struct replicator *self)
{
	for (size_t i = self->enrolment->count; i-- > 0;)
		if (!alive(&self->enrolment->tokens[i]))
			forget(self, &self->enrolment->tokens[i]);
	for (size_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *r = &self->enrolment->requests[i];
		if (r->tag == 0 || self->now < r->deadline)
			continue;
		const struct wire_enrol *e = r->packet.body;
		refuse(self, &r->from, e->name, CS_ETIMEOUT, "keyd does not answer; try again",
		        NULL);
		wire_packet_free(&r->packet);
		r->tag = 0;
	}
	set_door(self);
}
