#include "store/serving/view.h"
#include <string.h>
#include <sodium.h>
#include "store/db/env.h"
#include "store/db/hash.h"
#include "store/pki/names.h"

#define CHECK 8
#define CANDIDATE (VIEW_ID + 1 + 8 + 8)
#define META (16 + 8 + HASH_N + 2 * 8 + VIEW_ID + CS_ID_MAX + 1)
#define CERT_HEAD (1 + 1 + 8 + 8 + 1)
#define ROW_MAX (1u << 20)

static const char *const view_table_names[V_COUNT] = {
	[V_NAMES] = "names",
	[V_CERTS] = "certs",
	[V_ISSUERS] = "issuers",
	[V_META] = "meta",
};

enum cs_err view_tables(struct view *self, MDB_txn *txn, bool create)
{
	for (size_t i = 0; i < V_COUNT; i++)
		CS_TRY(env_err(mdb_dbi_open(
		        txn, view_table_names[i], create ? MDB_CREATE : 0, &self->table[i])));
	return CS_OK;
}

void view_abort(MDB_txn **txn)
{
	if (*txn != NULL)
		mdb_txn_abort(*txn);
	*txn = NULL;
}

static MDB_val key_val(const char *key)
{
	return (MDB_val){ .mv_size = strlen(key), .mv_data = (void *)(uintptr_t)key };
}

static void row_check(MDB_val key, struct cs_bytes row, uint8_t out[crypto_hash_sha256_BYTES])
{
	crypto_hash_sha256_state hash;
	const uint8_t n = (uint8_t)key.mv_size;

	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, &n, 1);
	crypto_hash_sha256_update(&hash, key.mv_data, key.mv_size);
	crypto_hash_sha256_update(&hash, row.p, row.n);
	crypto_hash_sha256_final(&hash, out);
}

static enum cs_err row_get(const struct view *self, MDB_txn *txn, enum view_table table,
        const char *key, struct cs_bytes *out)
{
	uint8_t check[crypto_hash_sha256_BYTES];
	MDB_val k = key_val(key), val;

	CS_TRY(env_err(mdb_get(txn, self->table[table], &k, &val)));
	if (val.mv_size < CHECK)
		return CS_ECORRUPT;
	*out = (struct cs_bytes){ val.mv_data, val.mv_size - CHECK };
	row_check(k, *out, check);
	return memcmp(check, out->p + out->n, CHECK) == 0 ? CS_OK : CS_ECORRUPT;
}

static enum cs_err row_put(const struct view *self, MDB_txn *txn, enum view_table table,
        const char *key, struct cs_bytes row)
{
	uint8_t check[crypto_hash_sha256_BYTES];
	MDB_val k = key_val(key), val = { .mv_size = row.n + CHECK };

	row_check(k, row, check);
	CS_TRY(env_err(mdb_put(txn, self->table[table], &k, &val, MDB_RESERVE)));
	memcpy(val.mv_data, row.p, row.n);
	memcpy((uint8_t *)val.mv_data + row.n, check, CHECK);
	return CS_OK;
}

/* --- meta --- */

enum cs_err view_meta_get(const struct view *self, MDB_txn *txn, struct view_meta *out)
{
	struct cs_bytes row;

	CS_TRY(row_get(self, txn, V_META, "view", &row));
	if (row.n != META)
		return CS_ECORRUPT;
	memcpy(out->position.history, row.p, 16);
	out->position.seq = get_be64(row.p + 16);
	memcpy(out->position.chain, row.p + 24, HASH_N);
	out->generation = get_be64(row.p + 56);
	out->certificates = get_be64(row.p + 64);
	memcpy(out->default_id, row.p + 72, VIEW_ID);
	memcpy(out->node, row.p + 72 + VIEW_ID, sizeof(out->node));
	return CS_OK;
}

enum cs_err view_meta_put(const struct view *self, MDB_txn *txn, const struct view_meta *meta)
{
	uint8_t row[META];

