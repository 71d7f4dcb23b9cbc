/* mint: certificates in bulk for the measurements, all of one key.
 *
 *	mint store DIR COUNT          into the store of a node that is not running, as active
 *bundles whose key nobody can open mint pile DIR LEAVES CAS      DIR/root.pem, DIR/pool.pem (CAS
 *intermediate CAs), DIR/leaf-N.pem, DIR/leaves.pem, for building chains
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "proto/wire/objects.h"
#include "store/db/state.h"
#include "store/pki/cert.h"

#define MAP_SIZE (32ull << 30)
#define SEALED_SIZE 1100 /* as a bundle of a P-256 key and its chain */
#define OBJECTS 40 /* of one commit, half of them bundles: as much as one packet holds */
#define COMMITS 64 /* of one transaction */
#define DAY 86400

#define MUST(ok)                                                                                   \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "mint: %s:%d: %s\n", __FILE__, __LINE__, #ok);             \
			exit(70);                                                                  \
		}                                                                                  \
	} while (0)

struct issuer {
	EVP_PKEY *key;
	X509 *cert; /* NULL: self-signed */
};

static void extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	MUST(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* A certificate of KEY for CN; SAN NULL: a CA. */
static X509 *mint(const struct issuer *by, EVP_PKEY *key, const char *cn, const char *san)
{
	static long serial = 1000;
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509 *issuer = by->cert != NULL ? by->cert : x;

	MUST(X509_set_version(x, 2) == 1 &&
	        ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial) == 1 &&
	        X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&
	        X509_gmtime_adj(X509_getm_notAfter(x), 90L * DAY) != NULL &&
	        X509_NAME_add_entry_by_txt(
	                name, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0) == 1 &&
	        X509_set_pubkey(x, key) == 1);
	MUST(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1);
	if (san == NULL) {
		extension(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
		extension(x, issuer, NID_subject_key_identifier, "hash");
	} else {
		extension(x, issuer, NID_subject_alt_name, san);
	}
	if (by->cert != NULL)
		extension(x, issuer, NID_authority_key_identifier, "keyid");
	MUST(X509_sign(x, by->key, EVP_sha256()) > 0);
	return x;
}

static X509 *mint_leaf(const struct issuer *by, EVP_PKEY *key, long number)
{
	char cn[64], san[64];

	snprintf(cn, sizeof(cn), "bulk %ld", number);
	snprintf(san, sizeof(san), "DNS:n%06ld.bulk.test", number);
	return mint(by, key, cn, san);
}

/* --- into a store --- */

struct batch {
	struct cs_arena *arena;
	struct state_change changes[OBJECTS * COMMITS];
	size_t count;
};

static void put(struct batch *b, uint32_t kind, const char *id, const struct wire_type *type,
        const void *object)
{
	CS_AUTO(cs_buf_free) struct cs_buf bytes = cs_buf_new(CS_OBJECT_MAX);

	MUST(wire_encode(type, object, &bytes) == CS_OK);
	struct state_change *c = &b->changes[b->count++];
	*c = (struct state_change){ .kind = kind, .id = cs_arena_text(b->arena, id, strlen(id)) };
	uint8_t *copy = cs_arena_take(b->arena, bytes.n);
	MUST(copy != NULL && c->id != NULL);
	memcpy(copy, bytes.p, bytes.n);
	c->payload = (struct cs_bytes){ copy, bytes.n };
}

static void put_leaf(struct batch *b, X509 *x, struct cs_bytes ca, const char *name)
{
	static const uint8_t sealed[SEALED_SIZE];
	uint8_t der[CS_DER_MAX], sha256[32], *p = der;
	char id[17];
	const int n = i2d_X509(x, &p);
	const struct wire_bundle bundle = { .version = 1,
		.secret_epoch = 1,
		.leaf = { der, (size_t)n },
		.chain = { &ca, 1 },
		.sealed = { sealed, sizeof(sealed) } };
	const struct wire_certificate life = { .name = name,
		.state = CERT_ACTIVE,
		.generation = 1,
		.replaces = "",
		.replaced_by = "",
		.verdict = "first",
		.imported_at = (uint64_t)time(NULL),
		.activated_at = (uint64_t)time(NULL),
		.imported_by = "bench" };

	MUST(EVP_Digest(der, (size_t)n, sha256, NULL, EVP_sha256(), NULL) == 1);
	pki_cert_id(sha256, id);
	put(b, OBJECT_BUNDLE, id, &wire_bundle_type, &bundle);
	put(b, OBJECT_CERTIFICATE, id, &wire_certificate_type, &life);
	X509_free(x);
}

static void commit(struct state *state, struct batch *b, uint64_t epoch)
{
	struct state_write writes[COMMITS];
	struct state_position position;
	size_t n = 0;

	for (size_t at = 0; at < b->count; at += OBJECTS, n++)
		writes[n] = (struct state_write){ .changes = b->changes + at,
			.count = b->count - at < OBJECTS ? b->count - at : OBJECTS,
			.epoch = epoch,
			.at_ms = (uint64_t)time(NULL) * 1000,
			.actor = "bench" };
	MUST(state_commit(state, writes, n, &position) == CS_OK);
	b->count = 0;
	cs_arena_free(&b->arena);
}

static void fill(struct state *state, const struct issuer *ca, long count)
{
	static struct batch batch;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_reign reign;
	uint8_t ca_der[CS_DER_MAX], *p = ca_der;
	const struct cs_bytes chain = { ca_der, (size_t)i2d_X509(ca->cert, &p) };

	MUST(cs_arena_new(1u << 20, &arena) == CS_OK &&
	        state_allegiance(state, arena, &reign) == CS_OK);
	for (long i = 0; i < count; i++) {
		char name[64];
		if (batch.arena == NULL)
			MUST(cs_arena_new(64u << 20, &batch.arena) == CS_OK);
		snprintf(name, sizeof(name), "bulk %ld", i);
		put_leaf(&batch, mint_leaf(ca, ca->key, i), chain, name);
		if (batch.count == CS_COUNT(batch.changes) || i + 1 == count)
			commit(state, &batch, reign.epoch);
	}
}

static int store(const char *dir, long count)
{
	const struct issuer self = { EVP_EC_gen("P-256"), NULL };
	const struct issuer ca = { self.key, mint(&self, self.key, "Bulk CA", NULL) };
	struct state *state = NULL;

	MUST(state_open(dir, true, false, MAP_SIZE, &state) == CS_OK);
	fill(state, &ca, count);
	state_close(&state);
	X509_free(ca.cert);
	EVP_PKEY_free(self.key);
	return 0;
}

/* --- files for chains --- */

static void write_pem(const char *dir, const char *name, const char *mode, X509 *x)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, mode);
	MUST(f != NULL && PEM_write_X509(f, x) == 1 && fclose(f) == 0);
}

