#include "node/admin/status.h"
#include <string.h>
#include "node/admin/coverage.h"
#include "node/admin/machine.h"
#include "node/admin/problems.h"
#include "node/admin/reply.h"

static const struct wire_member *member_of(const struct wire_facts *facts, const char *name)
{
	const struct wire_summary *summary = facts->summary;

	for (size_t i = 0; summary != NULL && i < summary->members.n; i++)
		if (strcmp(summary->members.v[i].name, name) == 0)
			return &summary->members.v[i];
	return NULL;
}

/* This node knows itself best, whatever the summary says. */
static const struct wire_member *best_member(const struct status_input *in, const char *name)
{
	if (in->facts->self != NULL && strcmp(name, in->node) == 0)
		return in->facts->self;
	return member_of(in->facts, name);
}

/* Of a follower's own row: the summary says how the primary sees it; without a connection it is
 * Disconnected, whatever was seen last. */
static enum sync_state own_state(
        const struct status_input *in, const struct wire_member *self, uint64_t head)
{
	struct wire_member m = *self;

	m.self = false;
	m.connected = in->facts->upstream_connected;
	m.ever_seen = m.ever_seen || m.stored > 0;
	return sync_state_of(&m, true, head);
}

static enum sync_state state_of(
        const struct status_input *in, const struct status_view *view, const struct status_node *n)
{
	const bool enrolled =
	        n->node->node->enrolled_at != 0 || n->node->node->role == ROLE_PRIMARY;

	if (!view->live && n->member != NULL && n->member == in->facts->self)
		return own_state(in, n->member, view->head);
	if (!view->live && !in->facts->upstream_connected && n->node->node->role == ROLE_PRIMARY)
		return SYNC_DISCONNECTED;
	return sync_state_of(n->member, enrolled, view->head);
}

static uint64_t head_of(const struct wire_facts *facts, bool live)
{
	const uint64_t own = facts->position != NULL ? facts->position->seq : 0;
	const uint64_t theirs = facts->summary != NULL ? facts->summary->seq : 0;

	return live || own > theirs ? own : theirs;
}

enum cs_err status_view(
        const struct status_input *in, struct cs_arena *arena, struct status_view *out)
{
	const struct scene *scene = in->scene;
	enum sync_state *states = cs_arena_take(arena, (scene->node_count + 1) * sizeof(*states));

	*out = (struct status_view){ .live = in->facts->role == ROLE_PRIMARY };
	out->nodes = cs_arena_take(arena, (scene->node_count + 1) * sizeof(*out->nodes));
	if (out->nodes == NULL || states == NULL)
		return CS_ENOMEM;
	out->head = head_of(in->facts, out->live);
	out->released = in->facts->summary != NULL ? in->facts->summary->released : 0;
	out->age_ms = out->live ? 0 : in->facts->summary_age_ms;
	for (size_t i = 0; i < scene->node_count; i++) {
		if (in->local && strcmp(scene->nodes[i].name, in->node) != 0)
			continue;
		struct status_node *n = &out->nodes[out->count];
		*n = (struct status_node){ .node = &scene->nodes[i],
			.member = best_member(in, scene->nodes[i].name) };
		n->state = state_of(in, out, n);
		states[out->count++] = n->state;
	}
	out->overall = in->local && out->count == 1 && scene->node_count > 1
	                       ? states[0]
	                       : sync_state_overall(states, out->count);
	return CS_OK;
}

static const char *probe_kind_word(uint32_t kind)
{
	static const char *const words[] = { "?", "sni", "no-sni", "unmatched-sni" };

	return kind < CS_COUNT(words) ? words[kind] : words[0];
}

json_t *status_served_json(const struct wire_member *member, int64_t now_ms)
{
	json_t *list = json_array();

	for (size_t i = 0; member != NULL && i < member->probes.n; i++) {
		const struct wire_probe *p = &member->probes.v[i];
		const int64_t age = (now_ms - (int64_t)p->at_ms) / 1000;
		json_array_append_new(list,
		        json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "sni",
		                p->kind == PROBE_NO_SNI ? json_null() : json_show(p->sni), "kind",
		                probe_kind_word(p->kind), "result", probe_result_name(p->result),
		                "sha256", json_hex(p->got), "want", json_hex(p->want), "age_s",
		                p->at_ms == 0 ? json_null() : json_integer(age > 0 ? age : 0),
		                "error", json_show(p->error)));
	}
	return list;
}

