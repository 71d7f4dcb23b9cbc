/* replicator/core/leader_own.h: the inside of struct leader, shared by its three files: leader.c
 * (sessions), leader_flow.c (pieces, marks, heads), leader_sync.c (release, sync set, waiting
 * commands). */
#pragma once
#include "replicator/core/leader.h"

struct flight {
	uint64_t to;
	size_t bytes;
};

struct peer {
	char name[CS_ID_MAX + 1];
	uint32_t role;
	bool allowed, ever_seen, digest_differs;
	enum peer_state state;
	enum sync_state sync;
	uint64_t sid, cursor, mark, best;
	uint64_t staged, stored, loaded,
	        served; /* stored is L of R3: in this session, in our history */
	uint64_t credit, session_floor;
	struct flight flight[LEADER_FLIGHT_MAX];
	size_t flights, flight_bytes;
	bool busy; /* a piece or mark action is with the driver */
	bool blocked; /* until the next tick */
	int64_t last_seen, behind_since, progress_at, head_at;
};

struct leader {
	char self[CS_ID_MAX + 1];
	uint64_t epoch;
	uint8_t history[16];
	enum leader_mode mode;
	struct state_position head;
	uint8_t digest[32];
	uint64_t floor, log_from, released, answered, self_served;
	struct peer *peers;
	size_t count;
	struct leader_command *commands;
	size_t waiting;
	struct leader_action *actions;
	size_t first, end, room;
	const char *wanted[CS_PEERS_MAX];
	size_t wanted_count;
	bool syncset_busy, out_of_memory;
	int64_t summary_at;
};

struct peer *leader_peer(struct leader *self, const char *name); /* NULL if unknown */
/* A zeroed action at the end of the queue; when memory is out a spare one, and the step fails. */
struct leader_action *leader_act(
        struct leader *self, enum leader_action_kind kind, const struct peer *peer);
bool peer_live(const struct peer *peer); /* follows us in a session */
void peer_gone(struct leader *self, struct peer *peer);
void peer_behind(struct leader *self, struct peer *peer, int64_t now);

/* leader_flow.c */
enum peer_move {
	MOVE_FOLLOW,
	MOVE_FOLLOW_AT_HEAD,
	MOVE_WATCH,
	MOVE_PIECE,
	MOVE_CLOSING,
	MOVE_MARKED,
	MOVE_STORED,
	MOVE_BEHIND,
	MOVE_GONE,
	MOVE_COMPARE,
	MOVE_COMPARED,
	PEER_MOVES
};
void peer_move(struct peer *peer, enum peer_move move);
void leader_pump(struct leader *self);
void leader_on_piece(struct leader *self, struct peer *peer, const struct leader_piece *piece);
void leader_on_marked(struct leader *self, struct peer *peer);
void leader_return_credit(struct peer *peer, uint64_t staged);
void leader_heads(struct leader *self, int64_t now);
void leader_head_to_backups(struct leader *self);

/* leader_sync.c */
void leader_sync_adopt(struct leader *self, struct wire_texts names, int64_t now);
void leader_sync_review(struct leader *self,
        int64_t now); /* who leaves, who joins, what is released, who is answered */
void leader_sync_stored(struct leader *self, struct peer *peer, bool moved);
void leader_sync_leave(struct leader *self, struct peer *peer);
void leader_command_new(struct leader *self, const struct leader_command *command);
void leader_fail_commands(struct leader *self, enum cs_err err, const char *text);
