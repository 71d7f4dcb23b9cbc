/* The path builder beside OpenSSL's verifier: a chain that ours calls complete satisfies
 * X509_verify_cert when given exactly that chain. Input: PEM certificates, or DER ones one after
 * the other; the first is the leaf. The first byte picks the rules. Key identifiers are hints to
 * us, so they are left out of the comparison. */
#include <stdlib.h>
#include <openssl/x509_vfy.h>
#include "store/pki/ossl.h"
#include "store/pki/path.h"
#include "store/pki/pem_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CERTS_MAX 24

struct input {
	struct cs_bytes v[CERTS_MAX];
	size_t n;
};

static X509 *parsed(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	if (x == NULL || p != der.p + der.n)
		abort(); /* the builder read it */
	return x;
}

/* The one after it in the chain, whatever the identifiers say. */
static int next_one(X509_STORE_CTX *ctx, X509 *x, X509 *issuer)
{
	(void)ctx;
	return X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) == 0 &&
	       X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

static bool theirs(const struct path *path, int64_t at)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	X509 *x[CS_CHAIN_MAX + 1];

	for (size_t i = 0; i < path->count; i++)
		x[i] = parsed(path->certs[i]);
	for (size_t i = 1; i + 1 < path->count; i++)
		sk_X509_push(between, x[i]);
	X509_STORE_set_check_issued(store, next_one);
	X509_STORE_add_cert(store, x[path->count - 1]);
	X509_STORE_CTX_init(ctx, store, x[0], between);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)at);
	const bool good = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(between);
	for (size_t i = 0; i < path->count; i++)
		X509_free(x[i]);
	return good;
}

static enum cs_err take(void *data, struct cs_bytes der)
{
	struct input *self = data;
	uint8_t *copy = self->n < CERTS_MAX && der.n > 0 ? malloc(der.n) : NULL;

	if (copy == NULL)
		return CS_OK;
	for (size_t i = 0; i < der.n; i++)
		copy[i] = der.p[i];
	self->v[self->n++] = (struct cs_bytes){ copy, der.n };
	return CS_OK;
}

static void split(struct cs_bytes in, struct input *out)
{
	while (in.n > 4 && in.p[0] == 0x30 && in.p[1] == 0x82) {
		const size_t n = 4 + (((size_t)in.p[2] << 8) | in.p[3]);
		if (n > in.n)
			return;
		(void)take(out, (struct cs_bytes){ in.p, n });
		in = (struct cs_bytes){ in.p + n, in.n - n };
	}
}

/* In the middle of the leaf's days, so that time is no obstacle. */
static int64_t middle(struct cs_bytes leaf)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	if (pki_cert_read(leaf, &cert) != CS_OK)
		return 0;
	return cert->not_before / 2 + cert->not_after / 2;
}

static void judge(const struct input *in, bool anchors, bool self_signed)
{
	CS_AUTO(path_pool_free) struct path_pool *pool = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct path_rules rules = { middle(in->v[0]), self_signed };
	struct path path;

	if (path_pool_new(&pool) != CS_OK || cs_arena_new(1 << 20, &arena) != CS_OK)
		return;
	for (size_t i = 1; i < in->n; i++)
		if (path_pool_add(pool, in->v[i], anchors && i + 1 == in->n) == CS_ENOMEM)
			return;
	if (path_build(&pool, 1, in->v[0], &rules, arena, &path) != CS_OK)
		return;
	if (path.count == 0 || path.count > CS_CHAIN_MAX + 1)
		abort();
	if (path.complete != (path.reason[0] == '\0'))
		abort();
	if (path.complete && !theirs(&path, rules.at))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .n = 0 };

	if (size < 2)
		return 0;
	const struct cs_bytes rest = { data + 1, size - 1 };
	split(rest, &in);
	if (in.n == 0)
		(void)!pem_list(rest, take, &in); /* those before a fault count */
	if (in.n > 0)
		judge(&in, (data[0] & 1) != 0, (data[0] & 2) != 0);
	for (size_t i = 0; i < in.n; i++)
		free((void *)(uintptr_t)in.v[i].p);
	return 0;
}
