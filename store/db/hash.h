/* store/db/hash.h: the hashes of the state store (replication.md R1): payloads, commits, chain,
 * content digest; and the big-endian numbers that they and the keys of LMDB are made of. Pure. */
#pragma once
#include "proto/base/cs.h"
#include "store/db/state.h"

#define HASH_N 32

void put_be32(uint8_t *p, uint32_t v);
void put_be64(uint8_t *p, uint64_t v);
uint32_t get_be32(const uint8_t *p);
uint64_t get_be64(const uint8_t *p);

void hash_sha256(struct cs_bytes data, uint8_t out[HASH_N]);
/* chain(n) = SHA-256(chain(n-1) | history | n | digest(n)); CHAIN is both. */
void hash_chain(uint8_t chain[HASH_N], const uint8_t history[16], uint64_t seq,
        const uint8_t digest[HASH_N]);
/* Commit digest: SHA-256 over (kind, id, tombstone, payload sha256) of COUNT objects in order of
 * their keys. */
void hash_commit(const struct wire_object *const *objects, size_t count, uint8_t out[HASH_N]);
/* HMAC-SHA-256(digest key, kind, id, seq, epoch, tombstone, payload sha256): a summand of the
 * content digest. */
void hash_envelope(const uint8_t key[32], const struct wire_object *object, uint8_t out[HASH_N]);
/* The bucket of an object: the first byte of SHA-256(kind | id). */
unsigned hash_bucket(uint32_t kind, const char *id);
/* SUM +- X mod 2^256. Addition, not XOR: two equal summands do not cancel out. */
void hash_add(uint8_t sum[HASH_N], const uint8_t x[HASH_N]);
void hash_sub(uint8_t sum[HASH_N], const uint8_t x[HASH_N]);
