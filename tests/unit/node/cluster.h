/* tests/unit/node/cluster.h: a replicator that lives in this program: objects in memory, every
 * write acknowledged, so that the API can be asked without any other process. For one test program:
 * everything is static. */
#pragma once
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/admin/submit.h"
#include "proto/base/clock.h"
#include "proto/role/channel.h"
#include "tests/unit/fixture.h"

#define OBJECTS_MAX 512

struct stored {
	uint32_t kind;
	char id[CS_ID_MAX + 1];
	uint64_t seq;
	bool tombstone;
	uint8_t *payload;
	size_t len;
};

struct cluster {
	pthread_mutex_t lock;
	struct admin *admin;
	int fd; /* the replicator's end */
	struct stored objects[OBJECTS_MAX];
	size_t count;
	uint64_t head;
	unsigned conflicts;
	const char *error, *primary;
	uint32_t role;
};

static void store(struct cluster *self, uint32_t kind, const char *id, bool tombstone,
        struct cs_bytes payload, uint64_t seq)
{
	size_t i = 0;

	while (i < self->count &&
	        (self->objects[i].kind != kind || strcmp(self->objects[i].id, id) != 0))
		i++;
	if (i == self->count)
		self->count++;
	struct stored *o = &self->objects[i];
	free(o->payload);
	*o = (struct stored){ .kind = kind,
		.seq = seq,
		.tombstone = tombstone,
		.payload = malloc(payload.n + 1),
		.len = payload.n };
	memcpy(o->payload, payload.p != NULL ? payload.p : (const uint8_t *)"", payload.n);
	snprintf(o->id, sizeof(o->id), "%s", id);
}

/* Whoever asked may be gone. */
static void give(struct cluster *self, unsigned packet, const void *body)
{
	if (channel_send_wait(self->fd, packet, body, cs_clock_mono_ms() + 1000) != CS_OK)
		fprintf(stderr, "fixture: an answer was not taken\n");
}

/* One object a packet, so that `more` is exercised. */
static void answer_since(struct cluster *self, const struct wire_since *since)
{
	struct wire_object object;
	struct wire_changes changes = { .tag = since->tag, .to = self->head };

	for (size_t i = 0; i < self->count; i++) {
		const struct stored *o = &self->objects[i];
		if (o->seq <= since->seq || o->seq > changes.to)
			continue;
		object = (struct wire_object){ .kind = o->kind,
			.id = o->id,
			.seq = o->seq,
			.tombstone = o->tombstone,
			.payload = { o->payload, o->len } };
		changes.to = o->seq;
		changes.objects.v = &object;
		changes.objects.n = 1;
	}
	changes.more = changes.to < self->head;
	give(self, PACKET_changes, &changes);
}

/* Every object of a commit gets a seq of its own here: nothing looks at that. */
static void answer_write(struct cluster *self, const struct wire_write *write)
{
	struct wire_outcome out = {
		.tag = write->tag, .error = self->error, .reason = "", .primary = "", .epoch = 1
	};

	if (self->conflicts > 0 || write->expect_seq != self->head) {
		self->conflicts -= self->conflicts > 0;
		out.error = "CS_ECONFLICT";
	} else if (self->error[0] == '\0' || strcmp(self->error, "CS_EPENDING") == 0) {
		for (size_t i = 0; i < write->changes.n; i++) {
			const struct wire_change *c = &write->changes.v[i];
			store(self, c->kind, c->id, c->tombstone, c->payload, ++self->head);
		}
	}
	out.seq = out.head = self->head;
	give(self, PACKET_outcome, &out);
}

static void answer_facts(struct cluster *self, uint64_t tag)
{
	static const uint8_t id[16] = { 1, 2, 3 };
	const struct wire_position position = { .history = { id, 16 }, .seq = self->head };
	const struct wire_member me = { .name = "p1",
		.role = ROLE_PRIMARY,
		.self = true,
		.connected = true,
		.enrolled = true,
		.stored = self->head,
		.served = self->head,
		.software = "1",
		.error = "",
		.layers = "" };
	const struct wire_summary summary = { .primary = self->primary,
		.epoch = 1,
		.history = { id, 16 },
		.seq = self->head,
		.released = self->head,
		.members = { &me, 1 } };
	const struct wire_facts facts = { .tag = tag,
		.cluster = { id, 16 },
		.role = self->role,
		.mode = "ok",
		.primary = self->primary,
		.primary_endpoint = "",
		.epoch = 1,
		.position = &position,
		.self = &me,
		.summary = &summary,
		.upstream = "",
		.upstream_connected = true };

	give(self, PACKET_facts, &facts);
}

static void answer_identity(struct cluster *self, uint64_t tag)
{
	static const uint8_t bytes[32] = { 7 };
	const struct wire_identity identity = { .tag = tag,
		.cluster = { bytes, 16 },
		.curve_key = { bytes, 32 },
		.endpoint = "10.0.0.1:7443",
		.name = "p1" };

	give(self, PACKET_identity, &identity);
}

static void answer_done(struct cluster *self, uint64_t tag)
{
	const struct wire_outcome out = { .tag = tag,
		.error = "",
		.reason = "",
		.primary = "",
		.seq = self->head,
		.head = self->head };

	give(self, PACKET_outcome, &out);
}

