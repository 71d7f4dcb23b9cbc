/* node/admin/routes_wait.c: waiting for nodes, probing now. */
#include <string.h>
#include "node/admin/routes.h"
#include "node/admin/status.h"
#include "proto/base/clock.h"

#define GRACE_MS 5000

const struct arg_field fields_wait[] = { { "seq", ARG_NUMBER, INT64_MAX }, { "for", ARG_TEXT, 16 },
	{ "nodes", ARG_NUMBER, CS_PEERS_MAX }, { "timeout_s", ARG_NUMBER, 3600 }, { NULL, 0, 0 } };
const struct arg_field fields_probe[] = { { "timeout_s", ARG_NUMBER, 600 }, { NULL, 0, 0 } };

/* The outcome of a question that writes nothing. */
static enum cs_err answer(
        struct call *call, const struct wire_outcome *outcome, const char *acknowledged)
{
	const bool pending = strcmp(outcome->error, cs_err_name(CS_EPENDING)) == 0;
	const bool timeout = strcmp(outcome->error, cs_err_name(CS_ETIMEOUT)) == 0;

	if (outcome->error[0] != '\0' && !pending && !timeout) {
		const bool follower = strcmp(outcome->error, cs_err_name(CS_ENOTPRIMARY)) == 0;
		return reply_fail(&call->reply, follower ? CS_ENOTPRIMARY : CS_EAGAIN,
		        follower ? "run it on the primary" : "certspan status", "%s",
		        outcome->reason[0] != '\0' ? outcome->reason : outcome->error);
	}
	struct wire_outcome mine = *outcome;
	mine.error = timeout ? cs_err_name(CS_EPENDING) : outcome->error;
	uint64_t generation = 0;
	if (call_lock(call) == CS_OK)
		generation = mirror_generation(call->mirror);
	call_unlock(call);
	return call_outcome(
	        call, &mine, generation, pending || timeout ? "local" : acknowledged, false);
}

enum cs_err route_sync_wait(struct call *call)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	const char *what = arg_text(call->args, "for", "served");
	const uint32_t nodes = (uint32_t)arg_number(call->args, "nodes", 0);
	const long long ms = 1000 * arg_number(call->args, "timeout_s", 30);
	const bool stored = strcmp(what, "stored") == 0;

	if (!stored && strcmp(what, "served") != 0)
		return reply_fail(&call->reply, CS_EUSAGE, "", "for: served or stored is wanted");
	struct wire_wait wait = { .seq = (uint64_t)arg_number(call->args, "seq", 0),
		.mode = stored      ? ACK_BACKUP
		        : nodes > 0 ? ACK_NODES
		                    : ACK_ALL,
		.nodes = nodes,
		.timeout_ms = (uint32_t)ms };
	const enum cs_err rc = link_ask(admin_link(call->admin), PACKET_wait, &wait, PACKET_outcome,
	        ms + GRACE_MS, &packet);
	if (rc != CS_OK)
		return reply_fail(&call->reply, rc, "certspan status",
		        "waiting: the replicator did not answer: %s", cs_err_text(rc));
	return answer(call, packet.body, stored ? "backup" : nodes > 0 ? "nodes" : "all");
}

enum cs_err route_probe(struct call *call)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	struct wire_ask_probe ask = { 0 };
	const long long ms = 1000 * arg_number(call->args, "timeout_s", 10);

	const enum cs_err rc = link_ask(
	        admin_link(call->admin), PACKET_ask_probe, &ask, PACKET_outcome, ms, &packet);
	if (rc != CS_OK)
		return reply_fail(&call->reply, rc, "certspan status",
		        "the prober of %s did not answer: %s", admin_node(call->admin),
		        cs_err_text(rc));
	CS_TRY(call_facts(call));
	json_t *more = json_pack("{s:s, s:o}", "node", admin_node(call->admin), "served",
	        status_served_json(call->facts->self, cs_clock_wall_ms()));
	CS_TRY(reply_with(&call->reply, more));
	return answer(call, packet.body, "local");
}
