/* replicator/core/follower.h: what a backup or traffic node decides: whom to dial, which messages
 *count, what it stores and when it starts over (replication.md R2, R4). Pure: events in, actions
 *out; time and randomness are arguments.
 *
 *	SEEK --connected, HELLO--> GREET --WELCOME delta--> STAGE (PIECE, MARK ...)
 *	  ^                          |  `--NOT-PRIMARY--> SEEK, its leader first
 *	  |                          |--COMPARE--> LISTS --all that differs is staged--> STAGE
 *	  |                          `--AHEAD--> WATCHING       `--REVOKED, UPGRADE-->
 *STOPPED (serves on, asks again)
 *	  `-- no WELCOME in 5 s, gap, BYE, bad MARK, connection lost, 15 s silent, head > cursor for
 *15 s
 */
#pragma once
#include "proto/wire/replication.h"
#include "store/db/state.h"

#define FOLLOWER_WELCOME_MS 5000
#define FOLLOWER_SILENT_MS 15000
#define FOLLOWER_BEHIND_MS 15000
#define FOLLOWER_STATUS_MS 1500
#define FOLLOWER_STOPPED_MS 30000 /* then it asks again: an administrator may have helped */
#define FOLLOWER_DWELL_LEADER_MS 5000 /* how long one upstream is tried */
#define FOLLOWER_DWELL_MS 2000

enum follower_state {
	FOLLOWER_SEEK,
	FOLLOWER_GREET,
	FOLLOWER_STAGE,
	FOLLOWER_WATCHING,
	FOLLOWER_STOPPED,
	FOLLOWER_LISTS
};
const char *follower_state_name(enum follower_state state);

enum follower_event_kind {
	FOLLOWER_UPSTREAMS, /* count, leader: index of the leader of the allegiance in the driver's
	                       list, or count */
	FOLLOWER_TICK,
	FOLLOWER_CONNECTED, /* the dialled upstream can be written to */
	FOLLOWER_LOST, /* it no longer can */
	FOLLOWER_WELCOME, /* sid, welcome, reign, cursor, head */
	FOLLOWER_PIECE, /* sid, epoch, history, from, to; ref */
	FOLLOWER_STAGED, /* err, to */
	FOLLOWER_MARK, /* sid, epoch, from, to = its seq; valid = signature; ref */
	FOLLOWER_APPLIED, /* err, position, digest */
	FOLLOWER_HEAD, /* sid, reign, to = head, released; drift: equal position, other digest */
	FOLLOWER_BYE, /* sid */
	FOLLOWER_PROGRESS, /* loaded, served */
	FOLLOWER_STATUS_DUE, /* something that STATUS tells has changed */
	FOLLOWER_LIST, /* sid, epoch, history; ref: a LIST, or what a GET brought */
	FOLLOWER_COMPARED /* err, more: there is something to GET */
};
struct follower_reign {
	uint64_t epoch; /* 0: none */
	uint8_t history[16];
	bool valid; /* signed by a pair member of our registry */
};
struct follower_event {
	enum follower_event_kind kind;
	uint64_t random; /* fresh with every event */
	size_t count, leader;
	uint64_t sid, epoch, from, to, released, cursor, head, loaded, served;
	uint32_t welcome;
	const uint8_t *history;
	struct follower_reign reign;
	bool valid, drift, more;
	enum cs_err err;
	struct state_position position;
	const uint8_t *digest;
	const void *ref; /* the driver's: the message itself; handed back in the action */
};

enum follower_action_kind {
	FOLLOWER_DIAL, /* upstream: connect, a fresh socket */
	FOLLOWER_HANGUP,
	FOLLOWER_SEND_HELLO, /* sid, compare */
	FOLLOWER_SEND_ACK, /* sid, seq = staged, stored; the rest is the driver's knowledge */
	FOLLOWER_SEND_STATUS, /* sid */
	FOLLOWER_SEND_BYE, /* sid, text */
	FOLLOWER_DROP_INBOX,
	FOLLOWER_ALLEGIANCE, /* ref: persist the reign of this message before anything else */
	FOLLOWER_DO_STAGE, /* ref; then FOLLOWER_STAGED */
	FOLLOWER_DO_APPLY, /* ref; then FOLLOWER_APPLIED */
	FOLLOWER_RELEASED, /* seq: what the leader says is released; 0 with a new reign */
	FOLLOWER_ALARM, /* text; "" = all is well again */
	FOLLOWER_DO_COMPARE, /* ref: a WELCOME with sums; then FOLLOWER_COMPARED */
	FOLLOWER_DO_LIST, /* ref; then FOLLOWER_COMPARED */
	FOLLOWER_SEND_GET, /* sid: what the comparison needs next */
	FOLLOWER_RESTART_VIEW /* what was fixed for the edge belongs to another past */
};
struct follower_action {
	enum follower_action_kind kind;
	size_t upstream;
	uint64_t sid, seq, stored;
	bool compare;
	const void *ref;
	char text[256];
};

struct follower;
/* BACKUP: its position is seen by clients when released; a traffic node's with the mark. EPOCH,
 * HISTORY: allegiance, 0 if none. */
CS_MUST enum cs_err follower_new(const struct state_position *position,
        const struct follower_reign *allegiance, int64_t now, struct follower **out);
void follower_free(struct follower **self);
void follower_step(struct follower *self, const struct follower_event *event, int64_t now);
bool follower_take(struct follower *self, struct follower_action *out);

enum follower_state follower_state(const struct follower *self);
bool follower_connected(const struct follower *self); /* in a session: welcomed */
size_t follower_upstream(const struct follower *self); /* dialled now */
uint64_t follower_staged(const struct follower *self);
/* Whom it obeys; persisted by then (R4). */
const struct follower_reign *follower_allegiance(const struct follower *self);
uint64_t follower_heard(const struct follower *self); /* the highest head heard in this session */