static void answer(struct cluster *self, const struct wire_packet *packet)
{
	const uint64_t tag = *(const uint64_t *)packet->body;

	switch (packet->id) {
	case PACKET_since:
		answer_since(self, packet->body);
		return;
	case PACKET_write:
		answer_write(self, packet->body);
		return;
	case PACKET_ask_facts:
		answer_facts(self, tag);
		return;
	case PACKET_ask_identity:
		answer_identity(self, tag);
		return;
	default:
		answer_done(self, tag);
	}
}

static void *replicate(void *data)
{
	struct cluster *self = data;

	for (;;) {
		pthread_mutex_lock(&self->lock);
		struct wire_packet packet = { 0 };
		if (self->fd >= 0 && channel_receive(self->fd, &packet, NULL) == CS_OK)
			answer(self, &packet);
		wire_packet_free(&packet);
		struct pollfd p = { self->fd, POLLIN, 0 };
		pthread_mutex_unlock(&self->lock);
		poll(&p, 1, 1);
	}
	return NULL;
}

/* Closes the channel under the feet of whoever waits; a fresh one when BACK. */
static void cluster_restart(struct cluster *self, bool back)
{
	int ends[2];

	pthread_mutex_lock(&self->lock);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	if (back) {
		if (channel_pair(ends) != CS_OK)
			abort();
		self->fd = ends[0];
		link_attach(admin_link(self->admin), ends[1]);
	}
	pthread_mutex_unlock(&self->lock);
}

static struct admin *cluster_admin(struct cluster *self)
{
	return self->admin;
}

static void cluster_put(struct cluster *self, uint32_t kind, const char *id,
        const struct wire_type *type, const void *payload)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_OBJECT_MAX);

	if (wire_encode(type, payload, &buf) != CS_OK)
		abort();
	pthread_mutex_lock(&self->lock);
	store(self, kind, id, false, cs_buf_view(&buf), ++self->head);
	pthread_mutex_unlock(&self->lock);
}

static void cluster_node(struct cluster *self, const char *name, uint32_t role)
{
	char host[64];
	const struct wire_node node = { .name = name,
		.role = role,
		.public_host = host,
		.internal = "10.0.0.1:7443",
		.enrolled_at = 1700000000 };

	snprintf(host, sizeof(host), "%s.example.com", name);
	cluster_put(self, OBJECT_NODE, name, &wire_node_type, &node);
}

/* p1 is primary, public p1.example.com; the site is access.example.com. */
static struct cluster *cluster_new(void)
{
	struct cluster *self = calloc(1, sizeof(*self));
	pthread_t thread;

	*self = (struct cluster){ .fd = -1, .error = "", .primary = "p1", .role = ROLE_PRIMARY };
	pthread_mutex_init(&self->lock, NULL);
	if (admin_new("p1", &self->admin) != CS_OK ||
	        pthread_create(&thread, NULL, replicate, self) != 0)
		abort();
	pthread_detach(thread);
	const struct wire_setting site = { .value = "access.example.com" };
	const struct wire_activation zero = { .actor = "", .reason = "" };
	cluster_node(self, "p1", ROLE_PRIMARY);
	cluster_put(self, OBJECT_SETTING, "site.hostname", &wire_setting_type, &site);
	cluster_put(self, OBJECT_ACTIVATION, "current", &wire_activation_type, &zero);
	cluster_restart(self, true);
	return self;
}

/* The next write is answered with CS_ECONFLICT, once. */
static void cluster_conflict(struct cluster *self)
{
	pthread_mutex_lock(&self->lock);
	self->conflicts++;
	pthread_mutex_unlock(&self->lock);
}

/* Writes are answered with ERROR from now on; "": fine. */
static void cluster_answer(struct cluster *self, const char *error)
{
	pthread_mutex_lock(&self->lock);
	self->error = error;
	pthread_mutex_unlock(&self->lock);
}

static void cluster_role(struct cluster *self, uint32_t role, const char *primary)
{
	pthread_mutex_lock(&self->lock);
	self->role = role;
	self->primary = primary;
	pthread_mutex_unlock(&self->lock);
}

static uint64_t cluster_head(struct cluster *self)
{
	pthread_mutex_lock(&self->lock);
	const uint64_t head = self->head;
	pthread_mutex_unlock(&self->lock);
	return head;
}

/* Hands CERT in as an importer does. */
static json_t *cluster_import(
        struct cluster *self, const struct fx_cert *cert, const char *options, uint32_t *status)
{
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	char id[17], *body;

	if (pki_cert_read(fx_der(cert), &leaf) != CS_OK)
		abort();
	pki_cert_id(leaf->sha256, id);
	const struct wire_bundle bundle = { .version = 1,
		.secret_epoch = 1,
		.leaf = fx_der(cert),
		.sealed = cs_bytes_of("sealed") };
	const struct wire_submit in = { .uid = 0,
		.options = options,
		.id = id,
		.bundle = &bundle,
		.name = "",
		.error = "",
		.reason = "" };
	submit(self->admin, &in, status, &body);
	json_t *answer_json = body != NULL ? json_loads(body, 0, NULL) : NULL;
	free(body);
	return answer_json;
}
