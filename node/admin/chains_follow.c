/* node/admin/chains_follow.c: the chain objects that belong to a plan. */
#include <string.h>
#include "node/admin/admin.h"
#include "proto/base/log.h"

#define SCRATCH_MAX (1u << 20) /* one certificate, its bundle and its way */
#define OVERHEAD 128 /* of one change in the packet */
#define RESERVE 16384

struct follow {
	struct call *call;
	struct plan *plan;
	struct chains_scope scope;
	size_t given; /* changes of the decision itself */
	bool cas; /* CA certificates come or go */
};

static const struct wire_change *planned(const struct follow *self, uint32_t kind, const char *id)
{
	for (size_t i = 0; i < self->plan->count; i++)
		if (self->plan->change[i].kind == kind && strcmp(self->plan->change[i].id, id) == 0)
			return &self->plan->change[i];
	return NULL;
}

/* --- CA certificates --- */

static enum cs_err add_ca(struct follow *self, const struct wire_change *change)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_ca ca;

	self->cas = true;
	if (change->tombstone) {
		path_pool_hide(self->scope.pool, change->id, true);
		path_pool_hide(self->scope.roots, change->id, true);
		return CS_OK;
	}
	CS_TRY(cs_arena_new(SCRATCH_MAX, &arena));
	CS_TRY(wire_decode(&wire_ca_type, change->payload, arena, &ca));
	return chains_add(ca.der, self->scope.added, self->scope.added_roots);
}

static enum cs_err add_cas(struct follow *self)
{
	for (size_t i = 0; i < self->given; i++)
		if (self->plan->change[i].kind == OBJECT_CA)
			CS_TRY(add_ca(self, &self->plan->change[i]));
	return CS_OK;
}

static void unhide(struct follow *self)
{
	for (size_t i = 0; i < self->given; i++) {
		const struct wire_change *change = &self->plan->change[i];
		if (change->kind != OBJECT_CA || !change->tombstone)
			continue;
		path_pool_hide(self->scope.pool, change->id, false);
		path_pool_hide(self->scope.roots, change->id, false);
	}
}

/* --- one certificate --- */

/* A chain that was given by hand fits the successor when it leads up from it too. */
static bool still_fits(const struct follow *self, const struct pki_cert *leaf,
        const struct wire_chain *before, struct cs_arena *arena)
{
	struct path path;

	return chains_arrange(leaf, before->issuers, self->call->now, arena, &path) == CS_OK;
}

/* The choice of a certificate that takes the place of the one with the choice BEFORE (NULL). */
static enum cs_err inherit(const struct follow *self, const struct pki_cert *leaf,
        const struct wire_bundle *bundle, const struct wire_chain *before, struct cs_arena *arena,
        struct wire_chain *out)
{
	const bool chosen = before != NULL && before->chosen;

	if (chosen && before->mode == CHAIN_MANUAL && still_fits(self, leaf, before, arena)) {
		*out = *before;
		return CS_OK;
	}
	const uint32_t mode = before != NULL && before->mode != CHAIN_MANUAL &&
	                                      (chosen || before->mode == CHAIN_AUTOMATIC)
	                              ? before->mode
	                              : 0;
	CS_TRY(chains_resolve(&self->scope, leaf, bundle, mode, arena, out));
	out->chosen = chosen && mode != 0;
	return CS_OK;
}

static enum cs_err put(struct follow *self, const char *id, struct wire_chain *chain)
{
	chain->at = (uint64_t)self->call->now;
	chain->actor = self->call->actor;
	return plan_put(self->plan, OBJECT_CHAIN, id, chain);
}

/* What is served with a new certificate decides what its importer is warned of. */
static enum cs_err tell(struct follow *self, const struct pki_cert *leaf,
        const struct wire_bundle *bundle, const struct wire_chain *chain, struct cs_arena *arena)
{
	json_t *list = json_object_get(self->call->reply.doc, "warnings");
	struct wire_blobs issuers;
	struct path path;

	if (list == NULL)
		return CS_OK;
	CS_TRY(chains_issuers(self->call->mirror, chain, bundle, arena, &issuers));
	CS_TRY(chains_judge(&self->scope, leaf, issuers, arena, &path));
	return chains_warn_all(&self->scope, list, leaf, issuers, &path, arena);
}

static enum cs_err new_bundle(struct follow *self, const struct wire_change *change)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	const struct wire_change *life = planned(self, OBJECT_CERTIFICATE, change->id);
	struct wire_certificate certificate = { .replaces = "" };
	struct wire_bundle bundle;
	struct wire_chain chain;

	if (planned(self, OBJECT_CHAIN, change->id) != NULL)
		return CS_OK;
	if (change->tombstone)
		return chains_choice(self->call->mirror, change->id) != NULL
		               ? plan_drop(self->plan, OBJECT_CHAIN, change->id)
		               : CS_OK;
	CS_TRY(cs_arena_new(SCRATCH_MAX, &arena));
	CS_TRY(wire_decode(&wire_bundle_type, change->payload, arena, &bundle));
	CS_TRY(pki_cert_read(bundle.leaf, &leaf));
	if (life != NULL && !life->tombstone)
		CS_TRY(wire_decode(&wire_certificate_type, life->payload, arena, &certificate));
	CS_TRY(inherit(self, leaf, &bundle, chains_choice(self->call->mirror, certificate.replaces),
	        arena, &chain));
	CS_TRY(put(self, change->id, &chain));
	return tell(self, leaf, &bundle, &chain, arena);
}

