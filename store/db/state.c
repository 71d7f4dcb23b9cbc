#include "store/db/state.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "proto/base/log.h"
#include "store/db/table.h"

static const char *const table_names[T_COUNT] = {
	[T_HEAD] = "head",
	[T_OBJECTS] = "objects",
	[T_BY_SEQ] = "by_seq",
	[T_COMMITS] = "commits",
	[T_REQUESTS] = "requests",
	[T_REIGNS] = "reigns",
	[T_BUCKETS] = "buckets",
	[T_INBOX] = "inbox",
	[T_META] = "meta",
	[T_TOKENS] = "tokens",
	[T_PEERS] = "peers",
	[T_KEYS] = "keys",
};

static enum cs_err tables_open(struct state *self, MDB_txn *txn, bool create)
{
	for (size_t i = 0; i < T_COUNT; i++)
		CS_TRY(env_err(mdb_dbi_open(
		        txn, table_names[i], create ? MDB_CREATE : 0, &self->table[i])));
	return CS_OK;
}

static enum cs_err schema_check(struct state *self, MDB_txn *txn)
{
	uint64_t schema;

	CS_TRY(head_number(self, txn, "schema", &schema));
	if (schema == 0)
		return CS_ENOTFOUND;
	return schema > STATE_SCHEMA ? CS_EVERSION : CS_OK;
}

static enum cs_err key_load(struct state *self, MDB_txn *txn)
{
	MDB_val val;

	const enum cs_err rc = table_get(self, txn, T_META, val_of("digest-key", 10), &val);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (val.mv_size != sizeof(self->digest_key))
		return CS_ECORRUPT;
	memcpy(self->digest_key, val.mv_data, sizeof(self->digest_key));
	self->has_key = true;
	return CS_OK;
}

/* Head first and alone: a newer schema may have other tables. CS_ENOTFOUND: an environment, but no
 * store in it yet. */
static enum cs_err store_load(struct state *self)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;

	CS_TRY(txn_read(self, &txn));
	CS_TRY(env_err(mdb_dbi_open(txn, table_names[T_HEAD], 0, &self->table[T_HEAD])));
	CS_TRY(schema_check(self, txn));
	CS_TRY(tables_open(self, txn, false));
	CS_TRY(key_load(self, txn));
	return env_err(mdb_txn_commit(CS_STEAL(txn))); /* keeps the handles */
}

struct identity {
	const uint8_t *cluster, *digest_key;
	const char *node;
};

static enum cs_err store_create(struct state *self, const struct identity *identity)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;

	CS_TRY(txn_write(self, &txn));
	CS_TRY(tables_open(self, txn, true));
	CS_TRY(head_put_number(self, txn, "schema", STATE_SCHEMA));
	if (identity != NULL) {
		const char *node = identity->node;
		CS_TRY(table_put(
		        self, txn, T_META, val_of("cluster", 7), val_of(identity->cluster, 16)));
		CS_TRY(table_put(self, txn, T_META, val_of("digest-key", 10),
		        val_of(identity->digest_key, 32)));
		CS_TRY(table_put(self, txn, T_META, val_of("node", 4), val_of(node, strlen(node))));
		CS_TRY(key_load(self, txn));
	}
	return txn_commit(self, &txn);
}

static enum cs_err dir_make(const char *dir)
{
	return mkdir(dir, 0750) == 0 || errno == EEXIST ? CS_OK : cs_err_errno(errno);
}

/* LMDB would create what is not there. */
static enum cs_err data_there(const char *dir)
{
	char path[4096];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/data.mdb", dir) >= sizeof(path))
		return CS_ETOOBIG;
	return stat(path, &st) == 0 ? CS_OK : cs_err_errno(errno);
}

static enum cs_err state_new(const char *dir, bool writer, size_t map_size, struct state **out)
{
	CS_AUTO(state_close) struct state *self = calloc(1, sizeof(*self));

	if (self == NULL || (self->dir = strdup(dir)) == NULL)
		return CS_ENOMEM;
	self->writer = writer;
	inbox_init(&self->inbox);
	CS_TRY(env_open(dir, writer ? ENV_WRITER : ENV_READER, map_size, &self->env));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err state_open(
        const char *dir, bool writer, bool create, size_t map_size, struct state **out)
{
	CS_AUTO(state_close) struct state *self = NULL;

	*out = NULL;
	if (create)
		CS_TRY(dir_make(dir));
	else
		CS_TRY(data_there(dir));
	CS_TRY(state_new(dir, writer, map_size, &self));
	enum cs_err rc = store_load(self);
	if (rc == CS_ENOTFOUND && writer && create)
		rc = store_create(self, NULL);
	CS_TRY(rc);
	if (writer)
		CS_TRY(inbox_clear_table(self));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err state_create(const char *dir, size_t map_size, const uint8_t cluster[16],
        const uint8_t digest_key[32], const char *node, struct state **out)
{
	CS_AUTO(state_close) struct state *self = NULL;
	const struct identity identity = { cluster, digest_key, node };

	*out = NULL;
	CS_TRY(dir_make(dir));
	CS_TRY(state_new(dir, true, map_size, &self));
	const enum cs_err rc = store_load(self);
	if (rc != CS_ENOTFOUND)
		return rc == CS_OK ? CS_EEXISTS : rc;
	CS_TRY(store_create(self, &identity));
	*out = CS_STEAL(self);
	return CS_OK;
}

void state_close(struct state **self)
{
	struct state *s = *self;

	if (s == NULL)
		return;
	inbox_forget(&s->inbox);
	env_close(&s->env);
	free(s->dir);
	free(s);
	*self = NULL;
}

unsigned state_reader_check(struct state *self)
{
	return env_reader_check(self->env);
}

static enum cs_err used_bytes(struct state *self, MDB_txn *txn, size_t *out)
{
	MDB_envinfo info;
	MDB_stat stat;

	CS_TRY(env_err(mdb_env_info(self->env, &info)));
	CS_TRY(env_err(mdb_stat(txn, self->table[T_HEAD], &stat)));
	*out = (info.me_last_pgno + 1) * stat.ms_psize;
	return CS_OK;
}

enum cs_err state_facts(struct state *self, struct state_facts *out)
{
	CS_AUTO(txn_abort) MDB_txn *txn = NULL;
	struct cs_bytes digest;

	memset(out, 0, sizeof(*out));
	CS_TRY(txn_read(self, &txn));
	CS_TRY(head_position(self, txn, &out->position));
	CS_TRY(head_number(self, txn, "floor", &out->floor));
	CS_TRY(commit_log_from(self, txn, &out->log_from));
	CS_TRY(used_bytes(self, txn, &out->used_bytes));
	const enum cs_err rc = head_get(self, txn, "digest", &digest);
	if (rc == CS_ENOTFOUND)
		return CS_OK;
	CS_TRY(rc);
	if (digest.n != HASH_N + 8)
		return CS_ECORRUPT;
	memcpy(out->digest, digest.p, HASH_N);
	out->objects = get_be64(digest.p + HASH_N);
	return CS_OK;
}
