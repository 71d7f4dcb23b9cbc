/* node/admin/routes_delete.c: certificates that go, one or many in one commit: deleted, or Retired
 * and kept for a rollback. */
#include <stdio.h>
#include <string.h>
#include "node/admin/doomed.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"

#define MANY 1000 /* three objects each in one commit */
#define NEEDS_MAX 16

const struct arg_field fields_cert_delete[] = { { "force", ARG_FLAG, 0 }, { NULL, 0, 0 } };
const struct arg_field fields_certs_delete[] = { { "ids", ARG_LIST, CS_FRIENDLY_MAX },
	{ "force", ARG_FLAG, 0 }, { NULL, 0, 0 } };

/* What one request names. */
struct targets {
	const struct mirror_object **all;
	const char **ids; /* of the bundles among them */
	const char **active; /* of those, the Active ones */
	size_t count, id_count, active_count;
	bool retire; /* they stay, as Retired */
	struct scene scene;
};

static struct wire_texts bundle_ids(const struct targets *self)
{
	return (struct wire_texts){ self->ids, self->id_count };
}

static enum cs_err add_target(struct call *call, const char *text, struct targets *self)
{
	const struct mirror_object *object;

	CS_TRY(route_find_any(call, text, &object));
	for (size_t i = 0; i < self->count; i++)
		if (self->all[i] == object)
			return CS_OK;
	self->all[self->count++] = object;
	if (object->kind == OBJECT_CA)
		return !self->retire
		               ? CS_OK
		               : reply_fail(&call->reply, CS_EUSAGE, "certspan cert delete ID",
		                         "%s is a CA certificate: it serves nobody", object->id);
	self->ids[self->id_count++] = object->id;
	if (scene_find(&self->scene, object->id)->state == CERT_ACTIVE)
		self->active[self->active_count++] = object->id;
	return CS_OK;
}

static enum cs_err find_targets(struct call *call, struct targets *self)
{
	struct wire_texts names = { (const char *const[]){ call->name }, 1 };

	if (call->name[0] == '\0')
		CS_TRY(arg_list(call->args, "ids", call->arena, &names));
	if (names.n == 0 || names.n > MANY)
		return reply_fail(&call->reply, CS_EUSAGE, "certspan cert list",
		        "ids: 1 to %d certificates are wanted", MANY);
	CS_TRY(route_scene(call, &self->scene));
	self->all = cs_arena_take(call->arena, names.n * sizeof(*self->all));
	self->ids = cs_arena_take(call->arena, names.n * sizeof(*self->ids));
	self->active = cs_arena_take(call->arena, names.n * sizeof(*self->active));
	if (self->all == NULL || self->ids == NULL || self->active == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < names.n; i++)
		CS_TRY(add_target(call, names.v[i], self));
	return CS_OK;
}

static enum cs_err refuse_default(
        struct call *call, const struct targets *self, const struct gate *gate)
{
	for (size_t i = 0; i < self->active_count; i++) {
		if (!route_is_default(&self->scene, self->active[i]))
			continue;
		json_decref(call->reply.inside);
		call->reply.inside = json_pack("{s:o}", "uncovered", view_gate(gate));
		return reply_fail(&call->reply, CS_EREFUSED,
		        "certspan default set OTHER, then repeat it",
		        "%s is the default certificate: clients without SNI would get nothing",
		        self->active[i]);
	}
	return CS_OK;
}

static const char *forced(struct call *call, const struct targets *self)
{
	return cs_arena_printf(call->arena, "certspan cert %s %s%s --force",
	        self->retire ? "retire" : "delete", self->all[0]->id,
	        self->count > 1 ? " ..." : "");
}

/* No hostname may lose its only certificate or its default. */
static enum cs_err check_served(struct call *call, const struct targets *self)
{
	struct scene after;
	struct gate gate;
	const char *next = forced(call, self);

	CS_TRY(doomed_scene(&self->scene, bundle_ids(self), call->arena, &after));
	CS_TRY(gate_change(
	        &self->scene, &after, (struct wire_texts){ NULL, 0 }, call->arena, &gate));
	CS_TRY(refuse_default(call, self, &gate));
	if (gate.count == 0)
		return CS_OK;
	if (next == NULL || route_refuse(call, &gate, "the only certificate of", "") != CS_EREFUSED)
		return CS_ENOMEM;
	snprintf(call->reply.next, sizeof(call->reply.next), "%s",
	        next); /* --force, not --accept-uncovered */
	return CS_EREFUSED;
}

static enum cs_err pool_of(struct call *call, const struct doomed_ca **out, size_t *n)
{
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_CA, n);
	struct doomed_ca *pool = cs_arena_take(call->arena, (*n + 1) * sizeof(*pool));

	if (pool == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < *n; i++)
		pool[i] = (struct doomed_ca){ all[i]->id, all[i]->leaf };
	*out = pool;
	return CS_OK;
}

