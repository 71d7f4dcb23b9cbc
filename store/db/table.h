/* store/db/table.h: the tables of `state`, their transactions and records; seen in this room alone.
 *
 *	head      name -> value | check: schema, position, floor, digest, allegiance, mark
 *	objects   kind | id -> seq | epoch | tombstone | sha256 | check | payload
 *	by_seq    seq | kind | id -> tombstone: only the newest version of each object
 *	commits   seq -> digest | chain | request | at_ms | actor: the newest 10,000
 *	requests  request id -> seq, as long as its commit is there
 *	reigns    epoch -> reign record
 *	buckets   byte -> sum: the 256 parts of the content digest
 *	inbox     n -> piece: what does not fit into memory before its MARK
 *	meta, tokens, peers, keys: this node's own
 *
 * Numbers are big-endian, so that the order of keys is that of numbers. Both checks catch flipped
 * bits outside the payload, which has its SHA-256 (LMDB 0.9.24 has no checksums). */
#pragma once
#include <lmdb.h>
#include "store/db/env.h"
#include "store/db/hash.h"
#include "store/db/inbox.h"
#include "store/db/state.h"

enum table {
	T_HEAD,
	T_OBJECTS,
	T_BY_SEQ,
	T_COMMITS,
	T_REQUESTS,
	T_REIGNS,
	T_BUCKETS,
	T_INBOX,
	T_META,
	T_TOKENS,
	T_PEERS,
	T_KEYS,
	T_COUNT
};

#define STATE_SCHEMA 1u
#define COMMITS_KEPT 10000u
#define COMMIT_BYTES_MAX                                                                           \
	(CS_MESSAGE_MAX * 3u / 4u) /* a commit must fit into one PIECE on the wire */
#define REIGN_MAX 512 /* one encoded record */

struct state {
	MDB_env *env;
	MDB_dbi table[T_COUNT];
	char *dir;
	bool writer;
	bool broken; /* a commit failed in the disk: no more writes before a reopen (design 4.1) */
	bool has_key;
	uint8_t digest_key[32];
	struct inbox inbox;
};

/* --- transactions; CS_AUTO(txn_abort) ends what was not committed --- */
CS_MUST enum cs_err txn_read(struct state *self, MDB_txn **out);
CS_MUST enum cs_err txn_write(struct state *self, MDB_txn **out);
CS_MUST enum cs_err txn_commit(struct state *self, MDB_txn **txn);
void txn_abort(MDB_txn **txn);
void cursor_close(MDB_cursor **cursor);
CS_MUST enum cs_err cursor_open(
        struct state *self, MDB_txn *txn, enum table table, MDB_cursor **out);

MDB_val val_of(const void *p, size_t n);
CS_MUST enum cs_err table_get(
        struct state *self, MDB_txn *txn, enum table table, MDB_val key, MDB_val *out);
CS_MUST enum cs_err table_put(
        struct state *self, MDB_txn *txn, enum table table, MDB_val key, MDB_val value);
CS_MUST enum cs_err table_del(
        struct state *self, MDB_txn *txn, enum table table, MDB_val key); /* absent: CS_OK */
CS_MUST enum cs_err table_clear(struct state *self, MDB_txn *txn, enum table table);
CS_MUST enum cs_err table_count(struct state *self, MDB_txn *txn, enum table table, size_t *out);

/* --- head --- */
/* The value without its check, valid in TXN; CS_ENOTFOUND, CS_ECORRUPT. */
CS_MUST enum cs_err head_get(
        struct state *self, MDB_txn *txn, const char *name, struct cs_bytes *out);
CS_MUST enum cs_err head_put(
        struct state *self, MDB_txn *txn, const char *name, struct cs_bytes value);
CS_MUST enum cs_err head_position(
        struct state *self, MDB_txn *txn, struct state_position *out); /* zeros if none */
CS_MUST enum cs_err head_put_position(
        struct state *self, MDB_txn *txn, const struct state_position *position);
