#include "store/serving/derive.h"
#include <stdio.h>
#include <string.h>
#include "proto/base/log.h"
#include "store/db/hash.h"

#define BUNDLE_BYTES (1u << 20) /* one bundle, decoded */

static enum cs_err note_changed(struct derive *self, const char *id)
{
	if (self->changed_count == DERIVE_CHANGED_MAX)
		return CS_OK;
	const char *copy = cs_arena_text(self->arena, id, strlen(id));
	if (copy == NULL)
		return CS_ENOMEM;
	self->changed[self->changed_count++] = copy;
	return CS_OK;
}

static enum cs_err note_once(struct derive *self, const char *id)
{
	for (size_t i = 0; i < self->changed_count; i++)
		if (strcmp(self->changed[i], id) == 0)
			return CS_OK;
	return id[0] != '\0' ? note_changed(self, id) : CS_OK;
}

/* Damage in the view itself concerns more than one certificate. */
static enum cs_err in_view(struct derive *self, enum cs_err rc)
{
	self->damaged |= rc == CS_ECORRUPT;
	return rc;
}

static enum cs_err decode(const struct wire_type *type, struct state *state, uint32_t kind,
        const char *id, struct cs_arena *arena, void *out)
{
	struct wire_object object;

	CS_TRY(state_get(state, kind, id, arena, &object));
	return wire_decode(type, object.payload, arena, out);
}

static enum cs_err wanted_active(
        struct derive *self, const char *id, struct cs_arena *arena, bool *out)
{
	struct wire_certificate life;

	*out = false;
	const enum cs_err rc =
	        decode(&wire_certificate_type, self->state, OBJECT_CERTIFICATE, id, arena, &life);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	*out = life.state == CERT_ACTIVE;
	return CS_OK;
}

/* Puts the candidate under every name of LEAF, or takes it away. */
static enum cs_err names_each(
        struct derive *self, const char *id, const struct pki_cert *leaf, bool add)
{
	const struct choice_candidate candidate = { .id = id,
		.key = leaf->key,
		.not_before = leaf->not_before,
		.not_after = leaf->not_after };
	char key[CS_NAME_MAX + 1];

	for (size_t i = 0; i < leaf->dns_count; i++) {
		if (!view_key_of(leaf->dns[i], key))
			continue;
		CS_TRY(in_view(self, add ? view_names_add(self->view, self->txn, key, &candidate)
		                         : view_names_remove(self->view, self->txn, key, id)));
	}
	return CS_OK;
}

static enum cs_err cert_out(struct derive *self, const char *id, const struct view_cert *row)
{
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	bool changed;

	CS_TRY(pki_cert_read(row->leaf, &leaf));
	struct view_cert out = *row;
	CS_AUTO(cs_buf_free) struct cs_buf issuers = cs_buf_new(CS_CHAIN_MAX * 32);
	CS_TRY(cs_buf_add(&issuers, row->issuers,
	        row->issuer_count * 32)); /* ROW dies with the first write */
	out.issuers = issuers.p;
	out.leaf = leaf->der;
	out.active = false;
	CS_TRY(names_each(self, id, leaf, false));
	CS_TRY(view_cert_put(self->view, self->txn, id, &out, &changed));
	self->meta->certificates--;
	return note_changed(self, id);
}

/* Appends the SHA-256 of an issuer that is served; a self-signed root is not: the client has it or
 * trusts it not. */
static enum cs_err issuer_in(struct derive *self, struct cs_bytes der, struct cs_buf *issuers)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	uint8_t sha256[HASH_N];
	struct cs_bytes known;

	hash_sha256(der, sha256);
	const enum cs_err rc = view_issuer_get(self->view, self->txn, sha256, &known);
	if (rc == CS_OK)
		return cs_buf_add(issuers, sha256, sizeof(sha256));
	CS_TRY(pki_cert_read(der, &cert));
	if (cert->self_signed)
		return CS_OK;
	CS_TRY(view_issuer_put(self->view, self->txn, sha256, der));
	return cs_buf_add(issuers, sha256, sizeof(sha256));
}

/* The CA certificate of the pool with this fingerprint. */
static enum cs_err from_pool(
        struct derive *self, struct cs_bytes sha256, struct cs_arena *arena, struct cs_bytes *out)
{
	uint8_t sum[HASH_N];
	char id[17];
	struct wire_ca ca;

