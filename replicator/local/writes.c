/* WRITE: all of one turn are one group commit; each is judged on the head that it will stand on. */
#include <string.h>
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "replicator/driver/own.h"
#include "replicator/local/admin.h"

static const char *objection(const struct wire_write *w)
{
	if (w->changes.n == 0 || w->changes.n > CS_COMMIT_OBJECTS_MAX)
		return "a write without changes, or with too many";
	for (size_t i = 0; i < w->changes.n; i++) {
		const struct wire_change *c = &w->changes.v[i];
		if (c->kind == 0 || c->kind >= OBJECT_KIND_END || c->kind == OBJECT_SYNCSET ||
		        c->kind == OBJECT_FLOOR)
			return "a kind of object that is not written from here";
		if (!cs_id_ok(c->id))
			return "an object id that is none";
		if (!c->tombstone && c->payload.n == 0)
			return "an object without content";
	}
	return NULL;
}

static struct leader_command command_of(
        struct replicator *self, const struct wire_write *w, uint64_t seq)
{
	uint32_t mode = w->ack;

	for (size_t i = 0; mode == 0 && i < registry_count(self->registry); i++) {
		const struct wire_node *n = registry_at(self->registry, i);
		if (n->role == ROLE_BACKUP && node_allowed(n, cs_clock_wall_s()))
			mode = ACK_BACKUP;
	}
	return (struct leader_command){
		.mode = mode != 0 ? mode : ACK_LOCAL, .seq = seq, .nodes = w->ack_nodes
	};
}

/* A request that was carried out once is answered with that outcome, whoever leads now. */
static bool done_before(struct replicator *self, const struct wire_write *w, uint64_t *seq)
{
	static const uint8_t none[16];

	return w->request.n == 16 && memcmp(w->request.p, none, 16) != 0 &&
	       state_find_request(self->state, w->request.p, seq) == CS_OK;
}

/* False: answered already. */
static bool to_be_written(struct replicator *self, const struct wire_write *w, uint64_t head)
{
	const char *why = objection(w);
	uint64_t seq;

	if (!leads(self)) {
		admin_not_primary(self, w->tag);
		return false;
	}
	if (why != NULL) {
		admin_outcome(self, w->tag, CS_EMALFORMED, why, 0);
		return false;
	}
	if (done_before(self, w, &seq)) {
		admin_wait(self, w->tag, command_of(self, w, seq), w->timeout_ms);
		return false;
	}
	if (w->expect_seq == 0 || w->expect_seq == head)
		return true;
	admin_outcome(self, w->tag, CS_ECONFLICT, "something was changed meanwhile", 0);
	return false;
}

static enum cs_err fill(struct replicator *self, const struct wire_write *w, struct cs_arena *arena,
        struct state_write *out)
{
	struct state_change *v = cs_arena_take(arena, w->changes.n * sizeof(*v));

	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < w->changes.n; i++) {
		const struct wire_change *c = &w->changes.v[i];
		v[i] = (struct state_change){ c->kind, c->id, c->tombstone, c->payload };
	}
	*out = (struct state_write){ .changes = v,
		.count = w->changes.n,
		.epoch = self->reign.epoch,
		.at_ms = (uint64_t)cs_clock_wall_ms(),
		.actor = w->actor };
	if (w->request.n == 16)
		memcpy(out->request, w->request.p, 16);
	return CS_OK;
}

/* Writes were chosen with seqs from FIRST on; each is now committed, or none is. */
static void answer_writes(struct replicator *self, const struct wire_write *const *chosen, size_t n,
        enum cs_err rc, uint64_t first)
{
	for (size_t i = 0; i < n; i++) {
		if (rc == CS_OK)
			admin_wait(self, chosen[i]->tag, command_of(self, chosen[i], first + i),
			        chosen[i]->timeout_ms);
		else
			admin_outcome(self, chosen[i]->tag, rc,
			        rc == CS_EFULL
			                ? "the disk of the store is full; nothing was changed"
			                : cs_err_text(rc),
			        0);
	}
}

static void commit_chosen(struct replicator *self, struct cs_arena *arena)
{
	static struct state_write writes[WRITES_MAX];
	static const struct wire_write *chosen[WRITES_MAX];
	const uint64_t head = self->facts.position.seq;
	size_t n = 0;

	for (size_t i = 0; i < self->write_count; i++) {
		const struct wire_write *w = self->writes[i].body;
		if (!to_be_written(self, w, head + n))
			continue;
		if (fill(self, w, arena, &writes[n]) == CS_OK)
			chosen[n++] = w;
		else
			admin_outcome(self, w->tag, CS_ENOMEM, "out of memory", 0);
	}
	if (n != 0)
		answer_writes(self, chosen, n, replicator_commit(self, writes, n), head + 1);
}

void admin_commit(struct replicator *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;

	if (self->write_count == 0)
		return;
	if (cs_arena_new(STATE_ARENA, &arena) == CS_OK)
		commit_chosen(self, arena);
	for (size_t i = 0; i < self->write_count; i++)
		wire_packet_free(&self->writes[i]);
	self->write_count = 0;
}
