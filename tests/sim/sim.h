/* tests/sim/sim.h: a cluster of four in one process: P and B the pair, T and U traffic nodes. The
 * cores are the product's; clock, network and stores are ours. All chance comes from one seed. */
#pragma once
#include "replicator/core/follower.h"
#include "replicator/core/leader.h"
#include "replicator/core/view.h"
#include "tests/sim/store.h"

/* --- what a run is asked to do --- */
enum verb {
	OP_WRITE, /* a: key, n: mode; by whoever leads */
	OP_DELETE, /* a: key */
	OP_PURGE, /* drops tombstones up to n commits back */
	OP_CRASH, /* a: node, n: actions that it still carries out */
	OP_START, /* a */
	OP_CUT, /* a -> b, one way */
	OP_HEAL, /* all */
	OP_RESET, /* a: its connection breaks */
	OP_FULL, /* a: its disk is full (n = 1) or no more (n = 0) */
	OP_ROT, /* a: one of its objects changes, consistently */
	OP_COPY, /* a: its disk is copied */
	OP_RESTORE, /* a: the copy comes back; the node restarts */
	OP_LOSE, /* a: crashes, and its newest transaction was never on the disk */
	OP_PROMOTE, /* a; n = 1: force */
	OP_NET, /* a: % lost, b: % doubled, n: delay in ms */
	OP_SKEW, /* a: node, n: ms that its clock jumps ahead */
	VERBS
};
struct op {
	int64_t at;
	enum verb verb;
	int a, b, n;
};
enum outcome { OUTCOME_OK, OUTCOME_REGRESSED, OUTCOME_CONFLICT, OUTCOME_BAD };
struct plan {
	char name[64];
	uint64_t seed;
	struct op *ops;
	size_t count;
	enum outcome expect;
};
/* scenario.c */
CS_MUST enum cs_err plan_read(const char *path, struct plan *out);
void plan_random(uint64_t seed, struct plan *out);
void plan_print(const struct plan *self);
void plan_free(struct plan *self);
int node_by_name(const char *name);
extern const char node_names[NODES + 1];

/* --- what happened --- */
enum happening {
	DID_COMMIT, /* position, content; parent chain */
	DID_APPLY, /* position, content */
	DID_SERVE, /* position, content: clients of this node see it */
	DID_REFUSE, /* position: a mark that did not fit, in an undamaged store */
	DID_ACK, /* position: a command in mode backup was told OK */
	DID_OBEY, /* epoch, history: it answered or applied something under this reign */
	DID_PROMOTE, /* position; forced */
	DID_SHRINK, /* the sync set lost a member */
	DID_LOSE, /* the disk went back in time */
	DID_END /* of the leader: position */
};
struct record {
	int64_t at;
	enum happening what;
	int node;
	struct position position;
	uint64_t parent, epoch;
	bool forced;
	struct content content;
};
struct history {
	struct record *v;
	size_t n, room;
};
void history_add(struct history *self, const struct record *record);
/* check.c: I1, I2, I3 over the whole record; false: WHY says what. */
bool history_check(const struct history *self, char *why, size_t size);

/* --- network --- */
enum packet {
	P_HELLO,
	P_WELCOME,
	P_PIECE,
	P_MARK,
	P_ACK,
	P_HEAD,
	P_BYE,
	P_STATUS,
	P_GET,
	P_LIST,
	P_GOT
};
struct message {
	enum packet kind;
	int from, to;
	bool upward; /* to the side that was dialled */
	uint64_t conn, sid, digest, released, cursor, head, staged, stored, served;
	uint32_t mode;
	struct reign reign; /* a record, or the epoch and history of a piece */
	struct position at, mark_at;
	struct sums sums;
	struct piece piece;
	struct mark mark;
	unsigned keys, bucket;
	struct content list;
	int64_t due;
	uint64_t order;
	struct message *next;
};

struct post {
	uint64_t conn;
	struct mark mark;
};
struct node {
	struct world *world;
	int id;
	bool up, fenced, draining;
	struct store store, before, copy; /* before: the disk without its newest transaction */
	bool has_copy;
	struct leader *leader;
	struct follower *follower;
	int upstream[NODES];
	size_t upstreams;
	int dialled; /* -1: none */
	uint64_t conn;
	bool connected;
	struct post post[NODES];
	struct view view;
	struct position fixed_at, published_at;
	struct content fixed;
	int crash_in; /* actions to go; -1: none */
	int64_t tick_at, skew, watch_at, keep_at, heard_leader;
	uint64_t heard_head, command;
	uint64_t obeyed_epoch;
};
struct world {
	struct node node[NODES];
	struct history history;
	struct message *flying;
	int64_t now;
	uint64_t random, order, conns, value, histories, epochs;
	bool cut[NODES][NODES];
	int lost, doubled, delay;
	bool loud;
	struct {
		int node;
		struct position at;
	} command[4096];
	size_t commands;
};
uint64_t chance(struct world *self);
bool one_in(struct world *self, unsigned n);
void net_send(struct world *self, struct message *m);
struct message *net_next(struct world *self); /* the one due next, still in flight */
void net_take(struct world *self, struct message *m);
void net_forget(struct world *self, uint64_t conn);
void net_free(struct world *self);
bool net_open(const struct world *self, int from, int to);

/* --- node.c, lead.c, follow.c --- */
void node_start(struct node *self);
void node_stop(struct node *self);
void node_tick(struct node *self);
void node_settle(struct node *self);
bool node_acts(struct node *self); /* one action more; false: it crashed before it */
void node_receive(struct node *self, const struct message *m);
void node_durable(struct node *self); /* before each transaction */
void node_obeys(struct node *self);
int64_t node_now(const struct node *self);
void node_record(struct node *self, enum happening what, const struct content *content);
bool node_promote(struct node *self, bool force);
void lead(struct node *self, const struct leader_event *e);
void lead_start(struct node *self);
void lead_receive(struct node *self, const struct message *m);
enum cs_err lead_commit(struct node *self, const struct change *changes, size_t count);
void lead_write(struct node *self, unsigned key, bool tombstone, uint32_t mode);
void lead_keep(struct node *self);
void follow(struct node *self, struct follower_event e);
void follow_upstreams(struct node *self);
void follow_receive(struct node *self, const struct message *m);
void follow_watch(struct node *self);
void history_bytes(uint64_t history, uint8_t out[16]);
void digest_bytes(uint64_t digest, uint8_t out[32]);
uint64_t history_number(const uint8_t bytes[16]);

/* world.c */
enum outcome sim_run(const struct plan *plan, bool loud, char *why, size_t size);