	pki_cert_id(sha256.p, id);
	CS_TRY(decode(&wire_ca_type, self->state, OBJECT_CA, id, arena, &ca));
	hash_sha256(ca.der, sum);
	*out = ca.der;
	return memcmp(sum, sha256.p, HASH_N) == 0 ? CS_OK : CS_ENOTFOUND;
}

/* An issuer of a chain is the DER itself, or a fingerprint that leads to it. */
static enum cs_err issuer_of(struct derive *self, const struct wire_bundle *bundle,
        struct cs_bytes given, struct cs_arena *arena, struct cs_bytes *out)
{
	uint8_t sum[HASH_N];

	*out = given;
	if (given.n != HASH_N)
		return CS_OK;
	for (size_t i = 0; i < bundle->chain.n; i++) {
		hash_sha256(bundle->chain.v[i], sum);
		*out = bundle->chain.v[i];
		if (memcmp(sum, given.p, HASH_N) == 0)
			return CS_OK;
	}
	return from_pool(self, given, arena, out);
}

/* What is served after the leaf: as chosen on the primary, else what came with it. */
static enum cs_err chain_of(struct derive *self, const char *id, const struct wire_bundle *bundle,
        struct cs_arena *arena, struct wire_blobs *out)
{
	struct wire_chain chain;

	*out = bundle->chain;
	const enum cs_err rc =
	        decode(&wire_chain_type, self->state, OBJECT_CHAIN, id, arena, &chain);
	if (rc == CS_ENOTFOUND || (rc == CS_OK && chain.own))
		return CS_OK;
	CS_TRY(rc);
	if (chain.issuers.n > CS_CHAIN_MAX)
		return CS_ETOOBIG;
	struct cs_bytes *v = cs_arena_take(arena, (chain.issuers.n + 1) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < chain.issuers.n; i++)
		CS_TRY(issuer_of(self, bundle, chain.issuers.v[i], arena, &v[i]));
	*out = (struct wire_blobs){ v, chain.issuers.n };
	return CS_OK;
}

static enum cs_err cert_in(struct derive *self, const char *id, const struct wire_bundle *bundle,
        struct wire_blobs chain, bool was_active)
{
	CS_AUTO(cs_buf_free) struct cs_buf issuers = cs_buf_new(CS_CHAIN_MAX * 32);
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	bool changed;

	CS_TRY(pki_cert_read(bundle->leaf, &leaf));
	for (size_t i = 0; i < chain.n; i++)
		CS_TRY(issuer_in(self, chain.v[i], &issuers));
	const struct view_cert row = { .active = true,
		.key = leaf->key,
		.not_before = leaf->not_before,
		.not_after = leaf->not_after,
		.issuers = issuers.p,
		.issuer_count = issuers.n / 32,
		.leaf = bundle->leaf };
	CS_TRY(view_cert_put(self->view, self->txn, id, &row, &changed));
	if (!was_active) {
		self->meta->certificates++;
		CS_TRY(names_each(self, id, leaf, true));
	}
	return changed ? note_changed(self, id) : CS_OK;
}

static enum cs_err cert_step(struct derive *self, const char *id)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_bundle bundle;
	struct wire_blobs chain;
	struct view_cert row = { 0 };
	bool wanted;

	if (strlen(id) >= VIEW_ID)
		return CS_EUNSUPPORTED;
	CS_TRY(cs_arena_new(BUNDLE_BYTES, &arena));
	const enum cs_err rc = in_view(self, view_cert_get(self->view, self->txn, id, &row));
	if (rc != CS_OK && rc != CS_ENOTFOUND)
		return rc;
	CS_TRY(wanted_active(self, id, arena, &wanted));
	if (!wanted)
		return row.active ? cert_out(self, id, &row) : CS_OK;
	CS_TRY(decode(&wire_bundle_type, self->state, OBJECT_BUNDLE, id, arena, &bundle));
	CS_TRY(chain_of(self, id, &bundle, arena, &chain));
	return cert_in(self, id, &bundle, chain, row.active);
}

