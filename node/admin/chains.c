#include "node/admin/chains.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/sha.h>
#include "node/admin/admin.h"
#include "store/pki/trust_store.h"

struct chains {
	struct trust_store system;
	struct path_pool *pool, *roots;
	uint64_t version; /* of the mirror's CA certificates that POOL has */
	pthread_mutex_t lock; /* of REST alone; the mirror's guards all else */
	struct chains_rest rest;
};

struct chains_rest chains_rest(struct chains *self)
{
	pthread_mutex_lock(&self->lock);
	const struct chains_rest rest = self->rest;
	pthread_mutex_unlock(&self->lock);
	return rest;
}

void chains_set_rest(struct chains *self, const struct chains_rest *rest)
{
	pthread_mutex_lock(&self->lock);
	self->rest = *rest;
	pthread_mutex_unlock(&self->lock);
}

enum cs_err chains_new(struct chains **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return CS_ENOMEM;
	pthread_mutex_init(&(*out)->lock, NULL);
	return CS_OK;
}

/* --- the pools --- */

enum cs_err chains_add(struct cs_bytes der, struct path_pool *pool, struct path_pool *roots)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	if (path_pool_add(pool, der, false) == CS_ENOMEM)
		return CS_ENOMEM;
	if (pki_cert_read(der, &cert) == CS_OK && cert->self_signed)
		return path_pool_add(roots, der, true) == CS_ENOMEM ? CS_ENOMEM : CS_OK;
	return CS_OK;
}

static enum cs_err refresh_pool(struct chains *self, struct mirror *mirror)
{
	CS_AUTO(path_pool_free) struct path_pool *pool = NULL, *roots = NULL;
	const uint64_t version = mirror_version(mirror, OBJECT_CA);
	size_t n;

	if (self->pool != NULL && self->version == version)
		return CS_OK;
	CS_TRY(path_pool_new(&pool));
	CS_TRY(path_pool_new(&roots));
	const struct mirror_object *const *all = mirror_all(mirror, OBJECT_CA, &n);
	for (size_t i = 0; i < n; i++)
		CS_TRY(chains_add(((const struct wire_ca *)all[i]->body)->der, pool, roots));
	path_pool_free(&self->pool);
	path_pool_free(&self->roots);
	self->pool = CS_STEAL(pool);
	self->roots = CS_STEAL(roots);
	self->version = version;
	return CS_OK;
}

enum cs_err chains_open(struct call *call, struct chains_scope *out)
{
	struct chains *self = admin_chains(call->admin);

	*out = (struct chains_scope){ .mirror = call->mirror, .now = call->now };
	CS_TRY(trust_store_read(
	        &self->system, NULL)); /* without it the cluster's own roots count */
	CS_TRY(refresh_pool(self, call->mirror));
	out->system = self->system.roots;
	out->pool = self->pool;
	out->roots = self->roots;
	CS_TRY(path_pool_new(&out->added));
	return path_pool_new(&out->added_roots);
}

void chains_close(struct chains_scope *self)
{
	path_pool_free(&self->added);
	path_pool_free(&self->added_roots);
}

/* --- the ways --- */

static enum cs_err copy_way(struct path *path, struct cs_arena *arena)
{
	for (size_t i = 0; i < path->count; i++) {
		const struct cs_bytes from = path->certs[i];
		path->certs[i].p =
		        (const uint8_t *)cs_arena_text(arena, (const char *)from.p, from.n);
		if (path->certs[i].p == NULL)
			return CS_ENOMEM;
	}
	return CS_OK;
}

/* The chain of a certificate is resolved also before its first day, and after its last. */
static int64_t time_for(const struct pki_cert *leaf, int64_t now)
{
	if (now < leaf->not_before)
		return leaf->not_before;
	return now > leaf->not_after ? leaf->not_after : now;
}

static enum cs_err pool_of(struct wire_blobs with, struct path_pool **out)
{
	CS_TRY(path_pool_new(out));
	for (size_t i = 0; i < with.n; i++)
		if (path_pool_add(*out, with.v[i], false) == CS_ENOMEM)
			return CS_ENOMEM;
	return CS_OK;
}

enum cs_err chains_way(const struct chains_scope *scope, const struct pki_cert *leaf,
        struct wire_blobs with, struct cs_arena *arena, struct path *out)
{
	CS_AUTO(path_pool_free) struct path_pool *own = NULL;
	struct path_rules rules = { .at = time_for(leaf, scope->now) };

	CS_TRY(pool_of(with, &own));
	struct path_pool *const pools[] = { scope->system, scope->pool, scope->added, own };
	CS_TRY(path_build(pools, CS_COUNT(pools), leaf->der, &rules, arena, out));
	rules.self_signed = true;
	if (!out->complete)
		CS_TRY(path_build(pools, CS_COUNT(pools), leaf->der, &rules, arena, out));
	return copy_way(out, arena);
}

enum cs_err chains_judge(const struct chains_scope *scope, const struct pki_cert *leaf,
        struct wire_blobs issuers, struct cs_arena *arena, struct path *out)
{
	const struct chains_scope roots = { .system = scope->system,
		.pool = scope->roots,
		.added = scope->added_roots,
		.now = scope->now };

	return chains_way(&roots, leaf, issuers, arena, out);
}

