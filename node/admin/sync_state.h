/* node/admin/sync_state.h: the sync state of one node and of all, with the recommended action
 * (design section 1). Pure. */
#pragma once
#include "proto/wire/replication.h"

/* In order of badness; the worst of all nodes is the cluster's. */
enum sync_state {
	SYNC_STANDALONE,
	SYNC_IN_SYNC,
	SYNC_SYNCING,
	SYNC_CHANGES_PENDING,
	SYNC_AWAITING_INITIAL,
	SYNC_NOT_ALL,
	SYNC_DISCONNECTED,
	SYNC_FAILURE
};
const char *sync_state_name(enum sync_state state); /* "in-sync" */
const char *sync_state_action(
        enum sync_state state); /* a sentence, "" when there is nothing to do */

#define SYNC_PENDING_MS                                                                            \
	10000 /* behind for longer than this: Changes Pending, no longer Syncing                   \
	       */

/* MEMBER NULL: the primary has never heard of it. HEAD: the primary's seq. */
enum sync_state sync_state_of(const struct wire_member *member, bool enrolled, uint64_t head);
/* The worst of N; Standalone for one node alone; Not All Devices Synced when some follower is in
 * sync while others are waiting for long. */
enum sync_state sync_state_overall(const enum sync_state *states, size_t n);
