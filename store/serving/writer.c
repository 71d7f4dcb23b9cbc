/* store/serving/writer.c: the view fixed at a position, and its publication. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/base/log.h"
#include "store/db/env.h"
#include "store/serving/derive.h"
#include "store/serving/stamp.h"

#define IDS_MAX (256u << 20) /* bytes of names of changed certificates */

struct serving_writer {
	struct view view;
	char *dir;
	char node[CS_ID_MAX + 1];
	struct view_meta published, next;
	bool any; /* something is published */
	bool rebuild; /* it cannot be read */
	MDB_txn *pending;
	struct serving reader;
};

/* --- opening --- */

static enum cs_err remove_file(const char *dir, const char *file)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return CS_ETOOBIG;
	return unlink(path) == 0 || errno == ENOENT ? CS_OK : cs_err_errno(errno);
}

/* What a crash of the machine may have torn goes before LMDB looks at it. */
static enum cs_err drop_untrusted(const char *dir)
{
	bool good;

	CS_TRY(stamp_check(dir, &good));
	if (good)
		return CS_OK;
	CS_TRY(remove_file(dir, "data.mdb"));
	CS_TRY(remove_file(dir, "lock.mdb"));
	return CS_OK;
}

static enum cs_err tables_open(struct serving_writer *self)
{
	CS_AUTO(view_abort) MDB_txn *txn = NULL;

	CS_TRY(env_err(mdb_txn_begin(self->view.env, NULL, 0, &txn)));
	CS_TRY(view_tables(&self->view, txn, true));
	return env_err(mdb_txn_commit(CS_STEAL(txn)));
}

static enum cs_err published_load(struct serving_writer *self)
{
	CS_AUTO(view_abort) MDB_txn *txn = NULL;

	CS_TRY(env_err(mdb_txn_begin(self->view.env, NULL, MDB_RDONLY, &txn)));
	const enum cs_err rc = view_meta_get(&self->view, txn, &self->published);
	if (rc != CS_OK && rc != CS_ENOTFOUND && rc != CS_ECORRUPT)
		return rc;
	self->any = rc == CS_OK;
	self->rebuild = rc == CS_ECORRUPT;
	if (self->rebuild)
		cs_error("serving store %s is damaged; it is derived anew", self->dir);
	return CS_OK;
}

static void writer_free(struct serving_writer **self)
{
	struct serving_writer *s = *self;

	if (s == NULL)
		return;
	view_abort(&s->pending);
	serving_end(&s->reader);
	env_close(&s->view.env);
	free(s->dir);
	free(s);
	*self = NULL;
}

static enum cs_err writer_new(const char *dir, const char *node, struct serving_writer **out)
{
	CS_AUTO(writer_free) struct serving_writer *self = calloc(1, sizeof(*self));

	if (self == NULL || (self->dir = strdup(dir)) == NULL)
		return CS_ENOMEM;
	if (strlen(node) > CS_ID_MAX)
		return CS_ETOOBIG;
	memcpy(self->node, node, strlen(node));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err serving_open(
        const char *dir, const char *node, size_t map_size, struct serving_writer **out)
{
	CS_AUTO(writer_free) struct serving_writer *self = NULL;

	*out = NULL;
	CS_TRY(writer_new(dir, node, &self));
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return cs_err_errno(errno);
	CS_TRY(drop_untrusted(dir));
	CS_TRY(stamp_open(dir));
	CS_TRY(env_open(dir, ENV_WRITER_DERIVED, map_size, &self->view.env));
	CS_TRY(tables_open(self));
	CS_TRY(published_load(self));
	serving_init(&self->reader, &self->view);
	*out = CS_STEAL(self);
	return CS_OK;
}

/* --- deriving --- */

/* Ids of certificates that changed, each once and in order. */
struct ids {
	struct cs_buf buf;
};

static void ids_free(struct ids *self)
{
	cs_buf_free(&self->buf);
}

static enum cs_err ids_add(void *data, uint32_t kind, const char *id)
{
	struct ids *self = data;
	char padded[CS_ID_MAX + 1] = { 0 };

	if (kind != OBJECT_BUNDLE && kind != OBJECT_CERTIFICATE && kind != OBJECT_CHAIN)
		return CS_OK;
	memcpy(padded, id, strlen(id));
	return cs_buf_add(&self->buf, padded, sizeof(padded));
}

static int ids_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum cs_err derive_certs(struct derive *derive, struct ids *ids)
{
	const size_t size = CS_ID_MAX + 1, n = ids->buf.n / size;
	const char *before = "";

	if (n == 0)
		return CS_OK;
	qsort(ids->buf.p, n, size, ids_order);
	for (size_t i = 0; i < n; i++) {
		const char *id = (const char *)ids->buf.p + i * size;
		if (strcmp(id, before) != 0)
			CS_TRY(derive_cert(derive, id));
		before = id;
	}
	return CS_OK;
}

/* Whether the published view is a ground for a delta: it can be read, is of this node and of a
 * commit on the state's line, in its log and above its floor (else a tombstone may be gone before
 * it was seen). */
static enum cs_err is_ground(const struct serving_writer *self, struct state *state, bool *out)
{
	const struct state_position *at = &self->published.position;
	const struct wire_position position = { { at->history, sizeof(at->history) }, at->seq,
		{ at->chain, sizeof(at->chain) } };
	enum state_relation relation;

