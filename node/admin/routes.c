#include "node/admin/routes.h"
#include <stdio.h>
#include <string.h>
#include "node/admin/custody.h"
#include "node/admin/gate.h"
#include "node/admin/status.h"
#include "node/admin/views.h"
#include "proto/base/clock.h"

static const struct route table[] = {
	{ "GET", "/v1/version", route_version, NULL, false },
	{ "GET", "/v1/status", route_status, fields_status, false },
	{ "GET", "/v1/certs", route_certs, fields_certs, false },
	{ "GET", "/v1/certs/*", route_cert, NULL, false },
	{ "DELETE", "/v1/certs/*", route_cert_delete, fields_cert_delete, true },
	{ "POST", "/v1/certs/*/activate", route_cert_activate, fields_activate, true },
	{ "GET", "/v1/default", route_default, NULL, false },
	{ "PUT", "/v1/default", route_default_set, fields_default_set, true },
	{ "DELETE", "/v1/default", route_default_clear, fields_node_name, true },
	{ "GET", "/v1/coverage", route_coverage, fields_coverage, false },
	{ "GET", "/v1/explain", route_explain, fields_explain, false },
	{ "GET", "/v1/nodes", route_nodes, NULL, false },
	{ "GET", "/v1/nodes/*", route_node, NULL, false },
	{ "PATCH", "/v1/nodes/*", route_node_set, fields_node_set, true },
	{ "DELETE", "/v1/nodes/*", route_node_remove, NULL, true },
	{ "POST", "/v1/tokens", route_token, fields_token, true },
	{ "GET", "/v1/settings", route_settings, NULL, false },
	{ "GET", "/v1/settings/*", route_setting, NULL, false },
	{ "PUT", "/v1/settings/*", route_setting_set, fields_setting_set, true },
	{ "GET", "/v1/sync", route_sync, NULL, false },
	{ "POST", "/v1/sync/wait", route_sync_wait, fields_wait, false },
	{ "POST", "/v1/probe", route_probe, fields_probe, false },
	{ "GET", "/v1/export", route_export, fields_export_public, false },
	{ "GET", "/v1/exports", route_exports, fields_exports, false },
	{ "GET", "/v1/key", route_key, NULL, false },
	{ "PATCH", "/v1/certs/*", route_cert_rename, fields_rename, true },
	{ "POST", "/v1/certs/delete", route_certs_delete, fields_certs_delete, true },
	{ "POST", "/v1/certs/retire", route_certs_retire, fields_certs_delete, true },
	{ "POST", "/v1/certs", route_cert_create, fields_cert_create, true },
	{ "GET", "/v1/requests", route_requests, NULL, false },
	{ "POST", "/v1/requests", route_request_create, fields_request_create, true },
	{ "GET", "/v1/requests/*", route_request, NULL, false },
	{ "DELETE", "/v1/requests/*", route_request_cancel, NULL, true },
	{ "GET", "/v1/certs/*/chain", route_chain, NULL, false },
	{ "PUT", "/v1/certs/*/chain", route_chain_set, fields_chain_set, true },
};

/* Whether PATH is of PATTERN; what stands for "*" goes into NAME. */
static bool fits(const char *pattern, const char *path, char name[CS_FRIENDLY_MAX + 1])
{
	const char *star = strchr(pattern, '*');

	name[0] = '\0'; /* a pattern with a star may have fitted before, with another method */
	if (star == NULL)
		return strcmp(pattern, path) == 0;
	const size_t head = (size_t)(star - pattern), len = strlen(path), tail = strlen(star + 1);
	if (len <= head + tail || strncmp(pattern, path, head) != 0 ||
	        strcmp(path + len - tail, star + 1) != 0)
		return false;
	const size_t n = len - head - tail;
	if (n > CS_FRIENDLY_MAX || memchr(path + head, '/', n) != NULL)
		return false;
	memcpy(name, path + head, n);
	name[n] = '\0';
	return true;
}