	memcpy(row, meta->position.history, 16);
	put_be64(row + 16, meta->position.seq);
	memcpy(row + 24, meta->position.chain, HASH_N);
	put_be64(row + 56, meta->generation);
	put_be64(row + 64, meta->certificates);
	memcpy(row + 72, meta->default_id, VIEW_ID);
	memcpy(row + 72 + VIEW_ID, meta->node, sizeof(meta->node));
	return row_put(self, txn, V_META, "view", (struct cs_bytes){ row, sizeof(row) });
}

/* --- names --- */

enum cs_err view_names_get(
        const struct view *self, MDB_txn *txn, const char *key, struct view_names *out)
{
	struct cs_bytes row;

	*out = (struct view_names){ 0 };
	CS_TRY(row_get(self, txn, V_NAMES, key, &row));
	if (row.n == 0 || row.n % CANDIDATE != 0)
		return CS_ECORRUPT;
	*out = (struct view_names){ row.p, row.n / CANDIDATE };
	return CS_OK;
}

struct choice_candidate view_names_at(const struct view_names *self, size_t i)
{
	const uint8_t *p = self->p + i * CANDIDATE;

	return (struct choice_candidate){ .id = (const char *)p,
		.key = p[VIEW_ID],
		.not_before = (int64_t)get_be64(p + VIEW_ID + 1),
		.not_after = (int64_t)get_be64(p + VIEW_ID + 9) };
}

/* The candidates of KEY other than ID. */
static enum cs_err names_without(
        const struct view *self, MDB_txn *txn, const char *key, const char *id, struct cs_buf *out)
{
	struct view_names names;

	const enum cs_err rc = view_names_get(self, txn, key, &names);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	for (size_t i = 0; i < names.n; i++) {
		const uint8_t *p = names.p + i * CANDIDATE;
		if (strncmp((const char *)p, id, VIEW_ID) != 0)
			CS_TRY(cs_buf_add(out, p, CANDIDATE));
	}
	return CS_OK;
}

enum cs_err view_names_add(const struct view *self, MDB_txn *txn, const char *key,
        const struct choice_candidate *candidate)
{
	CS_AUTO(cs_buf_free) struct cs_buf row = cs_buf_new(ROW_MAX);
	uint8_t p[CANDIDATE] = { 0 };

	memcpy(p, candidate->id, strnlen(candidate->id, VIEW_ID - 1));
	p[VIEW_ID] = (uint8_t)candidate->key;
	put_be64(p + VIEW_ID + 1, (uint64_t)candidate->not_before);
	put_be64(p + VIEW_ID + 9, (uint64_t)candidate->not_after);
	CS_TRY(names_without(self, txn, key, candidate->id, &row));
	CS_TRY(cs_buf_add(&row, p, sizeof(p)));
	return row_put(self, txn, V_NAMES, key, cs_buf_view(&row));
}

enum cs_err view_names_remove(
        const struct view *self, MDB_txn *txn, const char *key, const char *id)
{
	CS_AUTO(cs_buf_free) struct cs_buf row = cs_buf_new(ROW_MAX);
	MDB_val k = key_val(key);

	CS_TRY(names_without(self, txn, key, id, &row));
	if (row.n > 0)
		return row_put(self, txn, V_NAMES, key, cs_buf_view(&row));
	const int rc = mdb_del(txn, self->table[V_NAMES], &k, NULL);
	return rc == MDB_NOTFOUND ? CS_OK : env_err(rc);
}

