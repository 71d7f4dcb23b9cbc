/* The store, and who this node is. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sodium.h>
#include "proto/base/log.h"
#include "replicator/driver/own.h"
#include "replicator/driver/signature.h"
#include "replicator/enrol/desk.h"

uint64_t fresh_random(void)
{
	uint64_t r;

	randombytes_buf(&r, sizeof(r));
	return r;
}

void alarm_raise(struct replicator *self, enum alarm which, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(self->alarms[which], sizeof(self->alarms[which]), fmt, args);
	va_end(args);
}

void alarm_clear(struct replicator *self, enum alarm which)
{
	self->alarms[which][0] = '\0';
}

bool leads(const struct replicator *self)
{
	return self->leader != NULL && leader_mode(self->leader) == LEADER_OK &&
	       self->fatal == CS_OK;
}

static enum cs_err read_generation(struct replicator *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_object object;
	struct wire_activation activation;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	const enum cs_err rc = state_get(self->state, OBJECT_ACTIVATION, "current", arena, &object);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_OK : rc;
	CS_TRY(wire_decode(&wire_activation_type, object.payload, arena, &activation));
	self->generation = activation.number;
	return CS_OK;
}

enum cs_err replicator_refresh(struct replicator *self)
{
	CS_TRY(state_facts(self->state, &self->facts));
	return read_generation(self);
}

static enum cs_err allow_keys(struct replicator *self, int64_t now)
{
	static struct zap_entry entries[CS_PEERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < registry_count(self->registry); i++) {
		const struct wire_node *n = registry_at(self->registry, i);
		/* Expired and revoked keys come in, to be told so; they get no object byte. */
		if (n->curve_key.n != 32 || n->enrolled_at == 0 || strcmp(n->name, self->name) == 0)
			continue;
		memcpy(entries[count].key, n->curve_key.p, 32);
		snprintf(entries[count].name, sizeof(entries[count].name), "%s", n->name);
		count++;
	}
	(void)now;
	return self->zap != NULL ? zap_allow(self->zap, entries, count) : CS_OK;
}

enum cs_err replicator_reload_registry(struct replicator *self)
{
	CS_TRY(registry_load(self->state, &self->registry));
	CS_TRY(allow_keys(self, 0));
	if (self->leader != NULL)
		lead_registry(self);
	if (self->follower != NULL)
		follow_upstreams(self);
	return serve_names(self);
}

static bool touches(const struct state_write *writes, size_t count, uint32_t kind)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < writes[i].count; k++)
			if (writes[i].changes[k].kind == kind)
				return true;
	return false;
}

static enum cs_err after_commit(
        struct replicator *self, const struct state_write *writes, size_t count)
{
	CS_TRY(replicator_refresh(self));
	CS_TRY(opening_scan(self->opening, self->state));
	if (touches(writes, count, OBJECT_NODE))
		CS_TRY(replicator_reload_registry(self));
	else if (touches(writes, count, OBJECT_SETTING))
		CS_TRY(serve_names(self));
	return CS_OK;
}

enum cs_err replicator_commit(
        struct replicator *self, const struct state_write *writes, size_t count)
{
	struct state_position position;

	if (!leads(self))
		return self->fatal != CS_OK ? self->fatal : CS_ENOTPRIMARY;
	enum cs_err rc = state_commit(self->state, writes, count, &position);
	if (rc == CS_EFULL)
		alarm_raise(self, ALARM_DISK,
		        "the disk of the store is full: changes are refused, what is served stays; "
		        "free some space");
	if (rc == CS_EIO || rc == CS_ECORRUPT)
		self->fatal = rc;
	CS_TRY(rc);
	alarm_clear(self, ALARM_DISK);
	/* It is committed: what goes wrong from here on may not look like "nothing was done". */
	rc = after_commit(self, writes, count);
	if (rc != CS_OK)
		self->fatal = rc;
	lead_committed(self, writes, count);
	return CS_OK;
}

enum cs_err replicator_allegiance(struct replicator *self, const struct wire_reign *reign)
{
	struct cs_arena *arena = NULL;
	struct wire_reign fresh = { .history = { NULL, 0 }, .leader = "" };

	if (reign != NULL)
		CS_TRY(state_set_allegiance(self->state, reign));
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	const enum cs_err rc = state_allegiance(self->state, arena, &fresh);
	if (rc != CS_OK && rc != CS_ENOTFOUND) {
		cs_arena_free(&arena);
		return rc;
	}
	cs_arena_free(&self->reign_arena);
	self->reign_arena = arena;
	self->reign = fresh;
	return CS_OK;
}

/* The newest reign of the store names its leader; an allegiance above it is somebody else's reign.
 */
static enum cs_err reign_is_ours(struct replicator *self, bool *ours)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_reign *reigns;
	size_t n;

	*ours = false;
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(state_reigns(self->state, arena, &reigns, &n));
	if (n == 0 || self->reign.epoch == 0 || strcmp(self->reign.leader, self->name) != 0)
		return CS_OK;
	*ours = reigns[n - 1].epoch == self->reign.epoch &&
	        cs_bytes_equal(reigns[n - 1].history, self->reign.history);
	return CS_OK;
}

static struct follower_reign core_reign(const struct wire_reign *r)
{
	struct follower_reign out = { .epoch = r->epoch, .valid = true };

	if (r->history.n == 16)
		memcpy(out.history, r->history.p, 16);
	return out;
}

static enum cs_err start_following(struct replicator *self)
{
	const struct follower_reign reign = core_reign(&self->reign);

	CS_TRY(follower_new(&self->facts.position, &reign, self->now, &self->follower));
	follow_upstreams(self);
	cs_notice("following %s, at seq %llu",
	        self->reign.leader[0] != '\0' ? self->reign.leader : "whoever leads",
	        (unsigned long long)self->facts.position.seq);
	return CS_OK;
}

static enum cs_err start_leading(struct replicator *self)
{
	CS_TRY(leader_new(
	        self->name, self->reign.epoch, self->reign.history.p, self->now, &self->leader));
	cs_notice("leading epoch %llu, at seq %llu", (unsigned long long)self->reign.epoch,
	        (unsigned long long)self->facts.position.seq);
	lead_start(self);
	return CS_OK;
}

void replicator_become_follower(struct replicator *self)
{
	self->fenced = false;
	leader_free(&self->leader);
	serve_restart(self);
	cs_warning("a later reign exists: this node no longer leads, it follows");
	const enum cs_err rc = start_following(self);
	if (rc != CS_OK)
		self->fatal = rc;
}

enum cs_err replicator_take_role(struct replicator *self)
{
	bool ours;

	CS_TRY(replicator_allegiance(self, NULL));
	CS_TRY(reign_is_ours(self, &ours));
	return ours ? start_leading(self) : start_following(self);
}