static json_t *hosts_json(const struct scene_node *node, const struct cover_row *rows, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		if (rows[i].node != node)
			continue;
		const struct cover_by *sni = &rows[i].sni;
		json_array_append_new(list,
		        json_pack("{s:o, s:b, s:o, s:s, s:s}", "host", json_show(rows[i].host),
		                "covered", sni->cover != PKI_COVER_NONE, "by", json_show(sni->by),
		                "cover", pki_cover_name(sni->cover), "cert",
		                sni->cert != NULL ? sni->cert->id : ""));
	}
	return list;
}

static void earlier(int64_t *first, const struct scene_cert *cert)
{
	if (cert != NULL && (*first == 0 || cert->leaf->not_after < *first))
		*first = cert->leaf->not_after;
}

static int64_t first_end(const struct scene *scene, const struct scene_node *node,
        const struct cover_row *rows, size_t n)
{
	int64_t first = 0;

	earlier(&first, scene_default(scene, node));
	for (size_t i = 0; i < n; i++)
		if (rows[i].node == node)
			earlier(&first, rows[i].sni.cert);
	return first;
}

static json_t *count_or_null(bool known, uint64_t n)
{
	return known ? json_integer((json_int_t)n) : json_null();
}

static json_t *clock_offset(const struct wire_member *m)
{
	if (m == NULL || (!m->self && !m->ever_seen))
		return json_null();
	const double s = (double)m->clock_offset_ms / 1000.0;
	return json_real(m->clock_ahead ? s : -s);
}

/* What needs a member's report. */
static enum cs_err add_progress(json_t *doc, const struct status_view *view,
        const struct status_node *n, const struct status_input *in)
{
	const struct wire_member none = { .software = "", .error = "", .facts = "" };
	const struct wire_member *m = n->member != NULL ? n->member : &none;
	const bool known = n->member != NULL;
	const uint64_t lag = m->stored < view->head ? view->head - m->stored : 0;

	json_t *more = json_pack(
	        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:o, s:o}", "version",
	        m->software, "stored_seq", count_or_null(known, m->stored), "served_seq",
	        count_or_null(known, m->served), "generation", count_or_null(known, m->generation),
	        "lag_commits", count_or_null(known, lag), "lag_s",
	        count_or_null(known, lag > 0 ? (m->behind_ms + 999) / 1000 : 0), "last_seen_s",
	        count_or_null(known && (m->self || m->ever_seen), m->last_seen_ms / 1000),
	        "clock_offset_s", clock_offset(n->member), "served",
	        status_served_json(n->member, in->now_ms), "connected", m->connected || m->self,
	        "in_sync_set", m->in_sync_set, "self", strcmp(n->node->name, in->node) == 0,
	        "error", json_show(m->error), "machine", machine_json(m->facts));
	const int rc = more != NULL ? json_object_update(doc, more) : -1;
	json_decref(more);
	return rc == 0 ? CS_OK : CS_ENOMEM;
}

json_t *status_node_json(const struct status_input *in, const struct status_view *view,
        const struct status_node *node, struct cs_arena *arena)
{
	const struct scene_cert *fallback = scene_default(in->scene, node->node);
	const struct cover_row *rows;
	size_t n;

	if (cover_rows(in->scene, (struct wire_texts){ 0 }, arena, &rows, &n) != CS_OK)
		return NULL;
	json_t *doc = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b}", "name",
	        node->node->name, "role", node_role_name(node->node->node->role), "state",
	        sync_state_name(node->state), "default",
	        json_text_or_null(fallback != NULL ? fallback->id : ""), "default_name",
	        json_text_or_null(fallback != NULL ? fallback->name : ""), "not_after",
	        json_time((uint64_t)first_end(in->scene, node->node, rows, n)), "hosts",
	        hosts_json(node->node, rows, n), "enrolled",
	        node->node->node->enrolled_at != 0 || node->node->node->role == ROLE_PRIMARY);
	if (doc != NULL && add_progress(doc, view, node, in) != CS_OK) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static json_t *texts_json(struct wire_texts texts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts.n; i++)
		json_array_append_new(list, json_show(texts.v[i]));
	return list;
}

static json_t *roles_json(const struct wire_roles *roles)
{
	json_t *list = json_array();

	for (size_t i = 0; roles != NULL && i < roles->roles.n; i++) {
		const struct wire_role *r = &roles->roles.v[i];
		json_array_append_new(list,
		        json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "role", r->role, "index",
		                (int)r->index, "pid", (int)r->pid, "restarts", (int)r->restarts,
		                "last_exit", json_show(r->last_exit), "since",
		                json_time(r->since_ms / 1000), "note", json_show(r->note)));
	}
	return list;
}