static int pile(const char *dir, long leaves, long cas)
{
	const struct issuer self = { EVP_EC_gen("P-256"), NULL };
	const struct issuer root = { self.key, mint(&self, self.key, "Pile Root", NULL) };
	struct issuer *pool = calloc((size_t)cas, sizeof(*pool));

	MUST(pool != NULL && cas > 0);
	write_pem(dir, "root.pem", "w", root.cert);
	for (long i = 0; i < cas; i++) {
		char cn[64];
		snprintf(cn, sizeof(cn), "Pile CA %ld", i);
		pool[i].key = EVP_EC_gen("P-256");
		pool[i].cert = mint(&root, pool[i].key, cn, NULL);
		write_pem(dir, "pool.pem", "a", pool[i].cert);
	}
	for (long i = 0; i < leaves; i++) {
		char name[64];
		X509 *x = mint_leaf(&pool[i % cas], root.key, i);
		snprintf(name, sizeof(name), "leaf-%ld.pem", i);
		write_pem(dir, name, "w", x);
		X509_free(x);
	}
	for (long i = 0; i < cas; i++) {
		X509_free(pool[i].cert);
		EVP_PKEY_free(pool[i].key);
	}
	free(pool);
	X509_free(root.cert);
	EVP_PKEY_free(self.key);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "store") == 0)
		return store(argv[2], strtol(argv[3], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "pile") == 0)
		return pile(argv[2], strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
	fprintf(stderr, "usage: mint store DIR COUNT | mint pile DIR LEAVES CAS\n");
	return 64;
}
