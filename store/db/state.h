/* store/db/state.h: the environment `state`: everything the cluster owns, and what this node must
 * remember (design 4.1, replication.md R1, R2). One writer (the replicator); keyd reads. Every
 * object is checked against its SHA-256 when read. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/wire/replication.h"

struct state;

/* DIR = STATE_DIR/state. Writer creates it when CREATE. A store of a newer schema is CS_EVERSION,
 * untouched. */
CS_MUST enum cs_err state_open(
        const char *dir, bool writer, bool create, size_t map_size, struct state **out);
void state_close(struct state **self);

/* Fixed-size copies of wire structs that outlive any arena. */
struct state_position {
	uint8_t history[16];
	uint64_t seq; /* 0: nothing yet (history all zero) */
	uint8_t chain[32];
};
struct state_facts {
	struct state_position position;
	uint8_t digest[32]; /* total content digest */
	uint64_t objects, floor, log_from;
	size_t used_bytes;
};
CS_MUST enum cs_err state_facts(struct state *self, struct state_facts *out);

/* --- reading objects; everything returned lives in ARENA --- */
/* CS_ENOTFOUND (also for a tombstone), CS_ECORRUPT. */
CS_MUST enum cs_err state_get(struct state *self, uint32_t kind, const char *id,
        struct cs_arena *arena, struct wire_object *out);
/* Objects of KIND with id > AFTER ("" = from the start), tombstones left out, in order of id; stops
 * when FN returns other than CS_OK and returns that. One read transaction. FN's object is valid
 * inside FN only. */
typedef enum cs_err state_object_fn(void *data, const struct wire_object *object);
CS_MUST enum cs_err state_each(
        struct state *self, uint32_t kind, const char *after, state_object_fn *fn, void *data);
/* Objects with seq > FROM in order of seq, tombstones too, until about MAX_BYTES of payload. *TO =
 * the seq up to which all was given, *HEAD = the head in the same transaction (all given when
 * equal). A commit is never cut unless one commit alone passes MAX_BYTES. */
CS_MUST enum cs_err state_since(struct state *self, uint64_t from, size_t max_bytes,
        struct cs_arena *arena, const struct wire_object **out, size_t *count, uint64_t *to,
        uint64_t *head);

/* Names of all that changed after FROM (kind, id; not its content), in order of seq, tombstones
 * too; *HEAD = the position in the same transaction. FN's id is valid inside FN only. */
typedef enum cs_err state_key_fn(void *data, uint32_t kind, const char *id);
CS_MUST enum cs_err state_keys_since(struct state *self, uint64_t from, state_key_fn *fn,
        void *data, struct state_position *head);

/* --- the leader's side --- */
struct state_change {
	uint32_t kind;
	const char *id;
	bool tombstone;
	struct cs_bytes payload;
};
struct state_write {
	const struct state_change *changes;
	size_t count;
	uint64_t epoch;
	uint8_t request[16]; /* all zero: none */
	uint64_t at_ms;
	const char *actor;
};
/* Writes each element as one commit (seq + 1 each) in ONE durable transaction (group commit). The
 * history is that of the newest reign. On error nothing was written: CS_EFULL, CS_EIO (reopen and
 * verify; never retry the fsync), CS_ENOMEM. *OUT = the new position. */
CS_MUST enum cs_err state_commit(struct state *self, const struct state_write *writes, size_t count,
        struct state_position *out);
/* Opens a reign: appends it to `reigns`, sets the allegiance; the next commit belongs to its
 * history. Durable. */
CS_MUST enum cs_err state_begin_reign(struct state *self, const struct wire_reign *reign);
/* The seq of the commit with this request id, if it is still in `commits`: CS_OK or CS_ENOTFOUND.
 */
CS_MUST enum cs_err state_find_request(
        struct state *self, const uint8_t request[16], uint64_t *seq);

/* What a follower at FROM lacks: objects and commits in (FROM, to], up to about MAX_BYTES. Fills
 * from, to, objects, commits of *OUT (arena). *CLOSING: to = head in this transaction; *MARK then
 * has position, reigns and digest of that head (signature left empty). */
