/* node/admin/routes_default.c: the certificate of clients without SNI, or with one that nothing
 * matches. */
#include <stdio.h>
#include <string.h>
#include "node/admin/gate.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"
#include "proto/base/text.h"

const struct arg_field fields_default_set[] = { { "id", ARG_TEXT, CS_FRIENDLY_MAX },
	{ "node", ARG_TEXT, CS_ID_MAX }, { "accept_uncovered", ARG_LIST, CS_NAME_MAX },
	{ NULL, 0, 0 } };
const struct arg_field fields_node_name[] = { { "node", ARG_TEXT, CS_ID_MAX }, { NULL, 0, 0 } };

static json_t *choice_json(const struct call *call, const struct scene *scene)
{
	const struct mirror_object *object = mirror_get(call->mirror, OBJECT_DEFAULT, "*");
	const struct wire_default_choice *choice = object != NULL ? object->body : NULL;

	if (choice == NULL)
		return json_null();
	const struct scene_cert *cert = scene_find(scene, choice->bundle);
	return json_pack("{s:s, s:o, s:o, s:s}", "cert", choice->bundle, "name",
	        json_show(cert != NULL ? cert->name : ""), "at", json_time(choice->at), "actor",
	        choice->actor);
}

enum cs_err route_default(struct call *call)
{
	struct scene scene;

	CS_TRY(call_lock(call));
	CS_TRY(route_scene(call, &scene));
	json_t *nodes = json_array();
	for (size_t i = 0; i < scene.node_count; i++) {
		const struct scene_cert *cert = scene_default(&scene, &scene.nodes[i]);
		json_array_append_new(
		        nodes, json_pack("{s:s, s:o, s:o, s:b}", "node", scene.nodes[i].name,
		                       "cert", json_text_or_null(cert != NULL ? cert->id : ""),
		                       "name", json_text_or_null(cert != NULL ? cert->name : ""),
		                       "own", scene.nodes[i].own_default[0] != '\0'));
	}
	return reply_with(
	        &call->reply, json_pack("{s:s, s:I, s:o, s:o}", "schema", "certspan.default/1",
	                              "generation", (json_int_t)mirror_generation(call->mirror),
	                              "default", choice_json(call, &scene), "nodes", nodes));
}

static bool is_ca_id(struct call *call, const char *text)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_CA, &n);

	for (size_t i = 0; i < n; i++)
		if (strlen(text) >= 4 && strncmp(all[i]->id, text, strlen(text)) == 0)
			return true;
	return false;
}

static enum cs_err check_cert(struct call *call, const struct scene_cert *cert)
{
	char next[128], when[32];

	if (cert->leaf->not_after < call->now)
		return reply_fail(&call->reply, CS_EEXPIRED,
		        "certspan cert import FILE (its renewal)", "%s expired on %s", cert->id,
		        cs_time_text(cert->leaf->not_after, when, sizeof(when)));
	if (cert->leaf->not_before > call->now)
		return reply_fail(&call->reply, CS_ENOTYET, "wait until then",
		        "%s is not yet valid: only from %s", cert->id,
		        cs_time_text(cert->leaf->not_before, when, sizeof(when)));
	if (cert->state == CERT_ACTIVE)
		return CS_OK;
	snprintf(next, sizeof(next), "certspan activate %s", cert->id);
	return reply_fail(&call->reply, CS_EREFUSED, next,
	        "%s is %s; only an Active certificate can be the default", cert->id,
	        cert_state_name(cert->state));
}

static enum cs_err find_cert(struct call *call, const struct mirror_object **out)
{
	const char *text = arg_text(call->args, "id", "");

	if (text[0] == '\0')
		return reply_fail(&call->reply, CS_EUSAGE, "certspan cert list", "id is missing");
	if (mirror_find_cert(call->mirror, text, out) == CS_ENOTFOUND && is_ca_id(call, text))
		return reply_fail(&call->reply, CS_ENOKEY, "certspan cert list",
		        "%s is a CA certificate without private key", text);
	return route_find_cert(call, text, out);
}

