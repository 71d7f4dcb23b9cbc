#include "store/db/table.h"
#include <string.h>
#include <sys/statvfs.h>
#include "proto/base/log.h"

#define HEAD_CHECK 8
#define HEAD_MAX 65536
#define FULL_BELOW (256u << 10) /* free bytes below which a write error means a full disk */

enum cs_err txn_read(struct state *self, MDB_txn **out)
{
	*out = NULL;
	return env_err(mdb_txn_begin(self->env, NULL, MDB_RDONLY, out));
}

enum cs_err txn_write(struct state *self, MDB_txn **out)
{
	*out = NULL;
	if (!self->writer)
		return CS_EDENIED;
	if (self->broken)
		return CS_EIO;
	return env_err(mdb_txn_begin(self->env, NULL, 0, out));
}

/* LMDB says EIO for a short write, which is what a full disk looks like (notes/replication.md
 * section 3). */
static bool disk_full(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BELOW;
}

enum cs_err txn_commit(struct state *self, MDB_txn **txn)
{
	MDB_txn *mdb = CS_STEAL(*txn);
	const enum cs_err rc = env_err(mdb_txn_commit(mdb)); /* gone in any case */

	if (rc != CS_EIO)
		return rc;
	if (disk_full(self->dir))
		return CS_EFULL;
	self->broken = true;
	cs_error("state store %s: a commit failed in the disk; nothing more is written before a "
	         "restart",
	        self->dir);
	return CS_EIO;
}

void txn_abort(MDB_txn **txn)
{
	if (*txn != NULL)
		mdb_txn_abort(*txn);
	*txn = NULL;
}

void cursor_close(MDB_cursor **cursor)
{
	if (*cursor != NULL)
		mdb_cursor_close(*cursor);
	*cursor = NULL;
}

enum cs_err cursor_open(struct state *self, MDB_txn *txn, enum table table, MDB_cursor **out)
{
	*out = NULL;
	return env_err(mdb_cursor_open(txn, self->table[table], out));
}

MDB_val val_of(const void *p, size_t n)
{
	return (MDB_val){ .mv_size = n, .mv_data = (void *)(uintptr_t)p };
}

enum cs_err table_get(struct state *self, MDB_txn *txn, enum table table, MDB_val key, MDB_val *out)
{
	return env_err(mdb_get(txn, self->table[table], &key, out));
}

enum cs_err table_put(
        struct state *self, MDB_txn *txn, enum table table, MDB_val key, MDB_val value)
{
	return env_err(mdb_put(txn, self->table[table], &key, &value, 0));
}

enum cs_err table_del(struct state *self, MDB_txn *txn, enum table table, MDB_val key)
{
	const int rc = mdb_del(txn, self->table[table], &key, NULL);

	return rc == MDB_NOTFOUND ? CS_OK : env_err(rc);
}

enum cs_err table_clear(struct state *self, MDB_txn *txn, enum table table)
{
	return env_err(mdb_drop(txn, self->table[table], 0));
}

enum cs_err table_count(struct state *self, MDB_txn *txn, enum table table, size_t *out)
{
	MDB_stat stat;

	CS_TRY(env_err(mdb_stat(txn, self->table[table], &stat)));
	*out = stat.ms_entries;
	return CS_OK;
}

/* --- head --- */

static void head_check(const char *name, struct cs_bytes value, uint8_t out[HASH_N])
{
	uint8_t text[2 * HASH_N];

	hash_sha256(cs_bytes_of(name), text);
	hash_sha256(value, text + HASH_N);
	hash_sha256((struct cs_bytes){ text, sizeof(text) }, out);
}

enum cs_err head_get(struct state *self, MDB_txn *txn, const char *name, struct cs_bytes *out)
{
	uint8_t check[HASH_N];
	MDB_val val;

	CS_TRY(table_get(self, txn, T_HEAD, val_of(name, strlen(name)), &val));
	if (val.mv_size < HEAD_CHECK)
		return CS_ECORRUPT;
	*out = (struct cs_bytes){ val.mv_data, val.mv_size - HEAD_CHECK };
	head_check(name, *out, check);
	return memcmp(check, out->p + out->n, HEAD_CHECK) == 0 ? CS_OK : CS_ECORRUPT;
}

enum cs_err head_put(struct state *self, MDB_txn *txn, const char *name, struct cs_bytes value)
{
	uint8_t check[HASH_N];
	MDB_val key = val_of(name, strlen(name)), val = { .mv_size = value.n + HEAD_CHECK };

	if (value.n > HEAD_MAX)
		return CS_ETOOBIG;
	head_check(name, value, check);
	CS_TRY(env_err(mdb_put(txn, self->table[T_HEAD], &key, &val, MDB_RESERVE)));
	if (value.n > 0)
		memcpy(val.mv_data, value.p, value.n);
	memcpy((uint8_t *)val.mv_data + value.n, check, HEAD_CHECK);
	return CS_OK;
}

enum cs_err head_position(struct state *self, MDB_txn *txn, struct state_position *out)
{
	struct cs_bytes v;

	memset(out, 0, sizeof(*out));
	const enum cs_err rc = head_get(self, txn, "position", &v);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (v.n != 16 + 8 + HASH_N)
		return CS_ECORRUPT;
	memcpy(out->history, v.p, 16);
	out->seq = get_be64(v.p + 16);
	memcpy(out->chain, v.p + 24, HASH_N);
	return CS_OK;
}

enum cs_err head_put_position(
        struct state *self, MDB_txn *txn, const struct state_position *position)
{
	uint8_t v[16 + 8 + HASH_N];

	memcpy(v, position->history, 16);
	put_be64(v + 16, position->seq);
	memcpy(v + 24, position->chain, HASH_N);
	return head_put(self, txn, "position", (struct cs_bytes){ v, sizeof(v) });
}

enum cs_err head_number(struct state *self, MDB_txn *txn, const char *name, uint64_t *out)
{
	struct cs_bytes v;

	*out = 0;
	const enum cs_err rc = head_get(self, txn, name, &v);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (v.n != 8)
		return CS_ECORRUPT;
	*out = get_be64(v.p);
	return CS_OK;
}

enum cs_err head_put_number(struct state *self, MDB_txn *txn, const char *name, uint64_t value)
{
	uint8_t v[8];

	put_be64(v, value);
	return head_put(self, txn, name, (struct cs_bytes){ v, sizeof(v) });
}
