/* tests/sim/store.h: what the simulator keeps in place of store/db: the same contract, small
 * numbers, and a struct that can be copied, so that a disk can be lost, restored and filled. */
#pragma once
#include "replicator/core/leader.h"

enum { NODES = 4, KEYS = 8, KEY_SYNCSET = 6, KEY_FLOOR = 7, BUCKETS = 4, REIGNS = 24 };
enum { LOG_KEPT = 10, PIECE_COMMITS = 3, INBOX = 16 };

struct object {
	uint64_t seq, epoch, value;
	bool there, tombstone;
};
struct commit {
	uint64_t seq, digest, chain;
};
struct reign {
	uint64_t epoch, history, leader, first, parent_seq, parent_chain;
};
struct position {
	uint64_t history, seq, chain;
};
struct reigns {
	struct reign v[REIGNS];
	size_t n;
};
struct content {
	struct object key[KEYS];
};
struct piece {
	uint64_t from, to;
	struct object object[KEYS];
	bool has[KEYS];
	struct commit commit[LOG_KEPT];
	size_t commits;
};
struct mark {
	uint64_t epoch, digest;
	struct position at;
	struct reigns reigns;
};
struct sums {
	uint64_t v[BUCKETS];
};
/* What a comparison stages: LIST for every bucket that differs, then the objects and the log. */
struct comparison {
	bool on;
	unsigned want; /* bit: keys still to GET */
	unsigned lists; /* bit: buckets still to LIST */
	bool want_log;
	struct piece got;
	bool listed[KEYS]; /* the key lies in a bucket that was listed */
	struct object list[KEYS];
};

struct store {
	/* durable */
	struct content content;
	struct position at;
	struct commit log[LOG_KEPT];
	size_t commits;
	struct reigns reigns;
	struct reign allegiance;
	uint64_t floor, lost, best[NODES], kept_released;
	struct position mark; /* seq 0: none */
	bool rotten; /* damaged, and nobody has noticed */
	/* not */
	bool any, full;
	uint64_t cursor;
	struct piece inbox[INBOX];
	size_t pieces;
	struct comparison compare;
};

uint64_t mix(uint64_t a, uint64_t b);
uint64_t digest_of(const struct content *content);
struct sums sums_of(const struct content *content);
bool content_equal(const struct content *a, const struct content *b);
bool reigns_hold_position(const struct reigns *self, uint64_t history, uint64_t seq, uint64_t head);

struct change {
	unsigned key;
	bool tombstone;
	uint64_t value;
};
enum cs_err store_commit(struct store *self, const struct change *changes, size_t count);
void store_begin_reign(struct store *self, const struct reign *reign);
enum state_relation store_relate(const struct store *self, const struct position *at);
void store_piece(const struct store *self, uint64_t from, struct piece *out, bool *closing,
        struct mark *mark);
enum cs_err store_stage(struct store *self, const struct piece *piece);
void store_drop(struct store *self);
enum cs_err store_apply(struct store *self, const struct mark *mark);
void store_apply_bare(struct store *self); /* without the rule MARK: what is staged is the state */
void store_compare(struct store *self, const struct sums *sums, uint64_t at);
enum cs_err store_list(
        struct store *self, unsigned bucket, const struct content *list, uint64_t sum);
/* KEYS: what was asked for; 0: the log. A doubled answer is not another one. */
enum cs_err store_got(struct store *self, const struct piece *got, unsigned keys);
bool store_wants(const struct store *self);