static enum cs_err after_of(struct call *call, const struct scene *scene, const char *node,
        const char *id, struct scene *out)
{
	CS_TRY(scene_copy(scene, call->arena, out));
	if (node == NULL) {
		out->cluster_default = id;
		return CS_OK;
	}
	struct scene_node *own = scene_node(out, node);
	if (own == NULL)
		return reply_fail(&call->reply, CS_ENOTFOUND, "certspan node list",
		        "no node is called %s", node);
	own->own_default = id;
	return CS_OK;
}

static const char *object_id(struct call *call, const char *node)
{
	return node == NULL ? "*" : cs_arena_printf(call->arena, "node:%s", node);
}

static enum cs_err check_gate(
        struct call *call, const struct scene *after, const char *node, const char *id)
{
	struct wire_texts accepted;
	struct gate gate;
	char command[128];

	CS_TRY(arg_list(call->args, "accept_uncovered", call->arena, &accepted));
	CS_TRY(gate_default(after, node, accepted, call->arena, &gate));
	if (gate.count == 0)
		return CS_OK;
	snprintf(command, sizeof(command), "certspan default set %s%s%s", id,
	        node != NULL ? " --node " : "", node != NULL ? node : "");
	return route_refuse(call, &gate, "as default it would leave uncovered", command);
}

static enum cs_err decide_default(struct call *call, void *data, struct plan *plan)
{
	const char *node = arg_has(call->args, "node") ? arg_text(call->args, "node", "") : NULL;
	const struct mirror_object *object;
	struct scene scene, after;

	(void)data;
	CS_TRY(find_cert(call, &object));
	CS_TRY(route_scene(call, &scene));
	const struct scene_cert *cert = scene_find(&scene, object->id);
	CS_TRY(after_of(call, &scene, node, object->id, &after));
	CS_TRY(check_cert(call, cert));
	CS_TRY(check_gate(call, &after, node, object->id));
	CS_TRY(reply_with(&call->reply,
	        json_pack("{s:o, s:o, s:o}", "cert",
	                view_cert(&after, cert, mirror_certificate(call->mirror, object->id)),
	                "node", node != NULL ? json_string(node) : json_null(), "coverage",
	                view_before_after(&scene, &after, call->arena))));
	const char *key = object_id(call, node);
	if (key == NULL)
		return CS_ENOMEM;
	if (strcmp(mirror_default(call->mirror, node), object->id) == 0)
		return CS_OK;
	const struct wire_default_choice choice = {
		.bundle = object->id, .at = (uint64_t)call->now, .actor = call->actor
	};
	CS_TRY(plan_put(plan, OBJECT_DEFAULT, key, &choice));
	return plan_activation(plan, NULL, NULL, "default", call->actor, (uint64_t)call->now);
}

enum cs_err route_default_set(struct call *call)
{
	return call_write(call, decide_default, NULL);
}

static enum cs_err decide_clear(struct call *call, void *data, struct plan *plan)
{
	const char *node = arg_text(call->args, "node", "");
	const char *key = object_id(call, node);

	(void)data;
	if (key == NULL)
		return CS_ENOMEM;
	if (mirror_get(call->mirror, OBJECT_DEFAULT, key) == NULL)
		return reply_fail(&call->reply, CS_ENOTFOUND, "certspan default show",
		        "node %s has no default choice of its own", node);
	CS_TRY(reply_with(&call->reply, json_pack("{s:s}", "node", node)));
	CS_TRY(plan_drop(plan, OBJECT_DEFAULT, key));
	return plan_activation(plan, NULL, NULL, "default", call->actor, (uint64_t)call->now);
}

enum cs_err route_default_clear(struct call *call)
{
	if (arg_text(call->args, "node", "")[0] == '\0')
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "node is missing: only a node's own choice can be dropped");
	return call_write(call, decide_clear, NULL);
}
