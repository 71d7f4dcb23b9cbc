#include "node/supervisor/reload.h"
#include <stdlib.h>
#include <string.h>
#include "node/config/config.h"
#include "proto/base/log.h"

struct reload {
	const struct wire_config *first;
	struct wire_config now;
	struct cs_arena *arena; /* of NOW, once it was read again */
};

enum cs_err reload_new(const struct wire_config *first, bool shared_user, struct reload **out)
{
	struct reload *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->first = first;
	self->now = *first;
	self->now.shared_user = shared_user;
	cs_log_setup("supervisor", first->name, (enum cs_log_format)first->log_format,
	        (enum cs_log_level)first->log_level);
	return CS_OK;
}

const struct wire_config *reload_config(const struct reload *self)
{
	return &self->now;
}

static bool same_texts(struct wire_texts a, struct wire_texts b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (strcmp(a.v[i], b.v[i]) != 0)
			return false;
	return true;
}

static void keep(bool same, const char *key)
{
	if (!same)
		cs_warning("%s changed in the file; that takes effect when certspand is restarted",
		        key);
}

/* What cannot change under running roles stays FIRST's. */
static void keep_fixed(struct wire_config *c, const struct wire_config *first)
{
	keep(strcmp(c->name, first->name) == 0, "node.name");
	keep(strcmp(c->state_dir, first->state_dir) == 0, "store.directory");
	keep(c->map_size == first->map_size, "store.map-size");
	keep(strcmp(c->runtime_dir, first->runtime_dir) == 0, "runtime-directory");
	keep(same_texts(c->edge_listen, first->edge_listen), "edge.listen");
	keep(c->workers == first->workers, "edge.workers");
	keep(strcmp(c->replication_listen, first->replication_listen) == 0, "replication.listen");
	c->name = first->name;
	c->state_dir = first->state_dir;
	c->map_size = first->map_size;
	c->runtime_dir = first->runtime_dir;
	c->edge_listen = first->edge_listen;
	c->workers = first->workers;
	c->replication_listen = first->replication_listen;
}

static void take(struct reload *self, struct wire_config *fresh, struct cs_arena **arena)
{
	keep_fixed(fresh, self->first);
	fresh->shared_user = self->now.shared_user;
	self->now = *fresh;
	cs_arena_free(&self->arena);
	self->arena = CS_STEAL(*arena);
	cs_log_setup("supervisor", fresh->name, (enum cs_log_format)fresh->log_format,
	        (enum cs_log_level)fresh->log_level);
	cs_notice("the configuration was read again and given to all roles");
}

const struct wire_config *reload_now(struct reload *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4096);
	struct wire_config fresh;

	enum cs_err rc = cs_arena_new(CS_UNPACK_MAX, &arena);
	if (rc == CS_OK)
		rc = config_read(self->first->config_file, arena, &fresh, &complaint);
	if (rc == CS_OK)
		take(self, &fresh, &arena);
	else
		cs_error("the configuration stays as it was: %s; next: certspan config check",
		        complaint.n > 0 ? cs_buf_text(&complaint) : cs_err_text(rc));
	return &self->now;
}

void reload_free(struct reload **self)
{
	if (*self == NULL)
		return;
	cs_arena_free(&(*self)->arena);
	free(*self);
	*self = NULL;
}
