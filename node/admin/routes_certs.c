/* node/admin/routes_certs.c: list, show, delete, activate. */
#include <stdio.h>
#include <string.h>
#include "node/admin/activate.h"
#include "node/admin/gate.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"

#define LIMIT 200

const struct arg_field fields_certs[] = { { "after", ARG_TEXT, CS_ID_MAX },
	{ "limit", ARG_NUMBER, 1000 }, { "host", ARG_TEXT, CS_NAME_MAX + 2 },
	{ "state", ARG_TEXT, 32 }, { "default", ARG_FLAG, 0 }, { NULL, 0, 0 } };
const struct arg_field fields_cert_delete[] = { { "force", ARG_FLAG, 0 }, { NULL, 0, 0 } };
const struct arg_field fields_activate[] = { { "accept_uncovered", ARG_LIST, CS_NAME_MAX },
	{ "allow", ARG_LIST, 32 }, { NULL, 0, 0 } };

static bool is_default(const struct scene *scene, const char *id)
{
	if (strcmp(scene->cluster_default, id) == 0)
		return true;
	for (size_t i = 0; i < scene->node_count; i++)
		if (strcmp(scene->nodes[i].own_default, id) == 0)
			return true;
	return false;
}

static bool wanted(
        const struct call *call, const struct scene *scene, const struct scene_cert *cert)
{
	const char *state = arg_text(call->args, "state", NULL),
	           *host = arg_text(call->args, "host", NULL);

	if (state != NULL && strcmp(state, cert_state_name(cert->state)) != 0 &&
	        strcmp(state, view_validity(cert->leaf, call->now)) != 0)
		return false;
	if (host != NULL && pki_cert_covers(cert->leaf, cs_bytes_of(host), NULL) == PKI_COVER_NONE)
		return false;
	return !arg_flag(call->args, "default") || is_default(scene, cert->id);
}

static enum cs_err check_state(struct call *call)
{
	static const char *const words[] = { "staged", "verified", "active", "retired", "rejected",
		"valid", "expiring", "expired", "not-yet-valid" };
	const char *state = arg_text(call->args, "state", words[0]);

	for (size_t i = 0; i < CS_COUNT(words); i++)
		if (strcmp(words[i], state) == 0)
			return CS_OK;
	return reply_fail(&call->reply, CS_EUSAGE, "",
	        "state: staged, verified, active, retired, rejected, expiring, expired or "
	        "not-yet-valid is wanted");
}

enum cs_err route_certs(struct call *call)
{
	const char *after = arg_text(call->args, "after", ""), *next = NULL;
	const long long limit = arg_number(call->args, "limit", LIMIT);
	struct scene scene;
	long long total = 0, given = 0;

	CS_TRY(check_state(call));
	CS_TRY(call_lock(call));
	CS_TRY(route_scene(call, &scene));
	json_t *list = json_array();
	for (size_t i = 0; i < scene.cert_count; i++) {
		const struct scene_cert *cert = &scene.certs[i];
		if (!wanted(call, &scene, cert))
			continue;
		total++;
		if (strcmp(cert->id, after) <= 0)
			continue;
		if (given == limit)
			next = next != NULL
			               ? next
			               : json_string_value(json_object_get(
			                         json_array_get(list, (size_t)given - 1), "id"));
		else if (json_array_append_new(
		                 list, view_cert(&scene, cert,
		                               mirror_certificate(call->mirror, cert->id))) == 0)
			given++;
	}
	return reply_with(&call->reply,
	        json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "schema", "certspan.certs/1", "seq",
	                (json_int_t)mirror_seq(call->mirror), "generation",
	                (json_int_t)mirror_generation(call->mirror), "total", (json_int_t)total,
	                "next", next != NULL ? json_string(next) : json_null(), "certs", list));
}

enum cs_err route_cert(struct call *call)
{
	const struct mirror_object *object;
	struct scene scene;

	CS_TRY(call_lock(call));
	CS_TRY(route_find_cert(call, call->name, &object));
	CS_TRY(route_scene(call, &scene));
	json_t *cert = view_cert_details(&scene, scene_find(&scene, object->id),
	        mirror_certificate(call->mirror, object->id), object->body, call->arena);
	return reply_with(
	        &call->reply, json_pack("{s:s, s:o}", "schema", "certspan.cert/1", "cert", cert));
}

