/* node/admin/routes_certs.c: show, rename, activate. */
#include <string.h>
#include "node/admin/activate.h"
#include "node/admin/gate.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"
#include "store/pki/show.h"

const struct arg_field fields_rename[] = { { "name", ARG_TEXT, CS_FRIENDLY_MAX }, { NULL, 0, 0 } };
const struct arg_field fields_activate[] = { { "accept_uncovered", ARG_LIST, CS_NAME_MAX },
	{ "allow", ARG_LIST, 32 }, { NULL, 0, 0 } };

enum cs_err route_cert(struct call *call)
{
	const struct mirror_object *object;
	struct scene scene;
	json_t *cert;

	CS_TRY(call_lock(call));
	CS_TRY(route_find_any(call, call->name, &object));
	CS_TRY(route_scene(call, &scene));
	if (object->kind == OBJECT_CA)
		return reply_with(
		        &call->reply, json_pack("{s:s, s:o}", "schema", "certspan.cert/1", "cert",
		                              view_ca_details(object, call->now)));
	struct wire_bundle shown = *(const struct wire_bundle *)object->body;
	CS_TRY(chains_of(call->mirror, object->id, object->body, call->arena, &shown.chain));
	cert = view_cert_details(&scene, scene_find(&scene, object->id),
	        mirror_certificate(call->mirror, object->id), &shown, call->arena);
	CS_TRY(reply_with(
	        &call->reply, json_pack("{s:s, s:o}", "schema", "certspan.cert/1", "cert", cert)));
	return route_chain_warnings(
	        call, object->leaf, shown.chain, json_object_get(cert, "warnings"));
}

/* No other certificate that may still serve answers to NAME, as its name or as an id. */
static enum cs_err check_name(struct call *call, const struct mirror_object *object)
{
	const char *name = arg_text(call->args, "name", "");
	const struct mirror_object *other = NULL;

	if (name[0] == '\0' || name[0] == ' ' || name[strlen(name) - 1] == ' ' ||
	        !pki_show_harmless(name))
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "name: 1 to %d bytes of visible text are wanted, no blank at either end",
		        CS_FRIENDLY_MAX);
	enum cs_err rc = mirror_find_cert(call->mirror, name, &other);
	if (rc == CS_ENOTFOUND || other == object)
		rc = mirror_find_ca(call->mirror, name, &other);
	const bool retired = rc == CS_OK && other->kind == OBJECT_BUNDLE &&
	                     mirror_certificate(call->mirror, other->id) != NULL &&
	                     mirror_certificate(call->mirror, other->id)->state == CERT_RETIRED;
	if (rc == CS_ENOTFOUND || other == object || retired)
		return CS_OK;
	return reply_fail(&call->reply, CS_EEXISTS, "certspan cert list",
	        "another certificate is called %s already%s%s", name, other != NULL ? ": " : "",
	        other != NULL ? other->id : "");
}

static enum cs_err rename_ca(
        struct call *call, const struct mirror_object *object, struct plan *plan)
{
	struct wire_ca ca = *(const struct wire_ca *)object->body;

	ca.name = arg_text(call->args, "name", "");
	const struct mirror_object shown = { object->kind, object->id, 0, &ca, object->leaf };
	CS_TRY(reply_with(&call->reply, json_pack("{s:o}", "cert", view_ca(&shown, call->now))));
	return plan_put(plan, OBJECT_CA, object->id, &ca);
}

static enum cs_err decide_rename(struct call *call, void *data, struct plan *plan)
{
	const struct mirror_object *object;
	struct scene scene;

	(void)data;
	CS_TRY(route_find_any(call, call->name, &object));
	CS_TRY(check_name(call, object));
	if (object->kind == OBJECT_CA)
		return rename_ca(call, object, plan);
	CS_TRY(route_scene(call, &scene));
	struct wire_certificate life = *mirror_certificate(call->mirror, object->id);
	struct scene_cert cert = *scene_find(&scene, object->id);
	life.name = cert.name = arg_text(call->args, "name", "");
	CS_TRY(reply_with(
	        &call->reply, json_pack("{s:o}", "cert", view_cert(&scene, &cert, &life))));
	return plan_put(plan, OBJECT_CERTIFICATE, object->id, &life);
}

enum cs_err route_cert_rename(struct call *call)
{
	return call_write(call, decide_rename, NULL);
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
	struct wire_bundle shown = *(const struct wire_bundle *)object->body;
	CS_TRY(chains_of(call->mirror, object->id, object->body, call->arena, &shown.chain));
	return activate_plan(call, &scene, cert, &shown, &life, &d, plan);
}

enum cs_err route_cert_activate(struct call *call)
{
	return call_write(call, decide_activate, NULL);
}
