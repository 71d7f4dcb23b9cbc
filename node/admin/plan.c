#include "node/admin/plan.h"
#include <string.h>

struct plan plan_new(const struct mirror *mirror, struct cs_arena *arena)
{
	return (struct plan){ .arena = arena, .generation = mirror_generation(mirror) };
}

static enum cs_err add(struct plan *self, struct wire_change change)
{
	if (self->count == self->room) {
		const size_t room = self->room != 0 ? 2 * self->room : 16;
		struct wire_change *more = cs_arena_take(self->arena, room * sizeof(*more));
		if (more == NULL)
			return CS_ENOMEM;
		if (self->count > 0)
			memcpy(more, self->change, self->count * sizeof(*more));
		self->change = more;
		self->room = room;
	}
	self->change[self->count++] = change;
	return CS_OK;
}

enum cs_err plan_put(struct plan *self, uint32_t kind, const char *id, const void *payload)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_OBJECT_MAX);

	CS_TRY(wire_encode(object_payload_type(kind), payload, &buf));
	const char *copy = cs_arena_text(self->arena, (const char *)buf.p, buf.n);
	const char *own = cs_arena_text(self->arena, id, strlen(id));
	if (copy == NULL || own == NULL)
		return CS_ENOMEM;
	return add(
	        self, (struct wire_change){ kind, own, false, { (const uint8_t *)copy, buf.n } });
}

enum cs_err plan_drop(struct plan *self, uint32_t kind, const char *id)
{
	const char *own = cs_arena_text(self->arena, id, strlen(id));

	return own != NULL
	               ? add(self,
	                         (struct wire_change){ .kind = kind, .id = own, .tombstone = true })
	               : CS_ENOMEM;
}

enum cs_err plan_generation(struct plan *self, struct wire_texts activated,
        struct wire_texts retired, const char *reason, const char *actor, uint64_t at)
{
	const struct wire_activation next = { .number = ++self->generation,
		.at = at,
		.actor = actor,
		.reason = reason,
		.activated = activated,
		.retired = retired };

	return plan_put(self, OBJECT_ACTIVATION, "current", &next);
}

enum cs_err plan_activation(struct plan *self, const char *activated, const char *retired,
        const char *reason, const char *actor, uint64_t at)
{
	return plan_generation(self, (struct wire_texts){ &activated, activated != NULL ? 1 : 0 },
	        (struct wire_texts){ &retired, retired != NULL ? 1 : 0 }, reason, actor, at);
}

static enum cs_err move_defaults(struct plan *self, struct mirror *mirror, const char *from,
        const char *to, const char *actor, uint64_t at, bool *moved)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(mirror, OBJECT_DEFAULT, &n);

	for (size_t i = 0; i < n; i++) {
		const struct wire_default_choice *old = all[i]->body;
		if (strcmp(old->bundle, from) != 0)
			continue;
		const struct wire_default_choice choice = {
			.bundle = to, .at = at, .actor = actor
		};
		CS_TRY(plan_put(self, OBJECT_DEFAULT, all[i]->id, &choice));
		*moved = true;
	}
	return CS_OK;
}

static enum cs_err retire(struct plan *self, struct mirror *mirror, const char *id,
        const char *successor, uint64_t at)
{
	const struct wire_certificate *old = mirror_certificate(mirror, id);

	if (old == NULL)
		return CS_EBUG;
	struct wire_certificate life = *old;
	life.state = CERT_RETIRED;
	life.replaced_by = successor;
	life.retired_at = at;
	return plan_put(self, OBJECT_CERTIFICATE, id, &life);
}

enum cs_err plan_activate(struct plan *self, struct mirror *mirror, const char *id,
        struct wire_certificate *life, const char *replaces, const char *actor, uint64_t at,
        bool *moved)
{
	*moved = false;
	life->state = CERT_ACTIVE;
	life->generation = self->generation + 1;
	life->activated_at = at;
	life->retired_at = 0;
	life->replaced_by = "";
	life->replaces = replaces != NULL ? replaces : "";
	CS_TRY(plan_put(self, OBJECT_CERTIFICATE, id, life));
	if (replaces != NULL) {
		CS_TRY(retire(self, mirror, replaces, id, at));
		CS_TRY(move_defaults(self, mirror, replaces, id, actor, at, moved));
	}
	return plan_activation(self, id, replaces, life->verdict, actor, at);
}