enum cs_err chains_arrange(const struct pki_cert *leaf, struct wire_blobs given, int64_t now,
        struct cs_arena *arena, struct path *out)
{
	CS_AUTO(path_pool_free) struct path_pool *pool = NULL;
	const struct path_rules rules = { .at = time_for(leaf, now), .self_signed = true };

	CS_TRY(pool_of(given, &pool));
	struct path_pool *const pools[] = { pool };
	CS_TRY(path_build(pools, 1, leaf->der, &rules, arena, out));
	CS_TRY(copy_way(out, arena));
	return out->count == given.n + 1 ? CS_OK : CS_EMISMATCH;
}

/* --- what is chosen --- */

const struct wire_chain *chains_choice(const struct mirror *mirror, const char *id)
{
	const struct mirror_object *object = mirror_get(mirror, OBJECT_CHAIN, id);

	return object != NULL ? object->body : NULL;
}

static bool has_sum(struct cs_bytes der, struct cs_bytes sum)
{
	uint8_t own[SHA256_DIGEST_LENGTH];

	SHA256(der.p, der.n, own);
	return cs_bytes_equal((struct cs_bytes){ own, sizeof(own) }, sum);
}

/* The certificate that SUM stands for; empty when it is not here. */
static struct cs_bytes found_by(
        const struct mirror *mirror, struct wire_blobs own, struct cs_bytes sum)
{
	char id[17];

	for (size_t i = 0; i < own.n; i++)
		if (has_sum(own.v[i], sum))
			return own.v[i];
	pki_cert_id(sum.p, id);
	const struct mirror_object *object = mirror_get(mirror, OBJECT_CA, id);
	const struct wire_ca *ca = object != NULL ? object->body : NULL;
	return ca != NULL && has_sum(ca->der, sum) ? ca->der : (struct cs_bytes){ NULL, 0 };
}

enum cs_err chains_issuers(const struct mirror *mirror, const struct wire_chain *choice,
        const struct wire_bundle *bundle, struct cs_arena *arena, struct wire_blobs *out)
{
	size_t n = 0;

	*out = bundle->chain;
	if (choice == NULL || choice->own)
		return CS_OK;
	struct cs_bytes *v = cs_arena_take(arena, (choice->issuers.n + 1) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < choice->issuers.n; i++) {
		const struct cs_bytes given = choice->issuers.v[i];
		v[n] = given.n != SHA256_DIGEST_LENGTH ? given
		                                       : found_by(mirror, bundle->chain, given);
		n += v[n].n > 0;
	}
	*out = (struct wire_blobs){ v, n };
	return CS_OK;
}

enum cs_err chains_of(const struct mirror *mirror, const char *id, const struct wire_bundle *bundle,
        struct cs_arena *arena, struct wire_blobs *out)
{
	return chains_issuers(mirror, chains_choice(mirror, id), bundle, arena, out);
}

static bool same_chain(const struct path *path, struct wire_blobs own)
{
	for (size_t i = 0; i < own.n; i++)
		if (i + 1 >= path->count || !cs_bytes_equal(path->certs[i + 1], own.v[i]))
			return false;
	return path->count == own.n + 1;
}

/* A certificate as a chain object has it: by fingerprint when the cluster holds it. */
static enum cs_err put_issuer(const struct chains_scope *scope, struct wire_blobs own,
        const struct pki_cert *cert, struct cs_arena *arena, struct cs_bytes *out)
{
	const struct cs_bytes sum = { cert->sha256, SHA256_DIGEST_LENGTH };
	const bool foreign = path_pool_has(scope->system, cert->sha256) &&
	                     found_by(scope->mirror, own, sum).n == 0;
	const struct cs_bytes kept = foreign ? cert->der : sum;

	out->p = (const uint8_t *)cs_arena_text(arena, (const char *)kept.p, kept.n);
	out->n = kept.n;
	return out->p != NULL ? CS_OK : CS_ENOMEM;
}

/* Self-signed certificates stay out: they are never served. */
static enum cs_err put_way(const struct chains_scope *scope, const struct path *path,
        struct wire_blobs own, struct cs_arena *arena, struct wire_chain *out)
{
	struct cs_bytes *v = cs_arena_take(arena, (path->count + 1) * sizeof(*v));
	size_t n = 0;

	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 1; i < path->count; i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
		if (pki_cert_read(path->certs[i], &cert) == CS_OK && !cert->self_signed)
			CS_TRY(put_issuer(scope, own, cert, arena, &v[n++]));
	}
	out->issuers = (struct wire_blobs){ v, n };
	return CS_OK;
}

enum cs_err chains_resolve(const struct chains_scope *scope, const struct pki_cert *leaf,
        const struct wire_bundle *bundle, uint32_t mode, struct cs_arena *arena,
        struct wire_chain *out)
{
	struct path path;

	*out = (struct wire_chain){ .mode = CHAIN_CURRENT, .own = true, .actor = "" };
	if (mode == CHAIN_CURRENT)
		return CS_OK;
	CS_TRY(chains_way(scope, leaf, bundle->chain, arena, &path));
	if (mode == 0 && !path.complete)
		return CS_OK;
	out->mode = CHAIN_AUTOMATIC;
	out->own = same_chain(&path, bundle->chain) ||
	           (!path.complete && path.count <= bundle->chain.n + 1);
	return out->own ? CS_OK : put_way(scope, &path, bundle->chain, arena, out);
}