CS_MUST enum cs_err state_piece(struct state *self, uint64_t from, size_t max_bytes,
        struct cs_arena *arena, struct wire_piece *out, bool *closing, struct wire_mark *mark);
/* For HELLO: (history, seq, chain) is a prefix of this store whose commit is still in `commits` and
 * not below the floor. */
enum state_relation { STATE_PREFIX, STATE_OWN_HISTORY_NO_PREFIX, STATE_OTHER };
CS_MUST enum cs_err state_relate(
        struct state *self, const struct wire_position *position, enum state_relation *out);

/* --- the follower's side --- */
/* Adds a piece to `inbox` (CS_ECONFLICT when it does not start at the staged cursor; CS_ECORRUPT
 * when a payload does not match its SHA-256). */
CS_MUST enum cs_err state_stage(struct state *self, const struct wire_piece *piece);
CS_MUST enum cs_err state_staged(struct state *self, uint64_t *cursor,
        bool *any); /* cursor = position when nothing is staged */
CS_MUST enum cs_err state_inbox_drop(struct state *self);
/* R2: merges the inbox, checks chain and digest, writes objects, by_seq, commits, reigns, position,
 * in ONE durable transaction, or changes nothing: CS_ECONFLICT (cursor, history), CS_ECORRUPT
 * (chain or digest). The mark itself is kept for state_mark. Signature: the caller's. */
CS_MUST enum cs_err state_apply_mark(
        struct state *self, const struct wire_mark *mark, struct cs_bytes encoded);
/* The encoded MARK of the position; empty before the first. */
CS_MUST enum cs_err state_mark(struct state *self, struct cs_arena *arena, struct cs_bytes *out);
CS_MUST enum cs_err state_reigns(
        struct state *self, struct cs_arena *arena, const struct wire_reign **out, size_t *count);

/* --- what only this node knows: not replicated --- */
/* Allegiance: the highest reign ever seen; CS_ENOTFOUND before the first. Setting a lower epoch is
 * CS_EBUG. */
CS_MUST enum cs_err state_allegiance(
        struct state *self, struct cs_arena *arena, struct wire_reign *out);
CS_MUST enum cs_err state_set_allegiance(struct state *self, const struct wire_reign *reign);
/* Small values by table and key, durable. Tables: */
enum state_local {
	LOCAL_META = 1,
	LOCAL_TOKENS = 2,
	LOCAL_PEERS = 3,
	LOCAL_KEYS = 4 /* wrapped key numbers by bundle id; derived */
};
CS_MUST enum cs_err state_local_get(struct state *self, enum state_local table, const char *key,
        struct cs_buf *out); /* appends; CS_ENOTFOUND */
CS_MUST enum cs_err state_local_put(struct state *self, enum state_local table, const char *key,
        struct cs_bytes value); /* empty: removes */
struct state_pair {
	const char *key;
	struct cs_bytes value;
};
/* Several at once, one transaction. */
CS_MUST enum cs_err state_local_put_all(
        struct state *self, enum state_local table, const struct state_pair *pairs, size_t count);
typedef enum cs_err state_pair_fn(void *data, const char *key, struct cs_bytes value);
CS_MUST enum cs_err state_local_each(
        struct state *self, enum state_local table, state_pair_fn *fn, void *data);

/* Meta keys that others rely on: "cluster" (16 bytes), "digest-key" (32), "node" (name), "role"
 * (text). state_create writes them: */
CS_MUST enum cs_err state_create(const char *dir, size_t map_size, const uint8_t cluster[16],
        const uint8_t digest_key[32], const char *node,
        struct state **out); /* CS_EEXISTS when DIR holds a store */
/* Recomputes every SHA-256, by_seq and the digest; CS_ECORRUPT names what in the log. */
CS_MUST enum cs_err state_verify(struct state *self);
unsigned state_reader_check(struct state *self);
