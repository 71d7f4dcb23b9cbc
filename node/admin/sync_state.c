#include "node/admin/sync_state.h"

static const struct {
	const char *name, *action;
} table[] = {
	[SYNC_STANDALONE] = { "standalone",
	        "Add a backup: certspan node token create --role backup --name NAME --public HOST "
	        "--internal HOST:PORT" },
	[SYNC_IN_SYNC] = { "in-sync", "" },
	[SYNC_SYNCING] = { "syncing", "Wait a moment: changes are on their way" },
	[SYNC_CHANGES_PENDING] = { "changes-pending", "Changes wait to be released: look at the "
	                                              "problems below, then: certspan sync wait" },
	[SYNC_AWAITING_INITIAL] = { "awaiting-initial-sync",
	        "Run certspan join TOKEN on the new node and start certspand there" },
	[SYNC_NOT_ALL] = { "not-all-devices-synced",
	        "Look at the nodes that lag: certspan status -o wide" },
	[SYNC_DISCONNECTED] = { "disconnected", "Check that certspand runs on that node and "
	                                        "reaches the primary's replication port" },
	[SYNC_FAILURE] = { "sync-failure",
	        "Read the node's error below and its log; what it served stays served" },
};

const char *sync_state_name(enum sync_state state)
{
	return table[state].name;
}

const char *sync_state_action(enum sync_state state)
{
	return table[state].action;
}

static bool failed(const struct wire_member *m)
{
	return m->digest_differs || m->unopened > 0 || m->error[0] != '\0';
}

enum sync_state sync_state_of(const struct wire_member *member, bool enrolled, uint64_t head)
{
	if (member != NULL && member->self && failed(member))
		return SYNC_FAILURE;
	if (member == NULL || !enrolled)
		return SYNC_AWAITING_INITIAL;
	if (!member->self && !member->connected)
		return member->stored == 0 && !member->ever_seen ? SYNC_AWAITING_INITIAL
		                                                 : SYNC_DISCONNECTED;
	if (failed(member))
		return SYNC_FAILURE;
	if (!member->self && member->stored == 0 && head > 0)
		return SYNC_AWAITING_INITIAL;
	if (member->stored < head)
		return member->behind_ms > SYNC_PENDING_MS ? SYNC_CHANGES_PENDING : SYNC_SYNCING;
	return SYNC_IN_SYNC;
}

enum sync_state sync_state_overall(const enum sync_state *states, size_t n)
{
	enum sync_state worst = SYNC_IN_SYNC;
	size_t in_sync = 0;

	if (n <= 1 && (n == 0 || states[0] <= SYNC_IN_SYNC))
		return SYNC_STANDALONE;
	for (size_t i = 0; i < n; i++) {
		in_sync += states[i] == SYNC_IN_SYNC;
		if (states[i] > worst)
			worst = states[i];
	}
	return worst == SYNC_CHANGES_PENDING && in_sync > 1
	               ? SYNC_NOT_ALL
	               : worst; /* the primary is always one of them */
}
