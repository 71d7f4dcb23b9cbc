#include <string.h>
#include "proto/base/limits.h"
#include "store/pki/intake_parts.h"

static X509 *x509_of(const struct pki_cert *cert)
{
	const uint8_t *p = cert->der.p;

	return d2i_X509(NULL, &p, (long)cert->der.n);
}

/* By name and by signature: several CAs may bear one name. */
static bool issued_by(const struct pki_cert *cert, const struct pki_cert *issuer)
{
	if (!cs_bytes_equal(cert->issuer_der, issuer->subject_der))
		return false;
	if (cert->aki.n > 0 && issuer->ski.n > 0 && !cs_bytes_equal(cert->aki, issuer->ski))
		return false;
	CS_AUTO(ossl_x509_free) X509 *below = x509_of(cert);
	CS_AUTO(ossl_x509_free) X509 *above = x509_of(issuer);
	EVP_PKEY *key = above != NULL ? X509_get0_pubkey(above) : NULL;
	return below != NULL && key != NULL && X509_verify(below, key) == 1;
}

/* Of two issuers with the same key: a root ends the chain, and a longer life is better. */
static bool better(const struct pki_cert *a, const struct pki_cert *b)
{
	if (b == NULL)
		return true;
	if (a->self_signed != b->self_signed)
		return a->self_signed;
	return a->not_after > b->not_after;
}

static bool among(const struct pki_cert *cert, const struct cs_bytes *chain, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cs_bytes_equal(cert->der, chain[i]))
			return true;
	return false;
}

static const struct pki_cert *issuer_of(const struct intake *self, const struct pki_cert *cert,
        const struct cs_bytes *chain, size_t n)
{
	const struct pki_cert *best = NULL;

	for (size_t i = 0; i < self->cert_count; i++) {
		const struct pki_cert *other = self->certs[i];
		if (other == cert || among(other, chain, n) || !better(other, best))
			continue;
		if (issued_by(cert, other))
			best = other;
	}
	return best;
}

static enum cs_err build_chain(struct intake *self, struct intake_pair *pair)
{
	struct cs_bytes *chain = cs_arena_take(self->arena, CS_CHAIN_MAX * sizeof(*chain));
	const struct pki_cert *last = pair->leaf;

	if (chain == NULL)
		return CS_ENOMEM;
	pair->chain = chain;
	while (!last->self_signed && pair->chain_count < CS_CHAIN_MAX) {
		const struct pki_cert *next = issuer_of(self, last, chain, pair->chain_count);
		if (next == NULL)
			break;
		chain[pair->chain_count++] = next->der;
		last = next;
	}
	pair->chain_complete = last->self_signed;
	return CS_OK;
}

static struct intake_key *key_of(const struct intake *self, const struct pki_cert *cert)
{
	CS_AUTO(ossl_x509_free) X509 *x = x509_of(cert);
	EVP_PKEY *public = x != NULL ? X509_get0_pubkey(x) : NULL;

	for (size_t i = 0; public != NULL && i < self->key_count; i++)
		if (EVP_PKEY_eq(self->keys[i].pkey, public) == 1)
			return &self->keys[i];
	return NULL;
}

static bool issues_another(const struct intake *self, const struct pki_cert *cert)
{
	for (size_t i = 0; i < self->cert_count; i++)
		if (self->certs[i] != cert && issued_by(self->certs[i], cert))
			return true;
	return false;
}

static enum cs_err pair_one(struct intake *self, size_t index)
{
	const struct pki_cert *cert = self->certs[index];
	struct intake_key *key = key_of(self, cert);
	const bool ca = cert->is_ca || (key == NULL && issues_another(self, cert));

	if (ca)
		self->cas[self->ca_count++] = cert->der;
	if (ca && key == NULL)
		return CS_OK;
	struct intake_pair *pair = &self->pairs[self->pair_count++];
	*pair = (struct intake_pair){ .leaf = cert, .name = self->cert_names[index] };
	if (key != NULL) {
		pair->pkcs8 = key->pkcs8;
		pair->name = pair->name[0] != '\0' ? pair->name : key->name;
		key->used = true;
	}
	return build_chain(self, pair);
}

/* Pairs with a key first, else in the order of the files. */
static void keyed_first(struct intake *self)
{
	size_t keyed = 0;

	for (size_t i = 0; i < self->pair_count; i++) {
		const struct intake_pair pair = self->pairs[i];
		if (pair.pkcs8.n == 0)
			continue;
		memmove(&self->pairs[keyed + 1], &self->pairs[keyed], (i - keyed) * sizeof(pair));
		self->pairs[keyed++] = pair;
	}
}

enum cs_err intake_pair_all(struct intake *self)
{
	for (size_t i = 0; i < self->cert_count; i++)
		CS_TRY(pair_one(self, i));
	keyed_first(self);
	return CS_OK;
}

const struct pki_cert *intake_leaf(const struct intake *self)
{
	const struct pki_cert *with_key = NULL, *lowest = NULL;
	size_t keyed = 0, lows = 0;

	for (size_t i = 0; i < self->pair_count; i++)
		if (self->pairs[i].pkcs8.n > 0) {
			with_key = self->pairs[i].leaf;
			keyed++;
		}
	if (keyed > 0)
		return keyed == 1 ? with_key : NULL;
	for (size_t i = 0; i < self->cert_count; i++)
		if (!issues_another(self, self->certs[i])) {
			lowest = self->certs[i];
			lows++;
		}
	return lows == 1 ? lowest : NULL;
}