	*out = false;
	if (!self->any || self->rebuild || strcmp(self->published.node, self->node) != 0)
		return CS_OK;
	CS_TRY(state_relate(state, &position, &relation));
	*out = relation == STATE_PREFIX;
	return CS_OK;
}

static enum cs_err tables_clear(struct serving_writer *self, MDB_txn *txn)
{
	for (size_t i = 0; i < V_COUNT; i++)
		CS_TRY(env_err(mdb_drop(txn, self->view.table[i], 0)));
	return CS_OK;
}

static enum cs_err start(
        struct serving_writer *self, struct state *state, MDB_txn *txn, uint64_t *from)
{
	bool ground;

	CS_TRY(is_ground(self, state, &ground));
	self->next = self->published;
	*from = self->published.position.seq;
	if (ground)
		return CS_OK;
	self->next = (struct view_meta){ 0 };
	memcpy(self->next.node, self->node, sizeof(self->next.node));
	*from = 0;
	return tables_clear(self, txn);
}

static enum cs_err derive_all(struct serving_writer *self, struct derive *derive)
{
	CS_AUTO(ids_free) struct ids ids = { cs_buf_new(IDS_MAX) };
	uint64_t from;

	CS_TRY(start(self, derive->state, derive->txn, &from));
	CS_TRY(state_keys_since(derive->state, from, ids_add, &ids, &self->next.position));
	CS_TRY(derive_certs(derive, &ids));
	CS_TRY(derive_rest(derive));
	return view_meta_put(&self->view, derive->txn, &self->next);
}

/* A state without an activation is a foreign or a torn one: what is served stays (replication.md
 * R2). */
static enum cs_err has_activation(const struct serving_writer *self, struct state *state)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_object object;

	if (!self->any || self->published.certificates == 0)
		return CS_OK;
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	const enum cs_err rc = state_get(state, OBJECT_ACTIVATION, "current", arena, &object);
	if (rc == CS_ENOTFOUND)
		cs_error("the state has no activation; the serving view stays as it is");
	return rc == CS_ENOTFOUND ? CS_ECONFLICT : rc;
}

static enum cs_err prepare_once(struct serving_writer *self, struct state *state,
        struct cs_arena *arena, struct wire_texts *changed)
{
	CS_AUTO(view_abort) MDB_txn *txn = NULL;
	struct derive derive = {
		.view = &self->view, .state = state, .arena = arena, .meta = &self->next
	};

	derive.changed = cs_arena_take(arena, DERIVE_CHANGED_MAX * sizeof(*derive.changed));
	if (derive.changed == NULL)
		return CS_ENOMEM;
	CS_TRY(env_err(mdb_txn_begin(self->view.env, NULL, 0, &txn)));
	derive.txn = txn;
	const enum cs_err rc = derive_all(self, &derive);
	self->rebuild |= derive.damaged;
	CS_TRY(rc);
	*changed = (struct wire_texts){ derive.changed, derive.changed_count };
	self->pending = CS_STEAL(txn);
	return CS_OK;
}

enum cs_err serving_prepare(struct serving_writer *self, struct state *state,
        struct cs_arena *arena, struct wire_texts *changed)
{
	if (self->pending != NULL)
		return CS_EBUG;
	CS_TRY(has_activation(self, state));
	const bool before = self->rebuild;
	const enum cs_err rc = prepare_once(self, state, arena, changed);
	if (rc != CS_ECORRUPT || before || !self->rebuild)
		return rc;
	cs_error("serving store %s is damaged; it is derived anew", self->dir);
	return prepare_once(self, state, arena, changed);
}

/* --- publishing --- */

bool serving_pending(const struct serving_writer *self, uint64_t *seq)
{
	if (self->pending != NULL)
		*seq = self->next.position.seq;
	return self->pending != NULL;
}

enum cs_err serving_publish(struct serving_writer *self)
{
	if (self->pending == NULL)
		return CS_EBUG;
	CS_TRY(env_err(mdb_txn_commit(CS_STEAL(self->pending))));
	self->published = self->next;
	self->any = true;
	self->rebuild = false;
	return CS_OK;
}

void serving_discard(struct serving_writer *self)
{
	view_abort(&self->pending);
}

uint64_t serving_published(const struct serving_writer *self)
{
	return self->any ? self->published.position.seq : 0;
}

unsigned serving_reader_check(struct serving_writer *self)
{
	return env_reader_check(self->view.env);
}

enum cs_err serving_reader_of(struct serving_writer *self, struct serving **out)
{
	*out = self->any ? &self->reader : NULL;
	return self->any ? CS_OK : CS_ENOTFOUND;
}

void serving_close(struct serving_writer **self)
{
	struct serving_writer *s = *self;

	if (s == NULL)
		return;
	view_abort(&s->pending);
	if (mdb_env_sync(s->view.env, 1) != MDB_SUCCESS || stamp_clean(s->dir) != CS_OK)
		cs_warning(
		        "serving store %s: not stopped cleanly; after a reboot it is derived anew",
		        s->dir);
	writer_free(self);
}
