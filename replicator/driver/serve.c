/* The serving view: fixed at a position, published at release (R3), proven by probes. */
#include <string.h>
#include "proto/base/log.h"
#include "replicator/driver/own.h"

static enum cs_err prepare(struct replicator *self)
{
	uint64_t seq = 0;

	cs_arena_free(&self->changed_arena);
	self->changed = (struct wire_texts){ NULL, 0 };
	CS_TRY(cs_arena_new(STATE_ARENA, &self->changed_arena));
	CS_TRY(serving_prepare(self->serving, self->state, self->changed_arena, &self->changed));
	if (!serving_pending(self->serving, &seq))
		return CS_EBUG;
	self->view.prepared = seq;
	return CS_OK;
}

static enum cs_err publish(struct replicator *self)
{
	CS_TRY(serving_publish(self->serving));
	self->view.published = self->view.prepared;
	self->view.prepared = 0;
	alarm_clear(self, ALARM_STORE);
	cs_debug("serving as of seq %llu", (unsigned long long)self->view.published);
	return prober_changed(self->prober, self->state, self->changed, self->view.published);
}

static uint64_t released_now(const struct replicator *self)
{
	const struct wire_node *me = registry_find(self->registry, self->name);
	uint64_t seq = self->view.released;

	if (self->leader != NULL)
		seq = leader_released(self->leader) > seq ? leader_released(self->leader) : seq;
	else if (me == NULL || me->role == ROLE_TRAFFIC)
		seq = self->view.position; /* its mark came at release */
	return seq;
}

void serve_restart(struct replicator *self)
{
	serving_discard(self->serving);
	view_restart(&self->view);
}

void serve_settle(struct replicator *self)
{
	self->view.position = self->facts.position.seq;
	self->view.released = released_now(self);
	for (enum view_next next = view_next(&self->view); next != VIEW_NOTHING;
	        next = view_next(&self->view)) {
		const enum cs_err rc = next == VIEW_PREPARE ? prepare(self) : publish(self);
		if (rc == CS_OK)
			continue;
		serving_discard(self->serving);
		self->view.prepared = 0;
		self->view.failed = self->view.position;
		cs_error("the serving view of seq %llu could not be made: %s; the edge keeps the "
		         "one before",
		        (unsigned long long)self->view.position, cs_err_text(rc));
		alarm_raise(self, ALARM_STORE, "serving view: %s; the edge keeps what it serves",
		        cs_err_text(rc));
		return;
	}
}

static enum cs_err site_names(
        struct replicator *self, struct cs_arena *arena, const char **hosts, size_t *count)
{
	struct wire_object object;
	struct wire_setting setting;
	char *save = NULL;

	const enum cs_err rc =
	        state_get(self->state, OBJECT_SETTING, "site.hostname", arena, &object);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_OK : rc;
	CS_TRY(wire_decode(&wire_setting_type, object.payload, arena, &setting));
	char *text = cs_arena_text(arena, setting.value, strlen(setting.value));
	if (text == NULL)
		return CS_ENOMEM;
	for (char *t = strtok_r(text, ", ", &save); t != NULL && *count < CS_HOSTNAMES_MAX * 2;
	        t = strtok_r(NULL, ", ", &save))
		hosts[(*count)++] = t;
	return CS_OK;
}

enum cs_err serve_names(struct replicator *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_node *me = registry_find(self->registry, self->name);
	const char *hosts[CS_HOSTNAMES_MAX * 2 + 1];
	size_t count = 0;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	if (me != NULL && me->public_host[0] != '\0')
		hosts[count++] = me->public_host;
	for (size_t i = 0; me != NULL && i < me->hostnames.n && count < CS_HOSTNAMES_MAX; i++)
		hosts[count++] = me->hostnames.v[i];
	CS_TRY(site_names(self, arena, hosts, &count));
	return prober_base(self->prober, hosts, count);
}
