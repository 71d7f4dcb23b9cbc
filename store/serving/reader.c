/* store/serving/reader.c: the look-up of a handshake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "store/db/env.h"
#include "store/serving/stamp.h"
#include "store/serving/view.h"

void serving_init(struct serving *self, const struct view *view)
{
	*self = (struct serving){ .view = *view };
}

void serving_end(struct serving *self)
{
	view_abort(&self->txn);
	if (self->own)
		env_close(&self->view.env);
}

void serving_detach(struct serving **self)
{
	if (*self == NULL)
		return;
	serving_end(*self);
	free(*self);
	*self = NULL;
}

/* One read transaction, reset between look-ups: renewing it takes no lock and no memory. */
static enum cs_err look(struct serving *self, MDB_txn **out)
{
	*out = NULL;
	if (self->txn == NULL)
		CS_TRY(env_err(mdb_txn_begin(self->view.env, NULL, MDB_RDONLY, &self->txn)));
	else
		CS_TRY(env_err(mdb_txn_renew(self->txn)));
	*out = self->txn;
	return CS_OK;
}

static void look_end(MDB_txn **txn)
{
	if (*txn != NULL)
		mdb_txn_reset(*txn);
}

/* Whatever keeps us from reading, it is not "no such name". */
static enum cs_err unreadable(enum cs_err rc)
{
	return rc == CS_OK || rc == CS_ENOTFOUND || rc == CS_ENOMEM || rc == CS_ECORRUPT ? rc
	                                                                                 : CS_EIO;
}

static enum cs_err tables_open(struct serving *self)
{
	CS_AUTO(view_abort) MDB_txn *txn = NULL;
	struct view_meta meta;

	CS_TRY(env_err(mdb_txn_begin(self->view.env, NULL, MDB_RDONLY, &txn)));
	CS_TRY(view_tables(&self->view, txn, false));
	CS_TRY(view_meta_get(&self->view, txn, &meta)); /* CS_ENOTFOUND: nothing published yet */
	return env_err(mdb_txn_commit(CS_STEAL(txn)));
}

enum cs_err serving_attach(const char *dir, size_t map_size, struct serving **out)
{
	CS_AUTO(serving_detach) struct serving *self = calloc(1, sizeof(*self));
	bool good;

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->own = true;
	CS_TRY(stamp_check(dir, &good));
	if (!good)
		return CS_ENOTFOUND; /* the replicator will derive it anew */
	CS_TRY(env_open(dir, ENV_READER, map_size, &self->view.env));
	CS_TRY(tables_open(self));
	*out = CS_STEAL(self);
	return CS_OK;
}

/* --- look-ups --- */

struct found {
	struct choice_candidate *v; /* ids live in the transaction */
	size_t n;
};

static void found_free(struct found *self)
{
	free(self->v);
}

static enum cs_err found_add(const struct serving *self, MDB_txn *txn, const char *key,
        enum pki_cover cover, struct found *out)
{
	struct view_names names;

	const enum cs_err rc = view_names_get(&self->view, txn, key, &names);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	struct choice_candidate *v = realloc(out->v, (out->n + names.n) * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	out->v = v;
	for (size_t i = 0; i < names.n; i++) {
		v[out->n] = view_names_at(&names, i);
		v[out->n++].cover = cover;
	}
	return CS_OK;
}

/* Exact and wildcard candidates together: the choice decides among them. */
static enum cs_err find(
        const struct serving *self, MDB_txn *txn, const char *host, struct found *out)
{
	char wildcard[CS_NAME_MAX + 1];

	CS_TRY(found_add(self, txn, host, PKI_COVER_EXACT, out));
	if (!pki_name_wildcard(host, wildcard))
		return CS_OK;
	return found_add(self, txn, wildcard, PKI_COVER_WILDCARD, out);
}

static void pick_set(struct serving_pick *out, const struct choice_candidate *c)
{
	memset(out->id, 0, sizeof(out->id));
	memcpy(out->id, c->id, strnlen(c->id, sizeof(out->id) - 1));
	out->cover = c->cover;
	out->key = c->key;
	out->not_before = c->not_before;
	out->not_after = c->not_after;
}

/* FNV-1a over the fingerprints of the chain. */
static uint64_t issuers_of(const struct view_cert *row)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < row->issuer_count * 32; i++)
		h = (h ^ row->issuers[i]) * 1099511628211u;
	return h;
}

static enum cs_err pick_default(const struct serving *self, MDB_txn *txn, struct serving_pick *out)
{
	struct view_meta meta;
	struct view_cert row;

	const enum cs_err rc = view_meta_get(&self->view, txn, &meta);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_ECORRUPT : rc; /* it was there when we attached */
	if (meta.default_id[0] == '\0')
		return CS_ENOTFOUND;
	const enum cs_err found = view_cert_get(&self->view, txn, meta.default_id, &row);
	if (found != CS_OK)
		return found == CS_ENOTFOUND ? CS_ECORRUPT : found;
	const struct choice_candidate c = { .id = meta.default_id,
		.key = row.key,
		.not_before = row.not_before,
		.not_after = row.not_after };
	pick_set(out, &c);
	out->issuers = issuers_of(&row);
	return CS_OK;
}

