/* replicator/driver/own.h: the inside of the process, shared by the files of driver/, local/ and
 * enrol/. One thread owns it all (the ZAP thread has its own lock). */
#pragma once
#include "proto/role/keyfile.h"
#include "proto/role/role.h"
#include "replicator/core/follower.h"
#include "replicator/core/leader.h"
#include "replicator/core/view.h"
#include "replicator/driver/registry.h"
#include "replicator/local/host.h"
#include "replicator/local/opening.h"
#include "replicator/local/prober.h"
#include "replicator/net/link.h"
#include "replicator/net/zap.h"
#include "store/serving/serving.h"

#define STATE_ARENA (8u << 20) /* memory of one look at the store */
#define TICK_MS 200
#define ALARMS 8
#define WRITES_MAX 256 /* of one turn: one group commit */

/* The wire side of one peer of a leader. */
struct post {
	char name[CS_ID_MAX + 1];
	struct link_route route;
	struct cs_buf mark; /* fixed, encoded with its session id; empty: none */
	struct wire_packet status; /* the newest STATUS */
	int64_t clock_offset_ms; /* its wall clock minus ours */
	uint64_t best_stored; /* as in the local table */
};

/* Somebody who waits for OUTCOME. */
struct caller {
	uint64_t id, tag;
};

/* What must not be forgotten until it is well again; a slot a topic. */
enum alarm {
	ALARM_PORT,
	ALARM_FOLLOW,
	ALARM_DRIFT,
	ALARM_KEY,
	ALARM_DISK,
	ALARM_MODE,
	ALARM_STORE,
	ALARM_NODE
};

struct upstream {
	char address[CS_ENDPOINT_MAX + 1], name[CS_ID_MAX + 1];
	uint8_t key[32];
};

struct enrolment; /* enrol/desk.h */

struct replicator {
	struct role role;
	char name[CS_ID_MAX + 1], dir[CS_TEXT_MAX + 1];
	struct replicator_key key;
	uint8_t cluster[16];

	struct state *state;
	struct serving_writer *serving;
	struct state_facts facts; /* of the store, after the newest change */
	uint64_t generation;
	struct registry *registry;
	struct cs_arena *reign_arena;
	struct wire_reign reign; /* the allegiance; epoch 0: none */

	void *context;
	struct zap *zap;
	struct server *server;
	struct client *client;
	int64_t server_retry_at;
	bool was_writable;
	struct upstream *upstreams;
	size_t upstream_count;

	struct leader *leader; /* either this */
	struct follower *follower; /* or that */
	bool draining_leader, draining_follower, fenced;
	struct post *posts;
	size_t post_count;
	struct view view;
	struct cs_arena *changed_arena; /* of the view that waits */
	struct wire_texts changed;
	uint64_t kept_released; /* as in the local table */
	struct wire_packet head; /* a follower's newest HEAD with a summary */
	int64_t head_at;

	int admin, keyd_fd, prober_fd; /* -1: none */
	struct opening *opening;
	struct prober *prober;
	struct host *host;
	struct wire_packet keyd_state;
	struct wire_packet writes[WRITES_MAX];
	size_t write_count;
	struct caller *callers;
	size_t caller_count;
	uint64_t next_id;
	struct enrolment *enrolment;
	uint64_t told_loaded, told_served;

	char alarms[ALARMS][512];
	uint64_t refused;
	int64_t tick_at, kept_at, reader_check_at, now,
	        stop_at; /* monotonic ms; stop_at 0: run on */
	bool stop;
	enum cs_err fatal; /* the store may be damaged: end, reopen, verify */
};

uint64_t fresh_random(void);
void alarm_raise(struct replicator *self, enum alarm which, const char *fmt, ...) CS_PRINTF(3, 4);
void alarm_clear(struct replicator *self, enum alarm which);
bool leads(const struct replicator *self); /* and may write */

/* replicator.c: the store and who we are */
CS_MUST enum cs_err replicator_refresh(
        struct replicator *self); /* facts, generation, after any change of the store */
CS_MUST enum cs_err replicator_reload_registry(struct replicator *self);
/* One durable transaction. CS_ENOTPRIMARY, CS_EFULL and others: nothing was written. */
CS_MUST enum cs_err replicator_commit(
        struct replicator *self, const struct state_write *writes, size_t count);
CS_MUST enum cs_err replicator_allegiance(
        struct replicator *self, const struct wire_reign *reign); /* persists; NULL: reads */
void replicator_become_follower(struct replicator *self);
CS_MUST enum cs_err replicator_take_role(
        struct replicator *self); /* at start: leader of the newest reign, or follower */

/* lead.c */
void lead(struct replicator *self, const struct leader_event *event);
void lead_start(struct replicator *self);
void lead_registry(struct replicator *self); /* tells the core who is allowed */
void lead_receive(struct replicator *self); /* drains the server socket */
struct post *post_of(struct replicator *self, const char *name, bool make);
void lead_committed(struct replicator *self, const struct state_write *writes, size_t count);
void lead_keep(
        struct replicator *self); /* best positions and release into the local tables, lazily */
uint64_t lead_best(struct replicator *self, const char *name);

/* follow.c */
void follow(struct replicator *self, struct follower_event event);
void follow_receive(struct replicator *self);
void follow_tick(struct replicator *self);
void follow_upstreams(struct replicator *self);

/* serve.c */
CS_MUST enum cs_err serve_names(
        struct replicator *self); /* what this node must answer for: own and site host names */
void serve_restart(struct replicator *self); /* another past: what was fixed is not published */
void serve_settle(struct replicator *self); /* fixes and publishes views as far as released */

/* members.c */
/* The cluster as the leader sees it, in ARENA; WITH_FACTS: what each node says of its host too. */
CS_MUST enum cs_err members_summary(
        struct replicator *self, bool with_facts, struct cs_arena *arena, struct wire_summary *out);
CS_MUST enum cs_err members_self(
        struct replicator *self, struct cs_arena *arena, struct wire_member *out);
CS_MUST enum cs_err members_facts(
        struct replicator *self, uint64_t tag, struct cs_arena *arena, struct wire_facts *out);

/* local/channels.c: keyd and prober */
void keyd_receive(struct replicator *self);
void prober_receive(struct replicator *self);
void channels_settle(
        struct replicator *self); /* asks keyd and prober for what is due, passes progress on */

/* local/admin.c */
void admin_receive(struct replicator *self);
void admin_commit(struct replicator *self); /* all WRITEs of the turn */
void admin_answer(
        struct replicator *self, uint64_t id, enum cs_err err, const char *text, uint64_t seq);
void admin_forget(struct replicator *self); /* the channel is gone */
void admin_probed(struct replicator *self); /* results of a fresh round are in FACTS */