static json_t *keyd_json(const struct wire_keyd_state *keyd)
{
	if (keyd == NULL)
		return json_null();
	return json_pack("{s:b, s:I, s:I, s:I}", "unlocked", keyd->unlocked, "cached",
	        (json_int_t)keyd->cached, "signatures", (json_int_t)keyd->signatures, "refused",
	        (json_int_t)keyd->refused);
}

static json_t *certificates_json(const struct scene *scene)
{
	int by_state[CERT_REJECTED + 1] = { 0 }, expiring = 0, expired = 0;

	for (size_t i = 0; i < scene->cert_count; i++) {
		const struct scene_cert *c = &scene->certs[i];
		by_state[c->state <= CERT_REJECTED ? c->state : 0]++;
		if (c->state != CERT_ACTIVE)
			continue;
		expired += c->leaf->not_after < scene->now;
		expiring += c->leaf->not_after >= scene->now &&
		            c->leaf->not_after < scene->now + EXPIRY_WARNING_DAYS * 86400;
	}
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "total", (int)scene->cert_count,
	        "active", by_state[CERT_ACTIVE], "staged", by_state[CERT_STAGED], "retired",
	        by_state[CERT_RETIRED], "expiring", expiring, "expired", expired);
}

static json_t *warnings_json(const struct status_input *in)
{
	json_t *list = json_array();
	enum cs_err rc = CS_OK;

	if (in->shared_user)
		rc = json_add_warning(list, "shared-user",
		        "all roles run as one ordinary user: a break-in at one reaches the keys; "
		        "start certspand as root");
	if (rc == CS_OK && !in->recovery_verified && in->facts->role == ROLE_PRIMARY)
		rc = json_add_warning(list, "recovery-unverified",
		        "nobody has tried the recovery file yet: certspan key recovery --verify "
		        "FILE");
	for (size_t i = 0; rc == CS_OK && i < in->facts->alarms.n; i++)
		rc = json_add_warning(list, "alarm", in->facts->alarms.v[i]);
	return list;
}

static enum cs_err add_own(
        json_t *doc, const struct status_input *in, const struct status_view *view)
{
	const struct wire_facts *f = in->facts;
	json_t *more = json_pack(
	        "{s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:o, s:o}",
	        "node", in->node, "version", CERTSPAN_VERSION, "source",
	        view->live ? "live" : "summary", "age_s",
	        view->live           ? json_integer(0)
	        : f->summary != NULL ? json_integer((json_int_t)(view->age_ms / 1000))
	                             : json_null(),
	        "mode", f->mode, "upstream", json_text_or_null(f->upstream), "certificates",
	        certificates_json(in->scene), "default",
	        json_text_or_null(in->scene->cluster_default), "roles", roles_json(in->roles),
	        "store", "bytes", (json_int_t)f->store_bytes, "disk_free_bytes",
	        (json_int_t)f->disk_free_bytes, "objects", (json_int_t)f->objects, "keyd",
	        keyd_json(f->keyd), "warnings", warnings_json(in));
	const int rc = more != NULL ? json_object_update(doc, more) : -1;
	json_decref(more);
	return rc == 0 ? CS_OK : CS_ENOMEM;
}

static json_t *nodes_json(
        const struct status_input *in, const struct status_view *view, struct cs_arena *arena)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->count; i++)
		json_array_append_new(list, status_node_json(in, view, &view->nodes[i], arena));
	return list;
}

enum cs_err status_document(const struct status_input *in, struct cs_arena *arena, json_t **out)
{
	const struct wire_facts *f = in->facts;
	struct status_view view;
	json_t *problems;

	*out = NULL;
	CS_TRY(status_view(in, arena, &view));
	CS_TRY(problems_of(in, &view, arena, &problems));
	json_t *doc = json_pack("{s:s, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o}",
	        "schema", "certspan.status/1", "cluster", json_hex(f->cluster), "site_hostnames",
	        texts_json(in->scene->site), "role", node_role_name(f->role), "primary", f->primary,
	        "epoch", (json_int_t)f->epoch, "seq", (json_int_t)view.head, "released",
	        (json_int_t)view.released, "generation", (json_int_t)in->generation, "state",
	        sync_state_name(view.overall), "action", sync_state_action(view.overall), "nodes",
	        nodes_json(in, &view, arena), "problems", problems);
	if (doc == NULL)
		return CS_ENOMEM;
	const enum cs_err rc = add_own(doc, in, &view);
	if (rc != CS_OK) {
		json_decref(doc);
		return rc;
	}
	*out = doc;
	return CS_OK;
}