/* The matcher decides, so that look-up and coverage can never differ. */
bool view_key_of(const char *san, char *out)
{
	static const char label[] = "certspan-probe";
	char host[CS_NAME_MAX + sizeof(label)], normal[CS_NAME_MAX + 1];

	if (strncmp(san, "*.", 2) != 0) {
		if (pki_name_normal(cs_bytes_of(san), out) != CS_OK)
			return false;
		return pki_name_match(san, cs_bytes_of(out)) == PKI_COVER_EXACT;
	}
	const size_t n = strnlen(san, CS_NAME_MAX + 1);
	if (n - 1 + sizeof(label) - 1 > CS_NAME_MAX)
		return false;
	memcpy(host, label, sizeof(label) - 1);
	memcpy(host + sizeof(label) - 1, san + 1, n);
	if (pki_name_normal(cs_bytes_of(host), normal) != CS_OK)
		return false;
	return pki_name_match(san, cs_bytes_of(normal)) == PKI_COVER_WILDCARD &&
	       pki_name_wildcard(normal, out);
}

/* --- certificates --- */

static enum cs_err cert_read(struct cs_bytes row, struct view_cert *out)
{
	if (row.n < CERT_HEAD)
		return CS_ECORRUPT;
	const size_t head = CERT_HEAD + (size_t)row.p[CERT_HEAD - 1] * 32;
	if (row.n <= head)
		return CS_ECORRUPT;
	*out = (struct view_cert){ .active = row.p[0] == 1,
		.key = row.p[1],
		.not_before = (int64_t)get_be64(row.p + 2),
		.not_after = (int64_t)get_be64(row.p + 10),
		.issuers = row.p + CERT_HEAD,
		.issuer_count = row.p[CERT_HEAD - 1],
		.leaf = { row.p + head, row.n - head } };
	return CS_OK;
}

enum cs_err view_cert_get(
        const struct view *self, MDB_txn *txn, const char *id, struct view_cert *out)
{
	struct cs_bytes row;

	CS_TRY(row_get(self, txn, V_CERTS, id, &row));
	return cert_read(row, out);
}

enum cs_err view_cert_put(const struct view *self, MDB_txn *txn, const char *id,
        const struct view_cert *cert, bool *changed)
{
	CS_AUTO(cs_buf_free) struct cs_buf row = cs_buf_new(ROW_MAX);
	uint8_t head[CERT_HEAD];
	struct cs_bytes now;

	head[0] = cert->active ? 1 : 0;
	head[1] = (uint8_t)cert->key;
	put_be64(head + 2, (uint64_t)cert->not_before);
	put_be64(head + 10, (uint64_t)cert->not_after);
	head[CERT_HEAD - 1] = (uint8_t)cert->issuer_count;
	CS_TRY(cs_buf_add(&row, head, sizeof(head)));
	CS_TRY(cs_buf_add(&row, cert->issuers, cert->issuer_count * 32));
	CS_TRY(cs_buf_add(&row, cert->leaf.p, cert->leaf.n));
	*changed = row_get(self, txn, V_CERTS, id, &now) != CS_OK ||
	           !cs_bytes_equal(now, cs_buf_view(&row));
	return *changed ? row_put(self, txn, V_CERTS, id, cs_buf_view(&row)) : CS_OK;
}

enum cs_err view_issuer_get(
        const struct view *self, MDB_txn *txn, const uint8_t sha256[32], struct cs_bytes *out)
{
	MDB_val key = { .mv_size = 32, .mv_data = (void *)(uintptr_t)sha256 }, val;
	uint8_t sum[HASH_N];

	CS_TRY(env_err(mdb_get(txn, self->table[V_ISSUERS], &key, &val)));
	*out = (struct cs_bytes){ val.mv_data, val.mv_size };
	hash_sha256(*out, sum);
	return memcmp(sum, sha256, HASH_N) == 0 ? CS_OK : CS_ECORRUPT;
}

enum cs_err view_issuer_put(
        const struct view *self, MDB_txn *txn, const uint8_t sha256[32], struct cs_bytes der)
{
	MDB_val key = { .mv_size = 32, .mv_data = (void *)(uintptr_t)sha256 };
	MDB_val val = { .mv_size = der.n, .mv_data = (void *)(uintptr_t)der.p };

	return env_err(mdb_put(txn, self->table[V_ISSUERS], &key, &val, 0));
}
