#include "node/admin/admin.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/base/clock.h"

#define READ_TIMEOUT_MS 5000
#define ARENA_MAX (64u << 20)

struct admin {
	pthread_mutex_t lock; /* mirror and roles */
	struct link *link, *keyd;
	struct mirror *mirror;
	struct chains *chains;
	struct wire_packet roles;
	_Atomic bool shared_user;
	char node[CS_ID_MAX + 1];
};

enum cs_err admin_new(const char *node, struct admin **out)
{
	struct admin *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	pthread_mutex_init(&self->lock, NULL);
	snprintf(self->node, sizeof(self->node), "%s", node);
	enum cs_err rc = mirror_new(&self->mirror);
	if (rc == CS_OK)
		rc = link_new("the replicator", &self->link);
	if (rc == CS_OK)
		rc = link_new("the key process", &self->keyd);
	if (rc == CS_OK)
		rc = chains_new(&self->chains);
	if (rc != CS_OK) {
		mirror_free(&self->mirror);
		free(self);
		return rc;
	}
	*out = self;
	return CS_OK;
}

struct link *admin_link(struct admin *self)
{
	return self->link;
}

struct link *admin_keyd(struct admin *self)
{
	return self->keyd;
}

struct chains *admin_chains(struct admin *self)
{
	return self->chains;
}

const char *admin_node(const struct admin *self)
{
	return self->node;
}

void admin_set_shared_user(struct admin *self, bool shared)
{
	self->shared_user = shared;
}

bool admin_shared_user(struct admin *self)
{
	return self->shared_user;
}

bool admin_permits(struct admin *self, uint32_t uid)
{
	return uid == 0 || (self->shared_user && uid == getuid());
}

void admin_set_roles(struct admin *self, struct wire_packet *packet)
{
	pthread_mutex_lock(&self->lock);
	wire_packet_free(&self->roles);
	self->roles = *packet;
	*packet = (struct wire_packet){ 0 };
	pthread_mutex_unlock(&self->lock);
}

enum cs_err call_begin(struct admin *admin, uint32_t uid, struct call *out)
{
	*out = (struct call){ .admin = admin, .name = "", .now = cs_clock_wall_s() };
	snprintf(out->actor, sizeof(out->actor), "uid:%u", uid);
	return cs_arena_new(ARENA_MAX, &out->arena);
}

void call_end(struct call *self)
{
	call_unlock(self);
	wire_packet_free(&self->facts_packet);
	json_decref(self->args);
	reply_free(&self->reply);
	cs_arena_free(&self->arena);
}

static enum cs_err unreachable(struct call *self, enum cs_err rc)
{
	if (rc != CS_EUNREACHABLE && rc != CS_ETIMEOUT)
		return reply_fail(
		        &self->reply, rc, "", "asking the replicator: %s", cs_err_text(rc));
	return reply_fail(&self->reply, rc,
	        "look at the log of certspand; the replicator is restarted by itself",
	        "the replicator of %s does not answer", self->admin->node);
}

static enum cs_err refresh(struct admin *admin)
{
	for (;;) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		struct wire_since since = { .seq = mirror_seq(admin->mirror) };
		CS_TRY(link_ask(admin->link, PACKET_since, &since, PACKET_changes, READ_TIMEOUT_MS,
		        &packet));
		const struct wire_changes *changes = packet.body;
		CS_TRY(mirror_apply(admin->mirror, changes));
		if (!changes->more)
			return CS_OK;
	}
}

enum cs_err call_lock(struct call *self)
{
	pthread_mutex_lock(&self->admin->lock);
	self->mirror = self->admin->mirror;
	const enum cs_err rc = refresh(self->admin);
	if (rc == CS_OK)
		return CS_OK;
	call_unlock(self);
	return unreachable(self, rc);
}

void call_unlock(struct call *self)
{
	if (self->mirror == NULL)
		return;
	self->mirror = NULL;
	pthread_mutex_unlock(&self->admin->lock);
}

enum cs_err call_facts(struct call *self)
{
	struct wire_ask_facts ask = { 0 };

	if (self->facts != NULL)
		return CS_OK;
	const enum cs_err rc = link_ask(self->admin->link, PACKET_ask_facts, &ask, PACKET_facts,
	        READ_TIMEOUT_MS, &self->facts_packet);
	if (rc != CS_OK)
		return unreachable(self, rc);
	self->facts = self->facts_packet.body;
	return CS_OK;
}

const struct wire_roles *call_roles(const struct call *self)
{
	return self->admin->roles.body;
}
