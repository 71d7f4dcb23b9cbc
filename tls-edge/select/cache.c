#include "tls-edge/select/cache.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include "proto/base/limits.h"
#include "tls-edge/provider/provider.h"
#include "tls-edge/select/lru.h"

struct cert_item {
	struct lru_item link; /* first: an lru_item of certs is a cert_item */
	struct cache_cert cert;
};
struct name_item {
	struct lru_item link;
	struct serving_pick pick;
	uint8_t can_verify;
	uint8_t n;
	uint8_t name[]; /* lower case */
};
struct cache {
	struct lru certs, names;
};

enum cs_err cache_new(size_t certs, size_t names, struct cache **out)
{
	CS_AUTO(cache_free) struct cache *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	CS_TRY(lru_init(&self->certs, certs));
	CS_TRY(lru_init(&self->names, names));
	*out = CS_STEAL(self);
	return CS_OK;
}

/* FNV-1a: names here were found in the store, so no stranger chooses what meets in a bucket. */
static uint64_t hash_of(const uint8_t *p, size_t n, uint64_t seed)
{
	uint64_t h = 14695981039346656037u ^ seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h ^ h >> 32;
}

static void cert_free(struct cert_item *item)
{
	if (item == NULL)
		return;
	X509_free(item->cert.leaf);
	sk_X509_pop_free(item->cert.chain, X509_free);
	EVP_PKEY_free(item->cert.key);
	free(item);
}

static uint64_t cert_hash(const struct serving_pick *pick)
{
	return hash_of((const uint8_t *)pick->id, strlen(pick->id), pick->issuers);
}

const struct cache_cert *cache_find(struct cache *self, const struct serving_pick *pick)
{
	for (struct lru_item *i = lru_first(&self->certs, cert_hash(pick)); i != NULL;
	        i = i->chain) {
		struct cert_item *item = (struct cert_item *)i;
		if (strcmp(item->cert.id, pick->id) != 0 || item->cert.issuers != pick->issuers)
			continue;
		lru_touch(&self->certs, i);
		return &item->cert;
	}
	return NULL;
}

static X509 *parse(struct cs_bytes der)
{
	const uint8_t *p = der.p;
	X509 *x509 = der.n <= CS_DER_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;

	if (x509 == NULL || p == der.p + der.n)
		return x509;
	X509_free(x509);
	return NULL;
}

static enum cs_err parse_all(struct cache_cert *self, const struct serving_cert *cert)
{
	self->leaf = parse(cert->leaf);
	self->chain = sk_X509_new_null();
	if (self->leaf == NULL || X509_get0_pubkey(self->leaf) == NULL)
		return CS_EMALFORMED;
	if (self->chain == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < cert->chain_count; i++) {
		X509 *x509 = parse(cert->chain[i]);
		if (x509 == NULL)
			return CS_EMALFORMED;
		if (sk_X509_push(self->chain, x509) > 0)
			continue;
		X509_free(x509);
		return CS_ENOMEM;
	}
	return provider_key(X509_get0_pubkey(self->leaf), self->id, &self->key);
}

enum cs_err cache_add(struct cache *self, const struct serving_pick *pick,
        const struct serving_cert *cert, const struct cache_cert **out)
{
	struct cert_item *item = calloc(1, sizeof(*item));

	*out = NULL;
	if (item == NULL)
		return CS_ENOMEM;
	enum cs_err rc = CS_EBUG;
	if (strlen(pick->id) < sizeof(item->cert.id)) {
		memcpy(item->cert.id, pick->id, strlen(pick->id) + 1);
		item->cert.issuers = pick->issuers;
		rc = parse_all(&item->cert, cert);
	}
	ERR_clear_error();
	if (rc != CS_OK) {
		cert_free(item);
		return rc;
	}
	cert_free((struct cert_item *)lru_add(&self->certs, cert_hash(pick), &item->link));
	*out = &item->cert;
	return CS_OK;
}

static size_t lower(struct cs_bytes name, uint8_t out[CS_NAME_MAX + 2])
{
	size_t n = name.n <= CS_NAME_MAX + 1 ? name.n : 0;

	for (size_t i = 0; i < n; i++)
		out[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (uint8_t)(name.p[i] | 0x20)
		                                              : name.p[i];
	if (n > 0 && out[n - 1] == '.')
		n--;
	return n;
}

static struct name_item *find_name(
        struct cache *self, const uint8_t *name, size_t n, unsigned can_verify, uint64_t hash)
{
	for (struct lru_item *i = lru_first(&self->names, hash); i != NULL; i = i->chain) {
		struct name_item *item = (struct name_item *)i;
		if (item->n == n && item->can_verify == can_verify &&
		        memcmp(item->name, name, n) == 0)
			return item;
	}
	return NULL;
}

void cache_remember(struct cache *self, struct cs_bytes raw, unsigned can_verify,
        const struct serving_pick *pick)
{
	uint8_t name[CS_NAME_MAX + 2];
	const size_t n = lower(raw, name);
	const uint64_t hash = hash_of(name, n, can_verify);

	if (n == 0)
		return;
	struct name_item *item = find_name(self, name, n, can_verify, hash);
	if (item != NULL) {
		item->pick = *pick;
		lru_touch(&self->names, &item->link);
		return;
	}
	item = malloc(sizeof(*item) + n);
	if (item == NULL) /* only the memory for bad times is poorer */
		return;
	item->pick = *pick;
	item->can_verify = (uint8_t)can_verify;
	item->n = (uint8_t)n;
	memcpy(item->name, name, n);
	free(lru_add(&self->names, hash, &item->link));
}

enum cs_err cache_recall(
        struct cache *self, struct cs_bytes raw, unsigned can_verify, struct serving_pick *out)
{
	uint8_t name[CS_NAME_MAX + 2];
	const size_t n = lower(raw, name);
	const struct name_item *item =
	        find_name(self, name, n, can_verify, hash_of(name, n, can_verify));

	if (n == 0 || item == NULL)
		return CS_ENOTFOUND;
	*out = item->pick;
	return CS_OK;
}

void cache_free(struct cache **self)
{
	struct lru_item *item;

	if (*self == NULL)
		return;
	while ((*self)->certs.count > 0)
		cert_free((struct cert_item *)lru_pop(&(*self)->certs));
	while ((*self)->names.count > 0) {
		item = lru_pop(&(*self)->names);
		free(item);
	}
	lru_done(&(*self)->certs);
	lru_done(&(*self)->names);
	free(*self);
	*self = NULL;
}