CS_MUST enum cs_err head_number(
        struct state *self, MDB_txn *txn, const char *name, uint64_t *out); /* 0 if none */
CS_MUST enum cs_err head_put_number(
        struct state *self, MDB_txn *txn, const char *name, uint64_t value);

/* --- object records --- */
#define OBJECT_CHECK 16
#define OBJECT_HEAD (8 + 8 + 1 + HASH_N + OBJECT_CHECK)
struct object_key {
	uint8_t bytes[4 + CS_ID_MAX];
	size_t n;
};
struct object_key object_key_of(uint32_t kind, const char *id);
MDB_val object_key_val(const struct object_key *key);
/* What KEY names: *KIND, ID (CS_ID_MAX + 1 bytes). CS_ECORRUPT. */
CS_MUST enum cs_err object_key_read(MDB_val key, uint32_t *kind, char *id);
/* The record under (kind, id) as an object whose views live in TXN; envelope checked, payload not.
 * ID must outlive OUT. */
CS_MUST enum cs_err object_read(
        struct state *self, uint32_t kind, const char *id, MDB_val record, struct wire_object *out);
CS_MUST enum cs_err object_check_payload(const struct wire_object *object); /* CS_ECORRUPT */
/* A copy into ARENA. */
CS_MUST enum cs_err object_copy(
        const struct wire_object *object, struct cs_arena *arena, struct wire_object *out);

/* --- commits --- */
CS_MUST enum cs_err commit_get(struct state *self, MDB_txn *txn, uint64_t seq,
        struct cs_arena *arena, struct wire_commit *out);
CS_MUST enum cs_err commit_read(
        uint64_t seq, MDB_val record, struct cs_arena *arena, struct wire_commit *out);
CS_MUST enum cs_err commit_put(struct state *self, MDB_txn *txn, const struct wire_commit *commit);
CS_MUST enum cs_err commit_trim(struct state *self, MDB_txn *txn); /* keeps COMMITS_KEPT */
CS_MUST enum cs_err commit_log_from(struct state *self, MDB_txn *txn, uint64_t *out);

/* --- reigns --- */
struct reigns {
	const struct wire_reign *v;
	size_t n;
};
CS_MUST enum cs_err reigns_read(
        struct state *self, MDB_txn *txn, struct cs_arena *arena, struct reigns *out);
CS_MUST enum cs_err reigns_put(struct state *self, MDB_txn *txn, const struct wire_reign *reign);
/* The reign that the commit SEQ belongs to, NULL before the first. */
const struct wire_reign *reigns_of_seq(const struct reigns *reigns, uint64_t seq);
/* (history, seq) lies on this line: first(h) <= seq <= last(h); HEAD bounds the newest. */
bool reigns_hold(const struct reigns *reigns, struct cs_bytes history, uint64_t seq, uint64_t head);
CS_MUST enum cs_err allegiance_read(
        struct state *self, MDB_txn *txn, struct cs_arena *arena, struct wire_reign *out);

/* --- writing objects: a write transaction with the content digest, kept up in memory until its end
 * --- */
struct change {
	struct state *state;
	MDB_txn *txn;
	struct state_position position;
	uint64_t floor, live;
	uint8_t total[HASH_N];
	uint8_t bucket[256][HASH_N];
	bool loaded[256], dirty[256];
};
CS_MUST enum cs_err change_begin(struct state *self, struct change *out);
/* Puts OBJECT in place of its older version; CS_ECORRUPT when the one there is damaged or not
 * older. */
CS_MUST enum cs_err change_put(struct change *self, const struct wire_object *object);
/* Drops tombstones with seq <= FLOOR; a lower floor than the present one does nothing. */
CS_MUST enum cs_err change_floor(struct change *self, uint64_t floor);
CS_MUST enum cs_err floor_of(
        const struct wire_object *object, uint64_t *out); /* CS_ENOTFOUND: it is no floor */
CS_MUST enum cs_err change_commit(
        struct change *self); /* position, floor, digest, then the transaction */
void change_abort(struct change *self);