/* Faults of the data concern one certificate; all others end the step. */
static bool of_the_data(enum cs_err err)
{
	static const enum cs_err faults[] = { CS_ENOTFOUND, CS_EMALFORMED, CS_ETRAILING, CS_ETOOBIG,
		CS_EUNSUPPORTED, CS_ECORRUPT };

	for (size_t i = 0; i < CS_COUNT(faults); i++)
		if (faults[i] == err)
			return true;
	return false;
}

enum cs_err derive_cert(struct derive *self, const char *id)
{
	const enum cs_err rc = cert_step(self, id);

	if (self->damaged || !of_the_data(rc))
		return rc;
	cs_log_with(CS_LOG_ERROR, (struct cs_log_fields){ .cert = id },
	        "cannot be brought into the serving view (%s); what was served for it stays",
	        cs_err_text(rc));
	return CS_OK;
}

enum choice_is { CHOICE_ABSENT, CHOICE_UNSERVED, CHOICE_SERVED };

static bool is_served(struct derive *self, const char *id)
{
	struct view_cert row;

	if (id[0] == '\0' || strlen(id) >= VIEW_ID)
		return false;
	return in_view(self, view_cert_get(self->view, self->txn, id, &row)) == CS_OK && row.active;
}

/* The bundle that the default choice KEY names, into OUT when it is served. */
static enum cs_err choice_of(
        struct derive *self, const char *key, char out[VIEW_ID], enum choice_is *is)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_default_choice choice = { .bundle = "" };

	CS_TRY(cs_arena_new(BUNDLE_BYTES, &arena));
	const enum cs_err rc =
	        decode(&wire_default_choice_type, self->state, OBJECT_DEFAULT, key, arena, &choice);
	*is = rc == CS_ENOTFOUND ? CHOICE_ABSENT : CHOICE_UNSERVED;
	if (rc != CS_OK && !of_the_data(rc))
		return rc;
	if (rc == CS_OK && is_served(self, choice.bundle)) {
		memset(out, 0, VIEW_ID);
		memcpy(out, choice.bundle, strlen(choice.bundle));
		*is = CHOICE_SERVED;
	}
	if (*is == CHOICE_UNSERVED)
		cs_log_with(CS_LOG_WARNING, (struct cs_log_fields){ .cert = choice.bundle },
		        "default choice \"%s\" names a certificate that is not served here", key);
	return CS_OK;
}

/* The node's own choice, else the cluster's. Where a choice cannot be served the default stays what
 * it was, as long as that is served; without any choice there is none. */
static enum cs_err default_now(struct derive *self, char out[VIEW_ID])
{
	char key[CS_ID_MAX + 1];
	enum choice_is own = CHOICE_ABSENT, all;

	if (snprintf(key, sizeof(key), "node:%s", self->meta->node) < (int)sizeof(key))
		CS_TRY(choice_of(self, key, out, &own));
	if (own == CHOICE_SERVED)
		return CS_OK;
	CS_TRY(choice_of(self, "*", out, &all));
	if (all == CHOICE_SERVED)
		return CS_OK;
	memset(out, 0, VIEW_ID);
	if (own == CHOICE_ABSENT && all == CHOICE_ABSENT)
		return CS_OK;
	if (is_served(self, self->meta->default_id))
		memcpy(out, self->meta->default_id, VIEW_ID);
	return CS_OK;
}

static enum cs_err derive_default(struct derive *self)
{
	char before[VIEW_ID], after[VIEW_ID];

	memcpy(before, self->meta->default_id, VIEW_ID);
	CS_TRY(default_now(self, after));
	memcpy(self->meta->default_id, after, VIEW_ID);
	if (strcmp(before, after) == 0)
		return CS_OK;
	CS_TRY(note_once(self, before));
	return note_once(self, after);
}

static enum cs_err derive_generation(struct derive *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_activation activation;

	CS_TRY(cs_arena_new(BUNDLE_BYTES, &arena));
	const enum cs_err rc = decode(&wire_activation_type, self->state, OBJECT_ACTIVATION,
	        "current", arena, &activation);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	self->meta->generation = activation.number;
	return CS_OK;
}

enum cs_err derive_rest(struct derive *self)
{
	CS_TRY(derive_default(self));
	if (self->damaged)
		return CS_ECORRUPT;
	return derive_generation(self);
}
