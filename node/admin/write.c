/* node/admin/write.c: decide, write, wait: one commit, or a reason why nothing was done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "node/admin/admin.h"
#include "node/admin/prune.h"
#include "proto/base/text.h"

#define TRIES 5
#define DEFAULT_TIMEOUT_MS 10000
#define GRACE_MS 5000 /* the replicator answers by itself at the timeout; this is for its death */

struct ack {
	uint32_t mode, nodes, timeout_ms;
};

static bool backup_enrolled(struct mirror *mirror)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(mirror, OBJECT_NODE, &n);

	for (size_t i = 0; i < n; i++) {
		const struct wire_node *node = all[i]->body;
		if (node->role == ROLE_BACKUP && node->enrolled_at != 0 && node->revoked_at == 0)
			return true;
	}
	return false;
}

static enum cs_err parse_ack(struct call *call, const char *text, struct ack *out)
{
	char *end;

	if (strcmp(text, "auto") == 0)
		out->mode = backup_enrolled(call->mirror) ? ACK_BACKUP : ACK_LOCAL;
	else if (strcmp(text, "local") == 0)
		out->mode = ACK_LOCAL;
	else if (strcmp(text, "backup") == 0)
		out->mode = ACK_BACKUP;
	else if (strcmp(text, "all") == 0)
		out->mode = ACK_ALL;
	else if (strncmp(text, "nodes=", 6) == 0) {
		const unsigned long n = strtoul(text + 6, &end, 10);
		if (*end != '\0' || n < 1 || n > CS_PEERS_MAX)
			return reply_fail(&call->reply, CS_EUSAGE, "",
			        "ack: nodes=N wants a number from 1 to %d", CS_PEERS_MAX);
		out->mode = ACK_NODES;
		out->nodes = (uint32_t)n;
	} else
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "ack: local, backup, nodes=N or all is wanted");
	return CS_OK;
}

static enum cs_err ack_of(struct call *call, struct ack *out)
{
	const char *setting = mirror_setting(call->mirror, "ack.timeout", "");
	const long timeout = setting[0] != '\0' ? strtol(setting, NULL, 10) : DEFAULT_TIMEOUT_MS;

	*out = (struct ack){ .timeout_ms =
		                     (uint32_t)arg_number(call->args, "timeout_ms", timeout) };
	return parse_ack(call,
	        arg_text(call->args, "ack", mirror_setting(call->mirror, "ack.mode", "auto")), out);
}

static const char *ack_name(uint32_t mode)
{
	static const char *const names[] = { "none", "local", "backup", "nodes", "all" };

	return mode < CS_COUNT(names) ? names[mode] : "none";
}

static enum cs_err request_of(struct call *call, uint8_t request[16])
{
	const char *text = arg_text(call->args, "request", NULL);

	if (text == NULL) {
		randombytes_buf(request, 16);
		return CS_OK;
	}
	if (cs_unhex(text, request, 16) != CS_OK)
		return reply_fail(&call->reply, CS_EUSAGE, "", "request: 32 hex digits are wanted");
	return CS_OK;
}

enum cs_err call_primary(struct call *call)
{
	CS_TRY(call_facts(call));
	if (call->facts->role == ROLE_PRIMARY)
		return CS_OK;
	snprintf(call->reply.primary, sizeof(call->reply.primary), "%s", call->facts->primary);
	char next[256];
	snprintf(next, sizeof(next), "run it on %s",
	        call->facts->primary[0] != '\0' ? call->facts->primary : "the primary");
	return reply_fail(&call->reply, CS_ENOTPRIMARY, next,
	        "%s is a %s node and only follows; the primary is %s", admin_node(call->admin),
	        node_role_name(call->facts->role),
	        call->facts->primary[0] != '\0' ? call->facts->primary : "not known here");
}

static enum cs_err merge(json_t *doc, json_t *more)
{
	const char *name;
	json_t *value;

	json_object_foreach(more, name, value)
	{
		if (json_object_get(doc, name) != NULL && json_is_array(value))
			json_array_extend(json_object_get(doc, name), value);
		else if (json_object_set(doc, name, value) != 0)
			return CS_ENOMEM;
	}
	return CS_OK;
}

static const char *outcome_text(const struct wire_outcome *outcome, bool pending, bool dry_run)
{
	if (dry_run)
		return "dry run: nothing was written";
	return outcome->reason[0] != '\0' ? outcome->reason
	       : pending                  ? cs_err_text(CS_EPENDING)
	                                  : "done";
}

enum cs_err call_outcome(struct call *self, const struct wire_outcome *outcome, uint64_t generation,
        const char *acknowledged, bool dry_run)
{
	const bool pending = strcmp(outcome->error, cs_err_name(CS_EPENDING)) == 0;
	const char *next = pending ? "certspan sync wait" : "";

	json_t *doc = json_pack("{s:s, s:I, s:I, s:I, s:s, s:i, s:o, s:s, s:b, s:[]}", "schema",
	        "certspan.outcome/1", "seq", (json_int_t)outcome->seq, "epoch",
	        (json_int_t)outcome->epoch, "generation", (json_int_t)generation, "acknowledged",
	        acknowledged, "exit", pending ? cs_err_exit(CS_EPENDING) : 0, "text",
	        json_show(outcome_text(outcome, pending, dry_run)), "next", next, "dry_run",
	        dry_run, "warnings");
	if (doc == NULL)
		return CS_ENOMEM;
	json_t *more = CS_STEAL(self->reply.doc);
	const enum cs_err rc = more != NULL ? merge(doc, more) : CS_OK;
	json_decref(more);
	if (rc != CS_OK) {
		json_decref(doc);
		return rc;
	}
	/* What a decision itself asks for (import: exit 65, stayed Staged) may not hide that it is
	 * not where asked. */
	if (pending)
		json_object_set_new(doc, "exit", json_integer(cs_err_exit(CS_EPENDING)));
	self->reply.err = pending ? CS_EPENDING : CS_OK;
	return reply_with(&self->reply, doc);
}

