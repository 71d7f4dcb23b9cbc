/* node/admin/routes_read.c: version, status, coverage, explain, sync. */
#include <string.h>
#include "node/admin/explain.h"
#include "node/admin/routes.h"
#include "node/admin/status.h"
#include "node/admin/views.h"
#include "store/pki/choice.h"

const struct arg_field fields_status[] = { { "local", ARG_FLAG, 0 }, { NULL, 0, 0 } };
const struct arg_field fields_coverage[] = { { "host", ARG_LIST, CS_NAME_MAX + 2 },
	{ NULL, 0, 0 } };
const struct arg_field fields_explain[] = { { "host", ARG_TEXT, CS_NAME_MAX + 2 },
	{ "node", ARG_TEXT, CS_ID_MAX }, { "client", ARG_TEXT, 16 }, { NULL, 0, 0 } };

enum cs_err route_version(struct call *call)
{
	return reply_with(&call->reply,
	        json_pack("{s:s, s:s, s:i, s:s}", "schema", "certspan.version/1", "version",
	                CERTSPAN_VERSION, "api", 1, "node", admin_node(call->admin)));
}

enum cs_err route_status(struct call *call)
{
	struct status_input in;
	struct scene scene;
	json_t *doc;

	CS_TRY(call_facts(call));
	CS_TRY(call_lock(call));
	CS_TRY(route_status_input(call, &scene, &in));
	in.local = arg_flag(call->args, "local");
	CS_TRY(status_document(&in, call->arena, &doc));
	return reply_with(&call->reply, doc);
}

/* What is asked about, in look-up form where it has one: an IP or nonsense is looked up as it is
 * and found nowhere or by IP. */
static enum cs_err asked_names(struct call *call, struct wire_texts *out)
{
	CS_TRY(arg_list(call->args, "host", call->arena, out));
	const char **v = cs_arena_take(call->arena, (out->n + 1) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < out->n; i++) {
		char host[CS_NAME_MAX + 1];
		v[i] = out->v[i];
		if (pki_name_normal(cs_bytes_of(out->v[i]), host) == CS_OK)
			v[i] = cs_arena_text(call->arena, host, strlen(host));
		if (v[i] == NULL)
			return CS_ENOMEM;
	}
	out->v = v;
	return CS_OK;
}

static bool row_covered(const struct cover_row *row)
{
	return row->sni.cover != PKI_COVER_NONE;
}

static json_t *row_json(const struct cover_row *row)
{
	return json_pack("{s:o, s:o, s:s, s:b, s:o, s:o}", "host", json_show(row->host), "node",
	        row->node != NULL ? json_string(row->node->name) : json_null(), "kind",
	        cover_kind_name(row->kind), "covered", row_covered(row), "sni",
	        view_cover(&row->sni), "default", view_cover(&row->fallback));
}

static json_t *uncovered_json(const struct cover_row *row)
{
	return json_pack("{s:o, s:o, s:s}", "host", json_show(row->host), "node",
	        row->node != NULL ? json_string(row->node->name) : json_null(), "text",
	        "no Active certificate covers it");
}

enum cs_err route_coverage(struct call *call)
{
	struct scene scene;
	struct wire_texts asked;
	const struct cover_row *rows;
	size_t n;
	int covered = 0;

	CS_TRY(asked_names(call, &asked));
	CS_TRY(call_lock(call));
	CS_TRY(route_scene(call, &scene));
	CS_TRY(cover_rows(&scene, asked, call->arena, &rows, &n));
	json_t *list = json_array(), *missing = json_array();
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, row_json(&rows[i]));
		if (row_covered(&rows[i]))
			covered++;
		else
			json_array_append_new(missing, uncovered_json(&rows[i]));
	}
	return reply_with(&call->reply,
	        json_pack("{s:s, s:I, s:i, s:i, s:o, s:o}", "schema", "certspan.coverage/1",
	                "generation", (json_int_t)mirror_generation(call->mirror), "covered",
	                covered, "total", (int)n, "rows", list, "uncovered", missing));
}

static enum cs_err client_of(struct call *call, unsigned *out)
{
	const char *client = arg_text(call->args, "client", "any");

	*out = strcmp(client, "any") == 0     ? CHOICE_ANY
	       : strcmp(client, "ecdsa") == 0 ? CHOICE_P256 | CHOICE_P384
	                                      : CHOICE_RSA;
	if (*out == CHOICE_RSA && strcmp(client, "rsa") != 0)
		return reply_fail(
		        &call->reply, CS_EUSAGE, "", "client: any, ecdsa or rsa is wanted");
	return CS_OK;
}

enum cs_err route_explain(struct call *call)
{
	const char *host = arg_text(call->args, "host", "");
	const char *name = arg_text(call->args, "node", admin_node(call->admin));
	char normal[CS_NAME_MAX + 1];
	struct scene scene;
	unsigned client;

	CS_TRY(client_of(call, &client));
	if (host[0] != '\0' && pki_name_normal(cs_bytes_of(host), normal) == CS_OK)
		host = normal;
	CS_TRY(call_lock(call));
	CS_TRY(route_scene(call, &scene));
	const struct scene_node *node = scene_node(&scene, name);
	if (node == NULL && arg_has(call->args, "node"))
		return reply_fail(&call->reply, CS_ENOTFOUND, "certspan node list",
		        "no node is called %s", name);
	return reply_with(&call->reply, explain(&scene, node, host, client, call->arena));
}

static json_t *sync_node(const struct status_view *view, const struct status_node *n)
{
	const struct wire_member none = { .software = "" };
	const struct wire_member *m = n->member != NULL ? n->member : &none;
	const uint64_t lag = m->stored < view->head ? view->head - m->stored : 0;

	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
	        n->node->name, "role", node_role_name(n->node->node->role), "state",
	        sync_state_name(n->state), "connected", m->connected || m->self, "in_sync_set",
	        m->in_sync_set, "staged", (json_int_t)m->staged, "stored", (json_int_t)m->stored,
	        "loaded", (json_int_t)m->loaded, "served", (json_int_t)m->served, "lag_commits",
	        (json_int_t)lag, "lag_s", (json_int_t)(lag > 0 ? (m->behind_ms + 999) / 1000 : 0));
}

enum cs_err route_sync(struct call *call)
{
	struct status_input in;
	struct status_view view;
	struct scene scene;

	CS_TRY(call_facts(call));
	CS_TRY(call_lock(call));
	CS_TRY(route_status_input(call, &scene, &in));
	CS_TRY(status_view(&in, call->arena, &view));
	json_t *nodes = json_array();
	for (size_t i = 0; i < view.count; i++)
		json_array_append_new(nodes, sync_node(&view, &view.nodes[i]));
	return reply_with(&call->reply,
	        json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o}", "schema",
	                "certspan.sync/1", "seq", (json_int_t)view.head, "released",
	                (json_int_t)view.released, "epoch", (json_int_t)call->facts->epoch,
	                "generation", (json_int_t)in.generation, "state",
	                sync_state_name(view.overall), "action", sync_state_action(view.overall),
	                "sync_set", view_texts(in.sync_set), "nodes", nodes));
}