const struct route *route_find(
        const char *method, const char *path, char name[CS_FRIENDLY_MAX + 1], char allow[64])
{
	size_t n = 0;

	name[0] = '\0';
	allow[0] = '\0';
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		if (!fits(table[i].path, path, name))
			continue;
		if (strcmp(table[i].method, method) == 0)
			return &table[i];
		n += (size_t)snprintf(
		        allow + n, 64 - n, "%s%s", n > 0 ? ", " : "", table[i].method);
	}
	return NULL;
}

enum cs_err route_scene(struct call *call, struct scene *out)
{
	return mirror_scene(call->mirror, call->now, call->arena, out);
}

enum cs_err route_find_cert(struct call *call, const char *text, const struct mirror_object **out)
{
	const enum cs_err rc = mirror_find_cert(call->mirror, text, out);

	if (rc == CS_OK && mirror_certificate(call->mirror, (*out)->id) == NULL)
		return reply_fail(&call->reply, CS_ECORRUPT, "certspan status",
		        "certificate %s has no record of its life", (*out)->id);
	if (rc == CS_ENOTFOUND)
		return reply_fail(&call->reply, rc, "certspan cert list",
		        "no certificate has the id or name %s", text);
	if (rc == CS_EREFUSED)
		return reply_fail(&call->reply, CS_EUSAGE, "certspan cert list",
		        "several certificates fit %s; give a longer id", text);
	return rc;
}

enum cs_err route_find_any(struct call *call, const char *text, const struct mirror_object **out)
{
	if (mirror_find_cert(call->mirror, text, out) == CS_ENOTFOUND &&
	        mirror_find_ca(call->mirror, text, out) != CS_ENOTFOUND)
		return *out != NULL
		               ? CS_OK
		               : reply_fail(&call->reply, CS_EUSAGE, "certspan cert list --kind ca",
		                         "several CA certificates fit %s; give a longer id", text);
	return route_find_cert(call, text, out);
}

bool route_is_default(const struct scene *scene, const char *id)
{
	if (strcmp(scene->cluster_default, id) == 0)
		return true;
	for (size_t i = 0; i < scene->node_count; i++)
		if (strcmp(scene->nodes[i].own_default, id) == 0)
			return true;
	return false;
}

enum cs_err route_refuse(
        struct call *call, const struct gate *gate, const char *what, const char *command)
{
	char names[CS_TEXT_MAX], next[CS_TEXT_MAX];
	size_t n = (size_t)snprintf(next, sizeof(next), "%s", command);

	for (size_t i = 0; i < gate->count && n + CS_NAME_MAX + 32 < sizeof(next); i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again = again || strcmp(gate->loss[k].host, gate->loss[i].host) == 0;
		if (!again)
			n += (size_t)snprintf(next + n, sizeof(next) - n, " --accept-uncovered %s",
			        gate->loss[i].host);
	}
	json_decref(call->reply.inside);
	call->reply.inside = json_pack("{s:o}", "uncovered", view_gate(gate));
	return reply_fail(&call->reply, CS_EREFUSED, next, "%s: %s", what,
	        gate_names(gate, names, sizeof(names)));
}

enum cs_err route_status_input(struct call *call, struct scene *scene, struct status_input *out)
{
	const struct mirror_object *set = mirror_get(call->mirror, OBJECT_SYNCSET, "syncset");
	const struct wire_syncset *syncset = set != NULL ? set->body : NULL;

	const uint32_t epoch = call->facts->keyd != NULL ? call->facts->keyd->secret_epoch : 0;
	CS_TRY(route_scene(call, scene));
	*out = (struct status_input){ .scene = scene,
		.facts = call->facts,
		.roles = call_roles(call),
		.node = admin_node(call->admin),
		.generation = mirror_generation(call->mirror),
		.shared_user = admin_shared_user(call->admin),
		.now_ms = cs_clock_wall_ms(),
		.recovery_verified = custody_verified(call->mirror, epoch) != NULL };
	if (syncset != NULL)
		out->sync_set = syncset->backups;
	return CS_OK;
}