static enum cs_err refuse_ca(struct call *call, const struct targets *self, const char *id,
        const struct doomed_need *needs, size_t n)
{
	json_t *list = json_array();
	char names[CS_TEXT_MAX / 2] = "";
	size_t used = 0;

	for (size_t i = 0; i < n && i < NEEDS_MAX; i++) {
		json_array_append_new(
		        list, json_pack("{s:s, s:s, s:o}", "ca", id, "cert", needs[i].cert->id,
		                      "name", json_show(needs[i].cert->name)));
		if (i < 4)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
			        i > 0 ? ", " : "", needs[i].cert->id);
	}
	json_decref(call->reply.inside);
	call->reply.inside = json_pack("{s:o}", "needed_by", list);
	return reply_fail(&call->reply, CS_EREFUSED, forced(call, self),
	        "the chain of %s%s leads through the CA certificate %s", names,
	        n > 4 ? " and others" : "", id);
}

static enum cs_err check_chains(struct call *call, const struct targets *self)
{
	const struct doomed_ca *pool;
	size_t pool_count;
	struct scene after;

	CS_TRY(pool_of(call, &pool, &pool_count));
	CS_TRY(doomed_scene(&self->scene, bundle_ids(self), call->arena, &after));
	for (size_t i = 0; i < self->count; i++) {
		const struct doomed_ca gone = { self->all[i]->id, self->all[i]->leaf };
		struct doomed_need needs[NEEDS_MAX];
		if (self->all[i]->kind != OBJECT_CA)
			continue;
		const size_t n = doomed_needs(&after, pool, pool_count, &gone, needs, NEEDS_MAX);
		if (n > 0)
			return refuse_ca(call, self, gone.id, needs, n);
	}
	return CS_OK;
}

static enum cs_err drop_defaults(struct call *call, const char *id, struct plan *plan)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_DEFAULT, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(((const struct wire_default_choice *)all[i]->body)->bundle, id) == 0)
			CS_TRY(plan_drop(plan, OBJECT_DEFAULT, all[i]->id));
	return CS_OK;
}

static enum cs_err retire_one(struct call *call, const char *id, struct plan *plan)
{
	struct wire_certificate life = *mirror_certificate(call->mirror, id);

	if (life.state == CERT_RETIRED)
		return CS_OK;
	CS_TRY(drop_defaults(call, id, plan));
	life.state = CERT_RETIRED;
	life.retired_at = (uint64_t)call->now;
	return plan_put(plan, OBJECT_CERTIFICATE, id, &life);
}

static enum cs_err delete_one(
        struct call *call, const struct mirror_object *object, struct plan *plan)
{
	if (object->kind == OBJECT_CA)
		return plan_drop(plan, OBJECT_CA, object->id);
	CS_TRY(drop_defaults(call, object->id, plan));
	CS_TRY(plan_drop(plan, OBJECT_CERTIFICATE, object->id));
	return plan_drop(plan, OBJECT_BUNDLE, object->id);
}

static json_t *target_json(struct call *call, const struct targets *self, size_t i)
{
	const struct mirror_object *object = self->all[i];

	if (object->kind == OBJECT_CA)
		return view_ca(object, call->now);
	return view_cert(&self->scene, scene_find(&self->scene, object->id),
	        mirror_certificate(call->mirror, object->id));
}

static enum cs_err answer(struct call *call, const struct targets *self)
{
	json_t *list = json_array();

	for (size_t i = 0; i < self->count; i++)
		json_array_append_new(list, target_json(call, self, i));
	json_t *first = json_incref(json_array_get(list, 0));
	return reply_with(&call->reply, json_pack("{s:o, s:o}", "cert", first, "certs", list));
}

static enum cs_err decide_targets(struct call *call, void *data, struct plan *plan)
{
	struct targets self = { .retire = *(const bool *)data };

	CS_TRY(find_targets(call, &self));
	if (!arg_flag(call->args, "force")) {
		CS_TRY(check_served(call, &self));
		CS_TRY(check_chains(call, &self));
	}
	CS_TRY(answer(call, &self));
	for (size_t i = 0; i < self.count; i++)
		CS_TRY(self.retire ? retire_one(call, self.all[i]->id, plan)
		                   : delete_one(call, self.all[i], plan));
	if (self.active_count == 0)
		return CS_OK;
	return plan_generation(plan, (struct wire_texts){ NULL, 0 },
	        (struct wire_texts){ self.active, self.active_count },
	        self.retire ? "retired" : "deleted", call->actor, (uint64_t)call->now);
}

enum cs_err route_cert_delete(struct call *call)
{
	bool retire = false;

	return call_write(call, decide_targets, &retire);
}

enum cs_err route_certs_delete(struct call *call)
{
	return route_cert_delete(call);
}

enum cs_err route_certs_retire(struct call *call)
{
	bool retire = true;

	return call_write(call, decide_targets, &retire);
}
