/* node/admin/routes_nodes.c: the registry of nodes, and the tokens by which new ones join. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "node/admin/gate.h"
#include "node/admin/routes.h"
#include "node/admin/status.h"
#include "node/admin/token.h"
#include "node/admin/views.h"
#include "proto/base/text.h"

#define EXPIRES_S 3600
#define EXPIRES_MAX_S (30 * 86400)
#define TOKEN_TIMEOUT_MS 5000

const struct arg_field fields_node_set[] = { { "public", ARG_TEXT, CS_NAME_MAX },
	{ "internal", ARG_TEXT, CS_ENDPOINT_MAX }, { "hostnames", ARG_LIST, CS_NAME_MAX },
	{ "accept_uncovered", ARG_LIST, CS_NAME_MAX }, { NULL, 0, 0 } };
const struct arg_field fields_token[] = { { "name", ARG_TEXT, CS_ID_MAX }, { "role", ARG_TEXT, 16 },
	{ "public", ARG_TEXT, CS_NAME_MAX }, { "internal", ARG_TEXT, CS_ENDPOINT_MAX },
	{ "hostnames", ARG_LIST, CS_NAME_MAX }, { "expires_s", ARG_NUMBER, EXPIRES_MAX_S },
	{ "accept_uncovered", ARG_LIST, CS_NAME_MAX }, { NULL, 0, 0 } };

enum cs_err route_nodes(struct call *call)
{
	struct scene scene;

	CS_TRY(call_lock(call));
	CS_TRY(route_scene(call, &scene));
	json_t *list = json_array();
	for (size_t i = 0; i < scene.node_count; i++)
		json_array_append_new(list, view_node(scene.nodes[i].node));
	return reply_with(
	        &call->reply, json_pack("{s:s, s:o}", "schema", "certspan.nodes/1", "nodes", list));
}

static enum cs_err no_such_node(struct call *call, const char *name)
{
	return reply_fail(
	        &call->reply, CS_ENOTFOUND, "certspan node list", "no node is called %s", name);
}

enum cs_err route_node(struct call *call)
{
	struct status_input in;
	struct status_view view;
	struct scene scene;

	CS_TRY(call_facts(call));
	CS_TRY(call_lock(call));
	CS_TRY(route_status_input(call, &scene, &in));
	CS_TRY(status_view(&in, call->arena, &view));
	for (size_t i = 0; i < view.count; i++) {
		if (strcmp(view.nodes[i].node->name, call->name) != 0)
			continue;
		json_t *node = view_node(view.nodes[i].node->node);
		if (node != NULL)
			json_object_set_new(node, "status",
			        status_node_json(&in, &view, &view.nodes[i], call->arena));
		return reply_with(&call->reply,
		        json_pack("{s:s, s:o}", "schema", "certspan.node/1", "node", node));
	}
	return no_such_node(call, call->name);
}

static enum cs_err host_of(struct call *call, const char *field, const char *text, const char **out)
{
	char host[CS_NAME_MAX + 1];

	*out = "";
	if (text[0] == '\0')
		return CS_OK;
	if (pki_name_normal(cs_bytes_of(text), host) != CS_OK || !pki_hostname_ok(host))
		return reply_fail(&call->reply, CS_EUSAGE, "", "%s: %s is no host name", field,
		        cs_show(text, host, sizeof(host)));
	*out = cs_arena_text(call->arena, host, strlen(host));
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err set_hostnames(struct call *call, struct wire_node *node)
{
	CS_TRY(arg_list(call->args, "hostnames", call->arena, &node->hostnames));
	if (node->hostnames.n > CS_HOSTNAMES_MAX)
		return reply_fail(
		        &call->reply, CS_EUSAGE, "", "hostnames: more than %d", CS_HOSTNAMES_MAX);
	const char **v = cs_arena_take(call->arena, (node->hostnames.n + 1) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < node->hostnames.n; i++)
		CS_TRY(host_of(call, "hostnames", node->hostnames.v[i], &v[i]));
	node->hostnames.v = v;
	return CS_OK;
}

/* The fields that are given, into NODE. */
static enum cs_err set_fields(struct call *call, struct wire_node *node)
{
	if (arg_has(call->args, "public"))
		CS_TRY(host_of(
		        call, "public", arg_text(call->args, "public", ""), &node->public_host));
	if (arg_has(call->args, "internal"))
		node->internal = arg_text(call->args, "internal", "");
	if (node->internal[0] != '\0' && !cs_endpoint_ok(node->internal, false))
		return reply_fail(&call->reply, CS_EUSAGE, "", "internal: HOST:PORT is wanted");
	if (node->internal[0] == '\0' && node->role != ROLE_TRAFFIC)
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "internal: a %s listens there, HOST:PORT is wanted",
		        node_role_name(node->role));
	return arg_has(call->args, "hostnames") ? set_hostnames(call, node) : CS_OK;
}