enum cs_err call_err_of(const char *name)
{
	for (unsigned i = 0; i < CS_ERR_COUNT; i++)
		if (strcmp(cs_err_name((enum cs_err)i), name) == 0)
			return (enum cs_err)i;
	return CS_EBUG;
}

static enum cs_err refused(struct call *call, const struct wire_outcome *outcome)
{
	const enum cs_err rc = call_err_of(outcome->error);

	if (rc == CS_ECONFLICT)
		return rc; /* decided anew by the caller */
	snprintf(call->reply.primary, sizeof(call->reply.primary), "%s", outcome->primary);
	return reply_fail(&call->reply, rc,
	        rc == CS_ENOTPRIMARY ? "run it on the primary" : "certspan status", "%s",
	        outcome->reason[0] != '\0' ? outcome->reason : cs_err_text(rc));
}

static enum cs_err send_write(struct call *call, const struct plan *plan, const struct ack *ack,
        const uint8_t request[16], uint64_t head)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	struct wire_write write = { .request = { request, 16 },
		.expect_seq = head,
		.changes = { plan->change, plan->count },
		.ack = ack->mode,
		.ack_nodes = ack->nodes,
		.timeout_ms = ack->timeout_ms,
		.actor = call->actor };

	const enum cs_err rc = link_ask(admin_link(call->admin), PACKET_write, &write,
	        PACKET_outcome, (int64_t)ack->timeout_ms + GRACE_MS, &packet);
	if (rc == CS_ETOOBIG)
		return reply_fail(
		        &call->reply, rc, "", "the change is larger than one commit may be");
	if (rc != CS_OK) {
		char hex[33];
		cs_hex(request, 16, hex);
		return reply_fail(&call->reply, rc,
		        "certspan status, then repeat the command; it is safe",
		        "outcome unknown: %s (request %s)", cs_err_text(rc), hex);
	}
	const struct wire_outcome *outcome = packet.body;
	const bool pending = strcmp(outcome->error, cs_err_name(CS_EPENDING)) == 0;
	if (outcome->error[0] != '\0' && !pending)
		return refused(call, outcome);
	return call_outcome(
	        call, outcome, plan->generation, pending ? "local" : ack_name(ack->mode), false);
}

static enum cs_err nothing_written(
        struct call *call, const struct plan *plan, uint64_t head, bool dry_run)
{
	const struct wire_outcome outcome = { .error = "",
		.reason = "nothing to change",
		.seq = head,
		.epoch = call->facts->epoch,
		.primary = "" };

	return call_outcome(call, &outcome, plan->generation, "none", dry_run);
}

static enum cs_err attempt(
        struct call *call, decide_fn *decide, void *data, const uint8_t request[16])
{
	struct ack ack;
	const bool dry_run = arg_flag(call->args, "dry_run");

	CS_TRY(call_lock(call));
	struct plan plan = plan_new(call->mirror, call->arena);
	const uint64_t head = mirror_seq(call->mirror);
	enum cs_err rc = ack_of(call, &ack);
	if (rc == CS_OK)
		rc = decide(call, data, &plan);
	if (rc == CS_OK && plan.count > 0 && !dry_run)
		rc = prune_plan(call->mirror, call->now, &plan);
	if (rc == CS_OK)
		rc = chains_follow(call, &plan);
	call_unlock(call);
	if (rc != CS_OK)
		return rc;
	if (dry_run)
		return nothing_written(call, &plan, head, true);
	rc = plan.count > 0 ? send_write(call, &plan, &ack, request, head)
	                    : nothing_written(call, &plan, head, false);
	if (rc == CS_OK)
		chains_set_rest(admin_chains(call->admin), &call->rest);
	return rc;
}

static enum cs_err decide_nothing(struct call *call, void *data, struct plan *plan)
{
	(void)call;
	(void)data;
	(void)plan;
	return CS_OK;
}

/* Chains that did not fit into the commit of the CA certificate they rest on. Not this request's
 * answer: what fails here comes with the next write. */
static void write_rest(struct call *self)
{
	uint8_t request[16];
	struct reply answer = self->reply;

	while (self->rest.any && !arg_flag(self->args, "dry_run")) {
		self->reply = (struct reply){ 0 };
		randombytes_buf(request, sizeof(request));
		const enum cs_err rc = attempt(self, decide_nothing, NULL, request);
		reply_free(&self->reply);
		if (rc != CS_OK)
			break;
	}
	self->reply = answer;
}

enum cs_err call_write(struct call *self, decide_fn *decide, void *data)
{
	uint8_t request[16];

	CS_TRY(call_primary(self));
	CS_TRY(request_of(self, request));
	for (int i = 0; i < TRIES; i++) {
		const enum cs_err rc = attempt(self, decide, data, request);
		if (rc == CS_OK)
			write_rest(self);
		if (rc != CS_ECONFLICT)
			return rc;
		json_decref(CS_STEAL(self->reply.doc));
	}
	return reply_fail(&self->reply, CS_ECONFLICT, "repeat the command",
	        "others changed the cluster at the same time, %d times in a row", TRIES);
}
