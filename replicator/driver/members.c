/* What `status` is made of: this node, and at a leader all the others. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "proto/base/clock.h"
#include "replicator/driver/own.h"

#define PROBES_MAX 96
#define FACTS_BYTES (48u << 10) /* of all hosts in one summary: it has to fit a local packet */

enum cs_err members_self(struct replicator *self, struct cs_arena *arena, struct wire_member *out)
{
	const struct wire_node *me = registry_find(self->registry, self->name);
	struct wire_probe *probes = cs_arena_take(arena, PROBES_MAX * sizeof(*probes));

	if (probes == NULL)
		return CS_ENOMEM;
	*out = (struct wire_member){ .name = self->name,
		.role = me != NULL ? me->role : ROLE_NONE,
		.self = true,
		.connected = true,
		.enrolled = me == NULL || me->enrolled_at != 0,
		.staged = self->facts.position.seq,
		.stored = self->facts.position.seq,
		.loaded = opening_loaded(self->opening),
		.served = prober_served(self->prober),
		.generation = self->generation,
		.unopened = opening_unopened(self->opening),
		.software = CERTSPAN_VERSION,
		.layers = "",
		.facts = host_facts(self->host, cs_clock_wall_s()),
		.ever_seen = true };
	out->error = self->alarms[ALARM_DISK][0] != '\0' ? self->alarms[ALARM_DISK]
	                                                 : self->alarms[ALARM_STORE];
	if (self->follower != NULL)
		out->staged = follower_staged(self->follower);
	if (self->leader != NULL)
		out->role = ROLE_PRIMARY;
	out->probes.v = probes;
	out->probes.n = prober_results(self->prober, probes, PROBES_MAX);
	return CS_OK;
}

static uint64_t age(int64_t now, int64_t then)
{
	return now > then ? (uint64_t)(now - then) : 0;
}

static void from_status(const struct post *post, struct wire_member *m)
{
	const struct wire_status *s = post != NULL ? post->status.body : NULL;

	m->software = m->error = m->layers = m->facts = "";
	if (s == NULL)
		return;
	m->generation = s->generation;
	m->clock_ahead = post->clock_offset_ms > 0;
	m->clock_offset_ms =
	        (uint64_t)(m->clock_ahead ? post->clock_offset_ms : -post->clock_offset_ms);
	m->probes.v = s->probes.v;
	m->probes.n = s->probes.n;
	m->unopened = s->unopened;
	m->software = s->software;
	m->error = s->error;
	m->layers = s->layers;
	m->facts = s->facts;
}

static void peer_member(struct replicator *self, const struct leader_view *v,
        const struct wire_node *node, struct wire_member *m)
{
	*m = (struct wire_member){ .name = v->name,
		.role = v->role,
		.connected = v->connected,
		.enrolled = node != NULL && node->enrolled_at != 0,
		.in_sync_set = v->sync == SYNC_IN,
		.staged = v->staged,
		.stored = v->stored,
		.loaded = v->loaded,
		.served = v->served,
		.last_seen_ms = age(self->now, v->last_seen),
		.behind_ms = v->behind_since != 0 ? age(self->now, v->behind_since) : 0,
		.revoked = node != NULL && node->revoked_at != 0,
		.digest_differs = v->digest_differs,
		.ever_seen = v->ever_seen };
	from_status(post_of(self, v->name, false), m);
}

enum cs_err members_summary(
        struct replicator *self, bool with_facts, struct cs_arena *arena, struct wire_summary *out)
{
	struct wire_member *v = cs_arena_take(arena, (leader_count(self->leader) + 1) * sizeof(*v));
	size_t n = 0, facts_bytes = 0;