static bool lost_before(const struct gate *before, const char *host)
{
	for (size_t i = 0; i < before->count; i++)
		if (strcmp(before->loss[i].host, host) == 0)
			return true;
	return false;
}

/* Host names of NODE that nothing covers: refused once anything is served, a warning before; what
 * was so already is neither. */
static enum cs_err check_hosts(struct call *call, struct scene *scene, const struct wire_node *node,
        const char *command, json_t *warnings)
{
	struct wire_texts accepted;
	struct gate before, after;

	CS_TRY(arg_list(call->args, "accept_uncovered", call->arena, &accepted));
	CS_TRY(gate_uncovered(scene, node->name, accepted, call->arena, &before));
	struct scene_node *place = scene_node(scene, node->name);
	if (place == NULL)
		place = &scene->nodes[scene->node_count++];
	*place = (struct scene_node){ node->name, node, "" };
	CS_TRY(gate_uncovered(scene, node->name, accepted, call->arena, &after));
	size_t n = 0;
	for (size_t i = 0; i < after.count; i++)
		if (!lost_before(&before, after.loss[i].host))
			after.loss[n++] = after.loss[i];
	after.count = n;
	if (n > 0 && scene_serves(scene))
		return route_refuse(call, &after, "no Active certificate covers", command);
	for (size_t i = 0; i < n; i++)
		CS_TRY(json_add_warning(warnings, "uncovered", after.loss[i].text));
	return CS_OK;
}

static enum cs_err scene_with_room(struct call *call, struct scene *out)
{
	struct scene now;

	CS_TRY(route_scene(call, &now));
	return scene_copy(&now, call->arena, out);
}

/* Prepares the answer; the plan gets the node. */
static enum cs_err put_node(
        struct call *call, const struct wire_node *node, const char *command, struct plan *plan)
{
	struct scene scene;
	json_t *warnings = json_array();

	CS_TRY(scene_with_room(call, &scene));
	const enum cs_err rc = check_hosts(call, &scene, node, command, warnings);
	if (rc != CS_OK) {
		json_decref(warnings);
		return rc;
	}
	CS_TRY(reply_with(&call->reply,
	        json_pack("{s:o, s:o}", "node", view_node(node), "warnings", warnings)));
	return plan_put(plan, OBJECT_NODE, node->name, node);
}

static enum cs_err decide_set(struct call *call, void *data, struct plan *plan)
{
	const struct wire_node *old = mirror_node(call->mirror, call->name);
	char command[128];

	(void)data;
	if (old == NULL)
		return no_such_node(call, call->name);
	struct wire_node node = *old;
	CS_TRY(set_fields(call, &node));
	snprintf(command, sizeof(command), "certspan node set %s ...", call->name);
	return put_node(call, &node, command, plan);
}

enum cs_err route_node_set(struct call *call)
{
	if (!arg_has(call->args, "public") && !arg_has(call->args, "internal") &&
	        !arg_has(call->args, "hostnames"))
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "nothing to change: public, internal or hostnames is wanted");
	return call_write(call, decide_set, NULL);
}

/* Secrets are "EPOCH.NAME". */
static enum cs_err drop_secrets(struct call *call, const char *name, struct plan *plan)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_SECRET, &n);

	for (size_t i = 0; i < n; i++) {
		const char *dot = strchr(all[i]->id, '.');
		if (dot != NULL && strcmp(dot + 1, name) == 0)
			CS_TRY(plan_drop(plan, OBJECT_SECRET, all[i]->id));
	}
	return CS_OK;
}

static enum cs_err decide_remove(struct call *call, void *data, struct plan *plan)
{
	const struct wire_node *node = mirror_node(call->mirror, call->name);

	(void)data;
	if (node == NULL)
		return no_such_node(call, call->name);
	if (node->role == ROLE_PRIMARY || strcmp(call->name, call->facts->primary) == 0)
		return reply_fail(&call->reply, CS_EREFUSED,
		        "certspan switchover to another node first", "%s is the primary",
		        call->name);
	CS_TRY(reply_with(&call->reply, json_pack("{s:s}", "node", call->name)));
	const char *own = cs_arena_printf(call->arena, "node:%s", call->name);
	if (own == NULL)
		return CS_ENOMEM;
	if (mirror_get(call->mirror, OBJECT_DEFAULT, own) != NULL)
		CS_TRY(plan_drop(plan, OBJECT_DEFAULT, own));
	CS_TRY(drop_secrets(call, call->name, plan));
	return plan_drop(plan, OBJECT_NODE, call->name);
}