/* What is served when CERT is gone. */
static enum cs_err scene_without(
        struct call *call, const struct scene *scene, const char *id, struct scene *out)
{
	CS_TRY(scene_copy(scene, call->arena, out));
	scene_find(out, id)->state = CERT_RETIRED;
	if (strcmp(out->cluster_default, id) == 0)
		out->cluster_default = "";
	for (size_t i = 0; i < out->node_count; i++)
		if (strcmp(out->nodes[i].own_default, id) == 0)
			out->nodes[i].own_default = "";
	return CS_OK;
}

static enum cs_err check_delete(struct call *call, const struct scene *scene, const char *id)
{
	struct scene after;
	struct gate gate;
	char next[128];

	snprintf(next, sizeof(next), "certspan cert delete %s --force", id);
	CS_TRY(scene_without(call, scene, id, &after));
	CS_TRY(gate_change(scene, &after, (struct wire_texts){ 0 }, call->arena, &gate));
	if (is_default(scene, id)) {
		json_decref(call->reply.inside);
		call->reply.inside = json_pack("{s:o}", "uncovered", view_gate(&gate));
		return reply_fail(&call->reply, CS_EREFUSED,
		        "certspan default set OTHER, then delete", "%s is the default certificate",
		        id);
	}
	if (gate.count == 0)
		return CS_OK;
	CS_TRY(route_refuse(call, &gate, "the only certificate of", next) == CS_EREFUSED
	                ? CS_OK
	                : CS_ENOMEM);
	snprintf(call->reply.next, sizeof(call->reply.next), "%s",
	        next); /* --force, not --accept-uncovered */
	return CS_EREFUSED;
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

static enum cs_err decide_delete(struct call *call, void *data, struct plan *plan)
{
	const struct mirror_object *object;
	struct scene scene;

	(void)data;
	CS_TRY(route_find_cert(call, call->name, &object));
	CS_TRY(route_scene(call, &scene));
	const struct scene_cert *cert = scene_find(&scene, object->id);
	if (!arg_flag(call->args, "force") && cert->state == CERT_ACTIVE)
		CS_TRY(check_delete(call, &scene, object->id));
	CS_TRY(reply_with(&call->reply,
	        json_pack("{s:o}", "cert",
	                view_cert(&scene, cert, mirror_certificate(call->mirror, object->id)))));
	CS_TRY(drop_defaults(call, object->id, plan));
	CS_TRY(plan_drop(plan, OBJECT_CERTIFICATE, object->id));
	CS_TRY(plan_drop(plan, OBJECT_BUNDLE, object->id));
	return cert->state == CERT_ACTIVE ? plan_activation(plan, NULL, object->id, "deleted",
	                                            call->actor, (uint64_t)call->now)
	                                  : CS_OK;
}

enum cs_err route_cert_delete(struct call *call)
{
	return call_write(call, decide_delete, NULL);
}

/* Asked for by name, so a decision against it is an error, not an outcome. */
static enum cs_err refuse_activation(struct call *call, const struct decision *d)
{
	if (d->gate.count > 0) {
		json_decref(call->reply.inside);
		call->reply.inside = json_pack("{s:o}", "uncovered", view_gate(&d->gate));
	}
	return reply_fail(
	        &call->reply, d->err, d->next, "%s stays as it is: %s", call->name, d->text);
}

static enum cs_err decide_activate(struct call *call, void *data, struct plan *plan)
{
	const struct mirror_object *object;
	struct verdict_flags flags;
	struct decision d;
	struct scene scene;

	(void)data;
	CS_TRY(route_find_cert(call, call->name, &object));
	CS_TRY(route_scene(call, &scene));
	const struct scene_cert *cert = scene_find(&scene, object->id);
	struct wire_certificate life = *mirror_certificate(call->mirror, object->id);
	if (life.state == CERT_ACTIVE)
		return reply_with(&call->reply,
		        json_pack("{s:o, s:b, s:s}", "cert", view_cert(&scene, cert, &life),
		                "activated", 0, "text", "it is Active already"));
	CS_TRY(activate_flags(call, &flags));
	flags.asked = true;
	CS_TRY(decide(&scene, cert, &flags, call->arena, &d));
	if (!d.activate)
		return refuse_activation(call, &d);
	return activate_plan(call, &scene, cert, object->body, &life, &d, plan);
}

enum cs_err route_cert_activate(struct call *call)
{
	return call_write(call, decide_activate, NULL);
}
