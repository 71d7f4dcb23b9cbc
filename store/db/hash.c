#include "store/db/hash.h"
#include <string.h>
#include <openssl/sha.h>
#include <sodium.h>

void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

uint32_t get_be32(const uint8_t *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 8 | p[i];
	return v;
}

uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

/* OpenSSL for payloads: several times faster than libsodium's where the CPU has SHA instructions.
 */
void hash_sha256(struct cs_bytes data, uint8_t out[HASH_N])
{
	static const uint8_t nothing;

	SHA256(data.n > 0 ? data.p : &nothing, data.n, out);
}

void hash_chain(uint8_t chain[HASH_N], const uint8_t history[16], uint64_t seq,
        const uint8_t digest[HASH_N])
{
	uint8_t text[HASH_N + 16 + 8 + HASH_N];

	memcpy(text, chain, HASH_N);
	memcpy(text + HASH_N, history, 16);
	put_be64(text + HASH_N + 16, seq);
	memcpy(text + HASH_N + 24, digest, HASH_N);
	hash_sha256((struct cs_bytes){ text, sizeof(text) }, chain);
}

/* kind | length of id | id: no two objects share a text. */
static size_t name_put(uint8_t *p, const struct wire_object *o)
{
	const size_t n = strlen(o->id);

	put_be32(p, o->kind);
	p[4] = (uint8_t)n;
	memcpy(p + 5, o->id, n);
	return 5 + n;
}

static size_t content_put(uint8_t *p, const struct wire_object *o)
{
	p[0] = o->tombstone ? 1 : 0;
	memset(p + 1, 0, HASH_N);
	if (!o->tombstone && o->sha256.n == HASH_N)
		memcpy(p + 1, o->sha256.p, HASH_N);
	return 1 + HASH_N;
}

void hash_commit(const struct wire_object *const *objects, size_t count, uint8_t out[HASH_N])
{
	crypto_hash_sha256_state hash;

	crypto_hash_sha256_init(&hash);
	for (size_t i = 0; i < count; i++) {
		uint8_t text[5 + CS_ID_MAX + 1 + HASH_N];
		size_t n = name_put(text, objects[i]);
		n += content_put(text + n, objects[i]);
		crypto_hash_sha256_update(&hash, text, n);
	}
	crypto_hash_sha256_final(&hash, out);
}

void hash_envelope(const uint8_t key[32], const struct wire_object *object, uint8_t out[HASH_N])
{
	uint8_t text[5 + CS_ID_MAX + 16 + 1 + HASH_N];
	size_t n = name_put(text, object);

	put_be64(text + n, object->seq);
	put_be64(text + n + 8, object->epoch);
	n += 16;
	n += content_put(text + n, object);
	crypto_auth_hmacsha256(out, text, n, key);
}

unsigned hash_bucket(uint32_t kind, const char *id)
{
	uint8_t text[4 + CS_ID_MAX], sum[HASH_N];
	const size_t n = strnlen(id, CS_ID_MAX);

	put_be32(text, kind);
	memcpy(text + 4, id, n);
	hash_sha256((struct cs_bytes){ text, 4 + n }, sum);
	return sum[0];
}

void hash_add(uint8_t sum[HASH_N], const uint8_t x[HASH_N])
{
	unsigned carry = 0;

	for (size_t i = HASH_N; i-- > 0;) {
		carry += (unsigned)sum[i] + x[i];
		sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

void hash_sub(uint8_t sum[HASH_N], const uint8_t x[HASH_N])
{
	int borrow = 0;

	for (size_t i = HASH_N; i-- > 0;) {
		const int v = sum[i] - x[i] - borrow;
		sum[i] = (uint8_t)v;
		borrow = v < 0;
	}
}
