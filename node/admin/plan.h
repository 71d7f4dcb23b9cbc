/* node/admin/plan.h: the objects that one commit will write, built up by a decision. Pure. */
#pragma once
#include "node/admin/mirror.h"

struct plan {
	struct cs_arena *arena;
	struct wire_change *change;
	size_t count, room;
	uint64_t generation; /* of the commit */
};

/* An empty plan on MIRROR's state; everything lives in ARENA. */
struct plan plan_new(const struct mirror *mirror, struct cs_arena *arena);
/* Adds an object with PAYLOAD (the plain struct of KIND). */
CS_MUST enum cs_err plan_put(struct plan *self, uint32_t kind, const char *id, const void *payload);
CS_MUST enum cs_err plan_drop(struct plan *self, uint32_t kind, const char *id); /* a tombstone */
/* The next generation, once a plan; *_ID may be NULL. */
CS_MUST enum cs_err plan_activation(struct plan *self, const char *activated, const char *retired,
        const char *reason, const char *actor, uint64_t at);
/* The same of several at once. */
CS_MUST enum cs_err plan_generation(struct plan *self, struct wire_texts activated,
        struct wire_texts retired, const char *reason, const char *actor, uint64_t at);
/* CERT becomes Active, and what it REPLACES (NULL) Retired, with the default choices that named it.
 * *MOVED: any did. */
CS_MUST enum cs_err plan_activate(struct plan *self, struct mirror *mirror, const char *id,
        struct wire_certificate *life, const char *replaces, const char *actor, uint64_t at,
        bool *moved);
