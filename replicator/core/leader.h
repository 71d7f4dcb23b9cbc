/* replicator/core/leader.h: what a primary decides: which peer gets what when, what is released,
 *who is in the sync set, which waiting command may be answered (replication.md R2, R3, R4). Pure:
 *no socket, no clock, no store; events in, actions out. The driver carries out the actions in order
 *and tells their results as further events; a simulator can do the same.
 *
 *	COMPARE --all that differs is staged--> DELTA
 *	WATCH --FOLLOW--> DELTA --piece not closing--> DELTA --closing piece--> HELD --mark sent-->
 *WAIT --stored--> IDLE
 *	                    ^------------------------------- head > cursor
 *-------------------------'      ' any --BYE, silent 15 s, revoked, foreign session--> GONE a
 *backup also is OUT, CLOSING or IN (R3)
 */
#pragma once
#include "proto/wire/control.h"
#include "store/db/state.h"

#define LEADER_SILENT_MS 5000 /* a backup: out of the sync set */
#define LEADER_GONE_MS 15000 /* any peer: the session ends */
#define LEADER_HEAD_MS 1000
#define LEADER_SUMMARY_MS 2000
#define LEADER_TURN_BYTES (64u << 10) /* one piece: peers take turns */
#define LEADER_FLIGHT_MAX                                                                          \
	32 /* pieces under way to one peer, below the high-water mark of the socket */
#define LEADER_JOIN_LAG                                                                            \
	64 /* commits that a joining backup may lack: release waits for it from then on */

enum peer_state {
	PEER_GONE,
	PEER_WATCH,
	PEER_DELTA,
	PEER_HELD,
	PEER_WAIT,
	PEER_IDLE,
	PEER_COMPARE,
	PEER_STATES
};
enum sync_state { SYNC_OUT, SYNC_CLOSING, SYNC_IN };
enum leader_mode { LEADER_OK, LEADER_CONFLICT, LEADER_REGRESSED, LEADER_FENCED };
const char *peer_state_name(enum peer_state state);
const char *leader_mode_name(enum leader_mode mode); /* "ok", "conflict", "regressed", "fenced" */

enum leader_event_kind {
	LEADER_NODE, /* peer, role, allowed: the registry says so (again); not allowed: revoked,
	                expired, removed */
	LEADER_HELLO, /* peer, sid, hello */
	LEADER_ACK, /* peer, sid, ack */
	LEADER_HEARD, /* peer, sid: any other good message */
	LEADER_LEFT, /* peer, sid: BYE */
	LEADER_COMMITTED, /* head, digest, floor, log_from; syncset_changed: syncset */
	LEADER_SYNCSET_FAILED, /* the commit of a sync set did not succeed */
	LEADER_PIECE, /* peer, sid: the piece that was asked for is sent: piece */
	LEADER_BLOCKED, /* peer, sid: it could not be sent now, or not read */
	LEADER_MARKED, /* peer, sid: the fixed mark is sent */
	LEADER_SELF, /* served: by this node's own edge */
	LEADER_COMMAND, /* command: somebody waits */
	LEADER_TICK,
	LEADER_GET /* peer, sid, ref: a follower that compares wants something */
};

struct leader_hello {
	uint32_t version, mode; /* enum hello_mode */
	uint64_t epoch; /* of its allegiance; 0: none */
	uint8_t history[16];
	bool record_valid; /* signed by a pair member of our registry */
	uint64_t seq; /* of its position */
	uint8_t digest[32];
	enum state_relation relation; /* of its position to our store */
	bool mark_valid; /* the mark it showed is signed and says that position */
	uint64_t credit;
	uint64_t best; /* highest position it ever acknowledged, as we remember it */
};
struct leader_ack {
	uint8_t history[16];
	uint64_t staged, stored, loaded, served;
	uint8_t digest[32];
};
struct leader_piece {
	uint64_t to;
	size_t bytes;
	bool closing; /* a mark at `to` is fixed; the driver keeps it */
};
struct leader_command {
	uint64_t id; /* the driver's */
	uint32_t mode; /* enum ack_mode */
	uint64_t seq;
	uint32_t nodes;
	int64_t deadline; /* same clock as NOW */
	bool watch_stored; /* ACK_ALL and ACK_NODES by `stored`, not by `served` */
};
struct leader_event {
	enum leader_event_kind kind;
	const char *peer;
	uint64_t sid;
	uint32_t role; /* enum node_role */
	bool allowed;
	const struct leader_hello *hello;
	const struct leader_ack *ack;
	const struct leader_piece *piece;
	const struct leader_command *command;
	struct state_position head;
	const uint8_t *digest;
	uint64_t floor, log_from, served;
	bool syncset_changed;
	struct wire_texts syncset;
	const void *ref; /* the driver's: handed back in the action */
};

enum leader_action_kind {
	LEADER_SEND_WELCOME, /* peer, sid, welcome, cursor, text */
	LEADER_SEND_BYE, /* peer, sid, text */
	LEADER_SEND_PIECE, /* peer, sid, cursor, bytes: read from the cursor and send; then
	                      LEADER_PIECE or LEADER_BLOCKED */
	LEADER_SEND_MARK, /* peer, sid: the fixed one; then LEADER_MARKED or LEADER_BLOCKED */
	LEADER_SEND_HEAD, /* peer, sid, summary */
	LEADER_COMMIT_SYNCSET, /* syncset: then LEADER_COMMITTED or LEADER_SYNCSET_FAILED */
	LEADER_RELEASE, /* seq: all that is at or below it may be seen by clients */
	LEADER_ANSWER, /* id, err, text */
	LEADER_MODE, /* mode: stop writing, alarm; FENCED: become a follower */
	LEADER_DRIFT, /* peer, text: equal position, unequal digest */
	LEADER_SEND_GOT /* peer, sid, ref: answer the GET */
};
struct leader_action {
	enum leader_action_kind kind;
	char peer[CS_ID_MAX + 1];
	uint64_t sid, cursor, seq, id;
	size_t bytes;
	uint32_t welcome; /* enum welcome_kind */
	bool summary;
	enum cs_err err;
	enum leader_mode mode;
	const void *ref;
	char text[256];
};

/* What `status` shows of a peer. */
struct leader_view {
	const char *name;
	uint32_t role;
	bool allowed, connected, ever_seen, digest_differs;
	enum peer_state state;
	enum sync_state sync;
	uint64_t staged, stored, loaded, served, best;
	int64_t last_seen, behind_since; /* behind_since 0: at the head */
};

struct leader;
/* SELF leads EPOCH, HISTORY. Nothing is released yet. */
CS_MUST enum cs_err leader_new(const char *self, uint64_t epoch, const uint8_t history[16],
        int64_t now, struct leader **out);
void leader_free(struct leader **self);
/* Takes one event in. CS_ENOMEM: the event had no effect that anybody saw; end the process, its
 * state is in the store. */
CS_MUST enum cs_err leader_step(struct leader *self, const struct leader_event *event, int64_t now);
/* The next action, in order; false when there is none. */
bool leader_take(struct leader *self, struct leader_action *out);
/* The sync set that LEADER_COMMIT_SYNCSET wants; valid until the next step. */
struct wire_texts leader_wanted_syncset(const struct leader *self);
uint64_t leader_released(const struct leader *self);
enum leader_mode leader_mode(const struct leader *self);
size_t leader_count(const struct leader *self);
struct leader_view leader_view(const struct leader *self, size_t i);
bool leader_in_sync_set(const struct leader *self, const char *name);