/* One that was Staged takes the place of another; what an admin chose for it stays. */
static enum cs_err successor(struct follow *self, const struct wire_change *change)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct mirror_object *object =
	        mirror_get(self->call->mirror, OBJECT_BUNDLE, change->id);
	const struct wire_chain *own = chains_choice(self->call->mirror, change->id);
	struct wire_certificate life;
	struct wire_chain chain;

	if (change->tombstone || object == NULL || (own != NULL && own->chosen) ||
	        planned(self, OBJECT_CHAIN, change->id) != NULL)
		return CS_OK;
	CS_TRY(cs_arena_new(SCRATCH_MAX, &arena));
	CS_TRY(wire_decode(&wire_certificate_type, change->payload, arena, &life));
	const struct wire_chain *before = chains_choice(self->call->mirror, life.replaces);
	if (life.state != CERT_ACTIVE || before == NULL || !before->chosen)
		return CS_OK;
	CS_TRY(inherit(self, object->leaf, object->body, before, arena, &chain));
	return put(self, change->id, &chain);
}

static enum cs_err follow_each(struct follow *self)
{
	for (size_t i = 0; i < self->given; i++) {
		const struct wire_change change = self->plan->change[i];
		if (change.kind == OBJECT_BUNDLE)
			CS_TRY(new_bundle(self, &change));
		if (change.kind == OBJECT_CERTIFICATE)
			CS_TRY(successor(self, &change));
	}
	return CS_OK;
}

/* --- all that rest on CA certificates --- */

static bool same(const struct wire_chain *a, const struct wire_chain *b)
{
	if (a == NULL)
		return b->mode == CHAIN_CURRENT;
	if (a->mode != b->mode || a->own != b->own || a->issuers.n != b->issuers.n)
		return false;
	for (size_t i = 0; i < a->issuers.n; i++)
		if (!cs_bytes_equal(a->issuers.v[i], b->issuers.v[i]))
			return false;
	return true;
}

static enum cs_err again(struct follow *self, const struct mirror_object *object)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_chain *now = chains_choice(self->call->mirror, object->id);
	struct wire_chain next;

	if (now != NULL && now->chosen && now->mode != CHAIN_AUTOMATIC)
		return CS_OK;
	if (planned(self, OBJECT_BUNDLE, object->id) != NULL ||
	        planned(self, OBJECT_CHAIN, object->id) != NULL)
		return CS_OK;
	CS_TRY(cs_arena_new(SCRATCH_MAX, &arena));
	CS_TRY(chains_resolve(&self->scope, object->leaf, object->body,
	        now != NULL && now->chosen ? CHAIN_AUTOMATIC : 0, arena, &next));
	next.chosen = now != NULL && now->chosen;
	return same(now, &next) ? CS_OK : put(self, object->id, &next);
}

static bool full(const struct follow *self)
{
	size_t bytes = RESERVE;

	for (size_t i = 0; i < self->plan->count; i++)
		bytes += self->plan->change[i].payload.n + OVERHEAD;
	return bytes > CS_PACKET_MAX || self->plan->count + 8 > CS_COMMIT_OBJECTS_MAX;
}

static enum cs_err all_again(struct follow *self, struct chains_rest *rest)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(self->call->mirror, OBJECT_BUNDLE, &n);
	size_t before = 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i]->id, rest->id) <= 0)
			continue;
		if (self->plan->count != before && full(self)) {
			rest->any = true;
			return CS_OK;
		}
		before = self->plan->count;
		CS_TRY(again(self, all[i]));
		memcpy(rest->id, all[i]->id, strlen(all[i]->id) + 1);
	}
	*rest = (struct chains_rest){ .any = false };
	return CS_OK;
}

static enum cs_err follow(struct follow *self, struct chains_rest *rest)
{
	CS_TRY(add_cas(self));
	CS_TRY(follow_each(self));
	if (self->cas)
		*rest = (struct chains_rest){ .any = true };
	return rest->any ? all_again(self, rest) : CS_OK;
}

static bool concerned(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->change[i].kind == OBJECT_CA || plan->change[i].kind == OBJECT_BUNDLE ||
		        plan->change[i].kind == OBJECT_CERTIFICATE)
			return true;
	return false;
}

enum cs_err chains_follow(struct call *call, struct plan *plan)
{
	struct follow self = { .call = call, .plan = plan, .given = plan->count };

	call->rest = chains_rest(admin_chains(call->admin));
	if (!call->rest.any && !concerned(plan))
		return CS_OK;
	enum cs_err rc = chains_open(call, &self.scope);
	if (rc == CS_OK)
		rc = follow(&self, &call->rest);
	if (self.scope.pool != NULL)
		unhide(&self);
	chains_close(&self.scope);
	return rc;
}
