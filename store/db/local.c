/* store/db/local.c: what only this node knows, by table and key. */
#include <string.h>
#include "store/db/table.h"

#define LOCAL_KEY_MAX 255
#define LOCAL_VALUE_MAX (1u << 20)

static enum cs_err local_table(enum state_local local, enum table *out)
{
	static const enum table tables[] = {
		[LOCAL_META] = T_META,
		[LOCAL_TOKENS] = T_TOKENS,
		[LOCAL_PEERS] = T_PEERS,
		[LOCAL_KEYS] = T_KEYS,
	};

	if (local < LOCAL_META || local > LOCAL_KEYS)
		return CS_EBUG;
	*out = tables[local];
	return CS_OK;
}

static enum cs_err local_key(const char *key, MDB_val *out)
{
	const size_t n = strnlen(key, LOCAL_KEY_MAX + 1);

	*out = val_of(key, n);
	return n > 0 && n <= LOCAL_KEY_MAX ? CS_OK : CS_EBUG;
}

enum cs_err state_local_get(
        struct state *self, enum state_local local, const char *key, struct cs_buf *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	enum table table;
	MDB_val k, val;

	CS_TRY(local_table(local, &table));
	CS_TRY(local_key(key, &k));
	CS_TRY(txn_read(self, &txn));
	CS_TRY(table_get(self, txn, table, k, &val));
	return cs_buf_add(out, val.mv_data, val.mv_size);
}

enum cs_err state_local_put(
        struct state *self, enum state_local local, const char *key, struct cs_bytes value)
{
	const struct state_pair pair = { key, value };

	return state_local_put_all(self, local, &pair, 1);
}

/* The digest key is the foundation of the content digest: it may come once, before the first
 * object. */
static bool is_digest_key(enum table table, const char *key)
{
	return table == T_META && strcmp(key, "digest-key") == 0;
}

static enum cs_err digest_key_check(struct state *self, MDB_txn *txn, struct cs_bytes value)
{
	const struct cs_bytes now = { self->digest_key, sizeof(self->digest_key) };
	size_t objects;

	if (value.n != now.n)
		return CS_EMALFORMED;
	if (self->has_key && cs_bytes_equal(value, now))
		return CS_OK;
	CS_TRY(table_count(self, txn, T_OBJECTS, &objects));
	return objects == 0 ? CS_OK : CS_ECONFLICT;
}

static enum cs_err pair_put(
        struct state *self, MDB_txn *txn, enum table table, const struct state_pair *pair)
{
	MDB_val key;

	CS_TRY(local_key(pair->key, &key));
	if (pair->value.n > LOCAL_VALUE_MAX)
		return CS_ETOOBIG;
	if (is_digest_key(table, pair->key))
		CS_TRY(digest_key_check(self, txn, pair->value));
	if (pair->value.n == 0)
		return table_del(self, txn, table, key);
	return table_put(self, txn, table, key, val_of(pair->value.p, pair->value.n));
}

enum cs_err state_local_put_all(
        struct state *self, enum state_local local, const struct state_pair *pairs, size_t count)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	enum table table;

	CS_TRY(local_table(local, &table));
	CS_TRY(txn_write(self, &txn));
	for (size_t i = 0; i < count; i++)
		CS_TRY(pair_put(self, txn, table, &pairs[i]));
	CS_TRY(txn_commit(self, &txn));
	for (size_t i = 0; i < count; i++) {
		if (!is_digest_key(table, pairs[i].key))
			continue;
		memcpy(self->digest_key, pairs[i].value.p, sizeof(self->digest_key));
		self->has_key = true;
	}
	return CS_OK;
}

enum cs_err state_local_each(
        struct state *self, enum state_local local, state_pair_fn *fn, void *data)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	CS_AUTO(cursor_close) MDB_cursor *cursor = NULL;
	enum table table;
	MDB_val key, val;

	CS_TRY(local_table(local, &table));
	CS_TRY(txn_read(self, &txn));
	CS_TRY(cursor_open(self, txn, table, &cursor));
	int rc = mdb_cursor_get(cursor, &key, &val, MDB_FIRST);
	for (; rc == MDB_SUCCESS; rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) {
		char text[LOCAL_KEY_MAX + 1] = { 0 };
		if (key.mv_size > LOCAL_KEY_MAX)
			return CS_ECORRUPT;
		memcpy(text, key.mv_data, key.mv_size);
		CS_TRY(fn(data, text, (struct cs_bytes){ val.mv_data, val.mv_size }));
	}
	return rc == MDB_NOTFOUND ? CS_OK : env_err(rc);
}
