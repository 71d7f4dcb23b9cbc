/* Opening and closing of everything, in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sodium.h>
#include <zmq.h>
#include "proto/base/log.h"
#include "replicator/driver/start.h"
#include "replicator/enrol/desk.h"

#define SERVER_RETRY_MS 2000

static enum cs_err read_key(struct replicator *self)
{
	char path[CS_TEXT_MAX + 64];

	snprintf(path, sizeof(path), "%s/replicator.key", self->dir);
	const enum cs_err rc = replicator_key_read(path, &self->key);
	if (rc != CS_OK)
		cs_error("%s: %s", path, cs_err_text(rc));
	return rc;
}

static enum cs_err meta(struct replicator *self, const char *key, void *out, size_t n)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(1024);

	CS_TRY(state_local_get(self->state, LOCAL_META, key, &buf));
	if (buf.n != n)
		return CS_ECORRUPT;
	memcpy(out, buf.p, n);
	return CS_OK;
}

static enum cs_err open_state(struct replicator *self)
{
	CS_AUTO(cs_buf_free) struct cs_buf name = cs_buf_new(CS_ID_MAX + 1);
	char path[CS_TEXT_MAX + 64];

	snprintf(path, sizeof(path), "%s/state", self->dir);
	const enum cs_err rc =
	        state_open(path, true, false, self->role.config->map_size, &self->state);
	if (rc != CS_OK) {
		cs_error("%s: %s%s", path, cs_err_text(rc),
		        rc == CS_ENOTFOUND ? "; run certspan init or certspan join first" : "");
		return rc;
	}
	CS_TRY(meta(self, "cluster", self->cluster, 16));
	CS_TRY(state_local_get(self->state, LOCAL_META, "node", &name));
	if (strcmp(cs_buf_text(&name), self->name) == 0)
		return CS_OK;
	cs_error("%s is the store of node %s, the configuration says %s", path, cs_buf_text(&name),
	        self->name);
	return CS_ECONFIG;
}

static enum cs_err open_serving(struct replicator *self)
{
	char path[CS_TEXT_MAX + 64];

	snprintf(path, sizeof(path), "%s/serving", self->dir);
	if (mkdir(path, 0750) != 0 && access(path, W_OK) != 0)
		cs_warning("%s cannot be made or written", path);
	CS_TRY(serving_open(path, self->name, self->role.config->map_size, &self->serving));
	self->view.published = serving_published(self->serving);
	/* A backup without any view serves its own state: better than nothing, and it was stored by
	 * a mark. */
	if (self->view.published == 0 && self->leader == NULL)
		self->view.released = self->facts.position.seq;
	return CS_OK;
}

enum cs_err start_server(struct replicator *self)
{
	const char *address = self->role.config->replication_listen;

	self->server_retry_at = self->now + SERVER_RETRY_MS;
	if (address[0] == '\0')
		return CS_OK;
	zap_open(self->zap, false);
	enum cs_err rc = server_open(self->context, address,
	        (struct link_keys){ self->key.curve_public, self->key.curve_secret },
	        &self->server);
	if (rc == CS_OK)
		rc = server_probe(self->server);
	if (rc == CS_OK) {
		alarm_clear(self, ALARM_PORT);
		cs_info("listening for nodes on %s", server_endpoint(self->server));
		return CS_OK;
	}
	server_close(&self->server);
	const char *why = rc == CS_EDENIED ? "an unknown key was let in"
	                  : rc == CS_ETIMEOUT
	                          ? "the self-test had no answer"
	                          : "it cannot be bound: in use, or no address of this host";
	if (self->alarms[ALARM_PORT][0] == '\0')
		cs_error("replication port %s: %s; other nodes cannot connect; trying again",
		        address, why);
	alarm_raise(self, ALARM_PORT, "replication port %s: %s", address, why);
	return rc;
}

static enum cs_err open_net(struct replicator *self)
{
	self->context = zmq_ctx_new();
	if (self->context == NULL)
		return CS_EIO;
	zmq_ctx_set(self->context, ZMQ_MAX_SOCKETS, 4096);
	return zap_start(self->context, &self->zap);
}

enum cs_err start_all(struct replicator *self)
{
	snprintf(self->name, sizeof(self->name), "%s", self->role.config->name);
	snprintf(self->dir, sizeof(self->dir), "%s", self->role.config->state_dir);
	CS_TRY(read_key(self));
	CS_TRY(open_state(self));
	CS_TRY(opening_new(&self->opening));
	CS_TRY(host_new(&self->host));
	CS_TRY(prober_new(&self->prober));
	CS_TRY(replicator_refresh(self));
	CS_TRY(opening_scan(self->opening, self->state));
	CS_TRY(open_net(self));
	CS_TRY(replicator_reload_registry(self));
	CS_TRY(replicator_take_role(self));
	CS_TRY(open_serving(self));
	if (start_server(self) != CS_OK)
		cs_debug("without the port for now");
	return desk_open(self);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void stop_all(struct replicator *self)
{
	if (self->state != NULL && self->opening != NULL && self->fatal == CS_OK &&
	        opening_flush(self->opening, self->state) != CS_OK)
		cs_warning("what keyd opened last is not kept; it opens it again");
	desk_close(self);
	client_close(&self->client);
	server_close(&self->server);
	if (self->context != NULL)
		zmq_ctx_shutdown(self->context);
	zap_stop(&self->zap);
	if (self->context != NULL)
		zmq_ctx_term(self->context);
	leader_free(&self->leader);
	follower_free(&self->follower);
	for (size_t i = 0; i < self->post_count; i++) {
		cs_buf_free(&self->posts[i].mark);
		wire_packet_free(&self->posts[i].status);
	}
	free(self->posts);
	free(self->upstreams);
	admin_forget(self);
	free(self->callers);
	wire_packet_free(&self->head);
	wire_packet_free(&self->keyd_state);
	opening_free(&self->opening);
	prober_free(&self->prober);
	host_free(&self->host);
	registry_free(&self->registry);
	cs_arena_free(&self->reign_arena);
	cs_arena_free(&self->changed_arena);
	if (self->serving != NULL)
		serving_close(&self->serving);
	state_close(&self->state);
	close_fd(&self->admin);
	close_fd(&self->keyd_fd);
	close_fd(&self->prober_fd);
	sodium_memzero(&self->key, sizeof(self->key));
}