enum cs_err route_node_remove(struct call *call)
{
	return call_write(call, decide_remove, NULL);
}

static enum cs_err decide_token(struct call *call, void *data, struct plan *plan)
{
	const char *name = arg_text(call->args, "name", "");
	struct wire_node node = { .name = name,
		.role = node_role_of(arg_text(call->args, "role", "")),
		.public_host = "",
		.internal = "" };
	char command[160];

	(void)data;
	if (mirror_node(call->mirror, name) != NULL) {
		snprintf(command, sizeof(command), "certspan node remove %s, or take another name",
		        name);
		return reply_fail(
		        &call->reply, CS_EEXISTS, command, "a node is called %s already", name);
	}
	CS_TRY(set_fields(call, &node));
	snprintf(command, sizeof(command), "certspan node token create --role %s --name %s ...",
	        node_role_name(node.role), name);
	return put_node(call, &node, command, plan);
}

static enum cs_err ask_identity(struct call *call, struct wire_packet *out)
{
	struct wire_ask_identity ask = { 0 };
	const enum cs_err rc = link_ask(admin_link(call->admin), PACKET_ask_identity, &ask,
	        PACKET_identity, TOKEN_TIMEOUT_MS, out);

	if (rc != CS_OK)
		return reply_fail(&call->reply, rc, "certspan status",
		        "asking the replicator for its keys: %s", cs_err_text(rc));
	const struct wire_identity *identity = out->body;
	if (identity->endpoint[0] == '\0')
		return reply_fail(&call->reply, CS_ECONFIG,
		        "certspan node set NAME --internal HOST:PORT",
		        "this primary has no internal address that a node could dial");
	return CS_OK;
}

/* The secret exists here, in the replicator's local table and in the text that is handed out;
 * nowhere else. */
static enum cs_err register_token(struct call *call, const struct token *token, uint64_t expires_at)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	struct wire_token_add add = { .token = { token->id, sizeof(token->id) },
		.secret = { token->secret, sizeof(token->secret) },
		.name = token->name,
		.role = token->role,
		.expires_at = expires_at };

	const enum cs_err rc = link_ask(admin_link(call->admin), PACKET_token_add, &add,
	        PACKET_outcome, TOKEN_TIMEOUT_MS, &packet);
	const struct wire_outcome *outcome = packet.body;
	if (rc == CS_OK && outcome->error[0] == '\0')
		return CS_OK;
	char next[128];
	snprintf(next, sizeof(next), "certspan node remove %s, then create the token again",
	        token->name);
	return reply_fail(&call->reply, rc != CS_OK ? rc : CS_EAGAIN, next,
	        "%s is registered, but its token could not be stored: %s", token->name,
	        rc != CS_OK ? cs_err_text(rc) : outcome->reason);
}

static enum cs_err hand_out(struct call *call, const struct wire_identity *identity)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(2048);
	const uint64_t expires_at =
	        (uint64_t)(call->now + arg_number(call->args, "expires_s", EXPIRES_S));
	const char *public_host = json_string_value(
	        json_object_get(json_object_get(call->reply.doc, "node"), "public"));
	struct token token = { .cluster = identity->cluster,
		.server_key = identity->curve_key,
		.role = node_role_of(arg_text(call->args, "role", "")),
		.name = arg_text(call->args, "name", ""),
		.endpoint = identity->endpoint,
		.public_host = public_host != NULL ? public_host : "" };

	randombytes_buf(token.id, sizeof(token.id));
	randombytes_buf(token.secret, sizeof(token.secret));
	enum cs_err rc = register_token(call, &token, expires_at);
	if (rc == CS_OK)
		rc = token_text(&token, &text);
	sodium_memzero(&token, sizeof(token));
	CS_TRY(rc);
	json_object_set_new(call->reply.doc, "token", json_string(cs_buf_text(&text)));
	json_object_set_new(call->reply.doc, "expires_at", json_time(expires_at));
	return CS_OK;
}

enum cs_err route_token(struct call *call)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	const char *name = arg_text(call->args, "name", ""),
	           *role = arg_text(call->args, "role", "");

	if (!cs_node_name_ok(name))
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "name: letters, digits and inner '-' are wanted, at most 32");
	if (node_role_of(role) != ROLE_BACKUP && node_role_of(role) != ROLE_TRAFFIC)
		return reply_fail(&call->reply, CS_EUSAGE, "", "role: backup or traffic is wanted");
	CS_TRY(call_facts(call));
	if (call->facts->role == ROLE_PRIMARY) /* else the write says who is */
		CS_TRY(ask_identity(call, &packet));
	CS_TRY(call_write(call, decide_token, NULL));
	return arg_flag(call->args, "dry_run") ? CS_OK : hand_out(call, packet.body);
}