	if (v == NULL)
		return CS_ENOMEM;
	CS_TRY(members_self(self, arena, &v[n++]));
	v[0].facts = with_facts ? v[0].facts : "";
	for (size_t i = 0; i < leader_count(self->leader); i++) {
		const struct leader_view view = leader_view(self->leader, i);
		const struct wire_node *node = registry_find(self->registry, view.name);
		if (node == NULL)
			continue;
		struct wire_member *m = &v[n++];
		peer_member(self, &view, node, m);
		facts_bytes += strlen(m->facts);
		if (!with_facts || facts_bytes > FACTS_BYTES)
			m->facts = "";
	}
	*out = (struct wire_summary){ .primary = self->name,
		.epoch = self->reign.epoch,
		.history = self->reign.history,
		.seq = self->facts.position.seq,
		.released = leader_released(self->leader),
		.generation = self->generation,
		.wall_ms = (uint64_t)cs_clock_wall_ms(),
		.members = { v, n } };
	return CS_OK;
}

static const char *mode_word(const struct replicator *self)
{
	if (self->leader != NULL)
		return leader_mode_name(leader_mode(self->leader));
	return self->facts.position.seq == 0 ? "empty" : "ok";
}

static enum cs_err alarms_of(
        struct replicator *self, struct cs_arena *arena, struct wire_texts *out)
{
	const char **v = cs_arena_take(arena, ALARMS * sizeof(*v));

	if (v == NULL)
		return CS_ENOMEM;
	out->v = v;
	out->n = 0;
	for (size_t i = 0; i < ALARMS; i++)
		if (self->alarms[i][0] != '\0')
			v[out->n++] = self->alarms[i];
	return CS_OK;
}

static enum cs_err position_of(
        struct replicator *self, struct cs_arena *arena, const struct wire_position **out)
{
	struct wire_position *p = cs_arena_take(arena, sizeof(*p));

	if (p == NULL)
		return CS_ENOMEM;
	*p = (struct wire_position){ { self->facts.position.history, 16 }, self->facts.position.seq,
		{ self->facts.position.chain, 32 } };
	*out = p;
	return CS_OK;
}

static enum cs_err summary_of(
        struct replicator *self, struct cs_arena *arena, struct wire_facts *out)
{
	if (self->leader != NULL) {
		struct wire_summary *s = cs_arena_take(arena, sizeof(*s));
		if (s == NULL)
			return CS_ENOMEM;
		CS_TRY(members_summary(self, true, arena, s));
		out->summary = s;
	} else if (self->head.body != NULL) {
		out->summary = ((const struct wire_head *)self->head.body)->summary;
		out->summary_age_ms = age(self->now, self->head_at);
	}
	return CS_OK;
}

static void disk_facts(struct replicator *self, struct wire_facts *out)
{
	struct statvfs st;

	out->store_bytes = self->facts.used_bytes;
	if (statvfs(self->dir, &st) == 0)
		out->disk_free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
}

enum cs_err members_facts(
        struct replicator *self, uint64_t tag, struct cs_arena *arena, struct wire_facts *out)
{
	struct wire_member *me = cs_arena_take(arena, sizeof(*me));
	const struct wire_node *primary = registry_find(self->registry, self->reign.leader);

	if (me == NULL)
		return CS_ENOMEM;
	CS_TRY(members_self(self, arena, me));
	*out = (struct wire_facts){ .tag = tag,
		.cluster = { self->cluster, 16 },
		.role = me->role,
		.mode = mode_word(self),
		.primary = self->reign.leader,
		.primary_endpoint = primary != NULL ? primary->internal : "",
		.epoch = self->reign.epoch,
		.digest = { self->facts.digest, 32 },
		.self = me,
		.upstream = "",
		.keyd = self->keyd_state.body,
		.refused_messages =
		        self->refused + (self->zap != NULL ? zap_refused(self->zap) : 0),
		.objects = self->facts.objects };
	if (self->follower != NULL) {
		out->upstream_connected = follower_connected(self->follower);
		if (follower_upstream(self->follower) < self->upstream_count)
			out->upstream = self->upstreams[follower_upstream(self->follower)].address;
	}
	disk_facts(self, out);
	CS_TRY(position_of(self, arena, &out->position));
	CS_TRY(alarms_of(self, arena, &out->alarms));
	return summary_of(self, arena, out);
}
