#include "node/admin/problems.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "node/admin/coverage.h"
#include "node/admin/reply.h"
#include "proto/base/text.h"

#define CLOCK_WARNING_MS 30000
#define LAG_CRITICAL_MS 3600000
#define DISK_CRITICAL_BYTES (100u << 20)
#define ROLE_FRESH_MS 300000 /* a restart is news for this long */

enum severity { CRITICAL, WARNING, INFO, SEVERITIES };

struct problems {
	const struct status_input *in;
	const struct status_view *view;
	json_t *list[SEVERITIES];
};

/* NODE NULL: the cluster. */
static void say(struct problems *self, enum severity severity, const char *code, const char *node,
        const char *next, const char *fmt, ...) CS_PRINTF(6, 7);
static void say(struct problems *self, enum severity severity, const char *code, const char *node,
        const char *next, const char *fmt, ...)
{
	static const char *const words[] = { "critical", "warning", "info" };
	char text[CS_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(self->list[severity],
	        json_pack("{s:s, s:s, s:o, s:o, s:o}", "severity", words[severity], "code", code,
	                "node", node != NULL ? json_show(node) : json_null(), "text",
	                json_show(text), "next", json_show(next)));
}

static void uncovered(struct problems *self, const struct cover_row *row)
{
	const char *node = row->node != NULL ? row->node->name : NULL;
	const char *next = "certspan cert import FILE (a certificate with this name)";

	if (row->sni.cover == PKI_COVER_NONE)
		say(self, CRITICAL, node != NULL ? "host-uncovered" : "site-uncovered", node, next,
		        "%s: no Active certificate covers it", row->host);
	else if (row->fallback.cert != NULL && row->fallback.cover == PKI_COVER_NONE)
		say(self, WARNING, "default-uncovered", node, "certspan default set ID",
		        "%s: the default certificate %s does not cover it", row->host,
		        row->fallback.cert->id);
}

static enum cs_err coverage(struct problems *self, struct cs_arena *arena)
{
	const struct scene *scene = self->in->scene;
	const struct cover_row *rows;
	size_t n;

	CS_TRY(cover_rows(scene, (struct wire_texts){ 0 }, arena, &rows, &n));
	if (scene->site.n == 0)
		say(self, WARNING, "no-site-hostname", NULL,
		        "certspan setting set site.hostname HOST", "no site hostname is set");
	for (size_t i = 0; i < n; i++)
		if (!self->in->local || rows[i].node == NULL ||
		        strcmp(rows[i].node->name, self->in->node) == 0)
			uncovered(self, &rows[i]);
	return CS_OK;
}

static void defaults(struct problems *self)
{
	const struct scene *scene = self->in->scene;

	if (!scene_serves(scene))
		return;
	for (size_t i = 0; i < scene->node_count; i++)
		if (scene_default(scene, &scene->nodes[i]) == NULL) {
			say(self, WARNING, "no-default", NULL, "certspan default set ID",
			        "no default certificate: clients without SNI are refused");
			return;
		}
}

static void expiry(struct problems *self, const struct scene_cert *cert)
{
	const int64_t left = cert->leaf->not_after - self->in->scene->now, days = left / 86400;
	const char *next = "certspan cert import FILE (its renewal)";
	char when[32], name[64];

	cs_time_text(cert->leaf->not_after, when, sizeof(when));
	cs_show(cert->name[0] != '\0' ? cert->name : cert->leaf->subject_cn, name, sizeof(name));
	if (left < 0)
		say(self, CRITICAL, "expired", NULL, next, "%s (%s) expired on %s", cert->id, name,
		        when);
	else if (days < EXPIRY_WARNING_DAYS)
		say(self, days < EXPIRY_CRITICAL_DAYS ? CRITICAL : WARNING, "expiring", NULL, next,
		        "%s (%s) expires in %lld days, on %s", cert->id, name, (long long)days,
		        when);
}

static void served(struct problems *self, const struct status_node *node)
{
	for (size_t i = 0; node->member != NULL && i < node->member->probes.n; i++) {
		const struct wire_probe *p = &node->member->probes.v[i];
		const bool wanted =
		        p->want.n > 0; /* before the first certificate there is nothing to serve */
		const char *sni = p->kind == PROBE_NO_SNI ? "no SNI" : p->sni;
		if (!wanted || p->result == PROBE_MATCH || p->result == PROBE_UNKNOWN)
			continue;
		say(self, p->result == PROBE_OLD ? WARNING : CRITICAL,
		        p->result == PROBE_DOWN ? "edge-down" : "not-served", node->node->name,
		        "certspan probe", "a handshake with %s found: %s%s%s", sni,
		        probe_result_name(p->result), p->error[0] != '\0' ? ": " : "", p->error);
		return; /* one line a node is enough; status lists the rest */
	}
}

static void sync(struct problems *self, const struct status_node *node)
{
	const struct wire_member *m = node->member;
	const char *name = node->node->name;

	if (node->state == SYNC_FAILURE)
		say(self, CRITICAL, "sync-failure", name,
		        "read the log of that node; what it served stays served", "%s",
		        m->error[0] != '\0' ? m->error
		        : m->unopened > 0   ? "it cannot open some bundles"
		                            : "its state differs from the primary's");
	else if (node->state == SYNC_DISCONNECTED)
		say(self, CRITICAL, "disconnected", name,
		        "start certspand there, or check the replication port",
		        "not connected for %llu s",
		        (unsigned long long)((m != NULL ? m->last_seen_ms : 0) / 1000));
	else if (node->state == SYNC_AWAITING_INITIAL)
		say(self, WARNING, "awaiting-initial-sync", name,
		        "run certspan join TOKEN on it and start certspand",
		        node->node->node->enrolled_at == 0 ? "it has not joined yet"
		                                           : "it has no state yet");
	else if (node->state == SYNC_CHANGES_PENDING)
		say(self, m->behind_ms > LAG_CRITICAL_MS ? CRITICAL : WARNING, "changes-pending",
		        name, "certspan sync wait", "%llu changes wait for %llu s",
		        (unsigned long long)(self->view->head - m->stored),
		        (unsigned long long)(m->behind_ms / 1000));
	if (m != NULL && m->clock_offset_ms > CLOCK_WARNING_MS)
		say(self, WARNING, "clock-offset", name, "set up time synchronisation there",
		        "its clock is off by %llu s",
		        (unsigned long long)(m->clock_offset_ms / 1000));
}

static bool in_set(struct wire_texts set, const char *name)
{
	for (size_t i = 0; i < set.n; i++)
		if (strcmp(set.v[i], name) == 0)
			return true;
	return false;
}

static void backups(struct problems *self, const struct status_node *node)
{
	const bool waits =
	        node->node->node->role == ROLE_BACKUP && node->node->node->enrolled_at != 0;

	if (waits && node->state <= SYNC_SYNCING && !in_set(self->in->sync_set, node->node->name))
		say(self, WARNING, "backup-not-in-sync-set", node->node->name,
		        "certspan sync status",
		        "changes are not held for this backup: a failover could lose the newest");
}

static void roles(struct problems *self)
{
	const struct wire_roles *all = self->in->roles;

	for (size_t i = 0; all != NULL && i < all->roles.n; i++) {
		const struct wire_role *r = &all->roles.v[i];
		const bool fresh = self->in->now_ms - (int64_t)r->since_ms < ROLE_FRESH_MS;
		if (r->pid == 0)
			say(self, CRITICAL, "role-down", self->in->node,
			        "read the log of certspand", "%s %u is down (%s)", r->role,
			        r->index, r->last_exit);
		else if (r->restarts > 0 && fresh)
			say(self, WARNING, "role-restarted", self->in->node,
			        "read the log of certspand",
			        "%s %u was restarted, %u times so far (%s)", r->role, r->index,
			        r->restarts, r->last_exit);
	}
}

static void own(struct problems *self)
{
	const struct wire_facts *f = self->in->facts;

	if (f->keyd != NULL && !f->keyd->unlocked)
		say(self, CRITICAL, "keyd-locked", self->in->node, "certspan key unlock",
		        "the cluster secret is not available: no key can be opened");
	if (f->disk_free_bytes > 0 && f->disk_free_bytes < DISK_CRITICAL_BYTES)
		say(self, CRITICAL, "disk-full", self->in->node,
		        "free space below the state directory", "only %llu MiB are free",
		        (unsigned long long)(f->disk_free_bytes >> 20));
	if (strcmp(f->mode, "conflict") == 0 || strcmp(f->mode, "regressed") == 0)
		say(self, CRITICAL, f->mode, self->in->node, "certspan sync status",
		        "this node is in mode %s: it serves, and refuses changes", f->mode);
	if (f->role != ROLE_PRIMARY && !f->upstream_connected)
		say(self, CRITICAL, "primary-unreachable", self->in->node,
		        "check certspand on the primary; this node serves on",
		        "no connection to the primary %s for %llu s", f->primary,
		        (unsigned long long)(f->summary_age_ms / 1000));
	for (size_t i = 0; i < f->alarms.n; i++)
		say(self, WARNING, "alarm", self->in->node, "certspan sync status", "%s",
		        f->alarms.v[i]);
}

enum cs_err problems_of(const struct status_input *in, const struct status_view *view,
        struct cs_arena *arena, json_t **out)
{
	struct problems self = { in, view, { json_array(), json_array(), json_array() } };
	const enum cs_err rc = coverage(&self, arena);

	defaults(&self);
	for (size_t i = 0; i < in->scene->cert_count; i++)
		if (in->scene->certs[i].state == CERT_ACTIVE)
			expiry(&self, &in->scene->certs[i]);
	for (size_t i = 0; i < view->count; i++) {
		sync(&self, &view->nodes[i]);
		served(&self, &view->nodes[i]);
		if (view->live)
			backups(&self, &view->nodes[i]);
	}
	roles(&self);
	own(&self);
	json_array_extend(self.list[CRITICAL], self.list[WARNING]);
	json_array_extend(self.list[CRITICAL], self.list[INFO]);
	json_decref(self.list[WARNING]);
	json_decref(self.list[INFO]);
	*out = self.list[CRITICAL];
	if (rc != CS_OK)
		json_decref(CS_STEAL(*out));
	return rc;
}