static enum cs_err pick_name(const struct serving *self, MDB_txn *txn, struct cs_bytes sni,
        unsigned can_verify, int64_t now, struct serving_pick *out)
{
	CS_AUTO(found_free) struct found found = { 0 };
	char host[CS_NAME_MAX + 1];
	struct view_cert row;

	if (pki_name_normal(sni, host) != CS_OK)
		return CS_ENOTFOUND;
	CS_TRY(find(self, txn, host, &found));
	if (found.n == 0)
		return CS_ENOTFOUND;
	out->why = SERVING_NAME;
	pick_set(out, &found.v[choice_pick(found.v, found.n, can_verify, now)]);
	const enum cs_err rc = view_cert_get(&self->view, txn, out->id, &row);
	if (rc != CS_OK) /* the name leads there, so it is */
		return rc == CS_ENOTFOUND ? CS_ECORRUPT : rc;
	out->issuers = issuers_of(&row);
	return CS_OK;
}

enum cs_err serving_pick(struct serving *self, const struct cs_bytes *sni, unsigned can_verify,
        int64_t now, struct serving_pick *out)
{
	CS_AUTO(look_end) MDB_txn *txn = NULL;

	*out = (struct serving_pick){ .why = sni == NULL ? SERVING_NO_SNI : SERVING_UNMATCHED };
	const enum cs_err rc = look(self, &txn);
	if (rc != CS_OK)
		return rc == CS_ENOMEM ? rc : CS_EIO;
	if (sni != NULL) {
		const enum cs_err named = pick_name(self, txn, *sni, can_verify, now, out);
		if (named != CS_ENOTFOUND)
			return unreadable(named);
	}
	return unreadable(pick_default(self, txn, out));
}

enum cs_err serving_candidates(struct serving *self, const char *host, struct cs_arena *arena,
        const struct choice_candidate **out, size_t *count)
{
	CS_AUTO(look_end) MDB_txn *txn = NULL;
	CS_AUTO(found_free) struct found found = { 0 };

	CS_TRY(look(self, &txn));
	CS_TRY(unreadable(find(self, txn, host, &found)));
	struct choice_candidate *v = cs_arena_take(arena, found.n * sizeof(*v) + 1);
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < found.n; i++) {
		v[i] = found.v[i];
		v[i].id = cs_arena_text(arena, v[i].id, strnlen(v[i].id, VIEW_ID - 1));
		if (v[i].id == NULL)
			return CS_ENOMEM;
	}
	*out = v;
	*count = found.n;
	return CS_OK;
}

static enum cs_err bytes_copy(struct cs_bytes in, struct cs_arena *arena, struct cs_bytes *out)
{
	uint8_t *p = cs_arena_take(arena, in.n);

	if (p == NULL)
		return CS_ENOMEM;
	memcpy(p, in.p, in.n);
	*out = (struct cs_bytes){ p, in.n };
	return CS_OK;
}

static enum cs_err chain_copy(const struct serving *self, MDB_txn *txn, const struct view_cert *row,
        struct cs_arena *arena, struct cs_bytes *out)
{
	for (size_t i = 0; i < row->issuer_count; i++) {
		struct cs_bytes der;
		const enum cs_err rc =
		        view_issuer_get(&self->view, txn, row->issuers + i * 32, &der);
		if (rc != CS_OK)
			return rc == CS_ENOTFOUND ? CS_ECORRUPT : rc;
		CS_TRY(bytes_copy(der, arena, &out[i]));
	}
	return CS_OK;
}

enum cs_err serving_cert(
        struct serving *self, const char *id, struct cs_arena *arena, struct serving_cert *out)
{
	CS_AUTO(look_end) MDB_txn *txn = NULL;
	struct view_cert row;

	if (strlen(id) == 0 || strlen(id) >= VIEW_ID)
		return CS_ENOTFOUND;
	CS_TRY(look(self, &txn));
	CS_TRY(unreadable(view_cert_get(&self->view, txn, id, &row)));
	struct cs_bytes *chain = cs_arena_take(arena, row.issuer_count * sizeof(*chain) + 1);
	if (chain == NULL)
		return CS_ENOMEM;
	CS_TRY(unreadable(chain_copy(self, txn, &row, arena, chain)));
	CS_TRY(bytes_copy(row.leaf, arena, &out->leaf));
	out->chain = chain;
	out->chain_count = row.issuer_count;
	return CS_OK;
}

enum cs_err serving_facts(struct serving *self, struct serving_facts *out)
{
	CS_AUTO(look_end) MDB_txn *txn = NULL;
	struct view_meta meta;
	MDB_stat stat;

	CS_TRY(look(self, &txn));
	CS_TRY(unreadable(view_meta_get(&self->view, txn, &meta)));
	CS_TRY(unreadable(env_err(mdb_stat(txn, self->view.table[V_NAMES], &stat))));
	*out = (struct serving_facts){ .seq = meta.position.seq,
		.generation = meta.generation,
		.certificates = meta.certificates,
		.names = stat.ms_entries };
	memcpy(out->default_id, meta.default_id, sizeof(out->default_id));
	return CS_OK;
}
