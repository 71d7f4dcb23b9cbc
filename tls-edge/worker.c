#include "tls-edge/worker.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "proto/role/loop.h"
#include "tls-edge/conn/conns.h"
#include "tls-edge/provider/provider.h"
#include "tls-edge/tls/context.h"

#define LISTENERS_MAX 64
#define ACCEPTS_PER_TURN 64
#define BACK_OFF_MS                                                                                \
	100 /* after accept failed for want of descriptors or memory, or while CONNS_MAX are open  \
	     */
#define CACHE_CERTS 4096 /* parsed certificates of a worker: 5 KB each */

struct worker {
	struct role *role;
	struct loop *loop;
	struct keyline *keyd;
	struct select *select;
	SSL_CTX *ctx;
	struct conns *conns;
	int listeners[LISTENERS_MAX]; /* -1: none */
	struct loop_timer *pause, *drained;
	bool ready, draining;
	enum cs_err end;
};

static void finish(struct worker *self, enum cs_err why)
{
	self->end = why;
	loop_stop(self->loop);
}

/* --- accepting --- */

static void on_listener(void *data, int fd, uint32_t events);

static void listen_all(struct worker *self)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (self->listeners[i] >= 0 && loop_watch(self->loop, self->listeners[i], EPOLLIN,
		                                       on_listener, self) != CS_OK)
			cs_error("cannot watch listener %zu: no new connections there", i);
}

static void listen_none(struct worker *self)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		loop_unwatch(self->loop, self->listeners[i]);
}

static void on_pause_end(void *data)
{
	struct worker *self = data;

	self->pause = NULL;
	listen_all(self);
}

/* The kernel keeps who comes meanwhile in the backlog. */
static void back_off(struct worker *self, const char *why)
{
	if (self->pause != NULL || self->draining)
		return;
	cs_warning("accepting no connection for %d ms: %s; %zu are open", BACK_OFF_MS, why,
	        conns_count(self->conns));
	listen_none(self);
	if (loop_after(self->loop, BACK_OFF_MS, on_pause_end, self, &self->pause) != CS_OK)
		listen_all(self);
}

/* CS_OK: go on; CS_EAGAIN: nobody waits; else reason to back off. */
static enum cs_err accept_one(struct worker *self, int listener)
{
	if (conns_count(self->conns) >= CONNS_MAX)
		return CS_EFULL;
	const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		return conns_add(self->conns, fd) == CS_OK ? CS_OK : CS_ENOMEM;
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		return CS_ENOMEM;
	return errno == EAGAIN ? CS_EAGAIN
	                       : CS_OK; /* ECONNABORTED and its like: that client is gone */
}

static enum cs_err accept_some(struct worker *self, int listener, int most)
{
	enum cs_err rc = CS_OK;

	for (int i = 0; i < most && rc == CS_OK; i++)
		rc = accept_one(self, listener);
	return rc;
}

static void on_listener(void *data, int fd, uint32_t events)
{
	struct worker *self = data;

	(void)events;
	const enum cs_err rc = accept_some(self, fd, ACCEPTS_PER_TURN);
	if (rc == CS_EFULL)
		back_off(self, "at the limit of connections");
	if (rc == CS_ENOMEM)
		back_off(self, "out of descriptors or memory");
}

/* --- the supervisor's packets --- */

static void drop_listener(struct worker *self, size_t i)
{
	if (self->listeners[i] < 0)
		return;
	loop_unwatch(self->loop, self->listeners[i]);
	close(self->listeners[i]);
	self->listeners[i] = -1;
}

static void say_ready(struct worker *self)
{
	size_t n = 0;

	for (size_t i = 0; i < LISTENERS_MAX; i++)
		n += self->listeners[i] >= 0;
	if (self->ready || n < self->role->config->edge_listen.n)
		return;
	self->ready = true;
	if (role_ready(self->role, "no-private-keys") != CS_OK)
		finish(self, CS_ECLOSED);
}

static void take_listener(struct worker *self, size_t i, int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	if (i >= LISTENERS_MAX || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		cs_error("listener %zu cannot be used", i);
		close(fd);
		return;
	}
	drop_listener(self, i);
	self->listeners[i] = fd;
	if (self->pause == NULL && loop_watch(self->loop, fd, EPOLLIN, on_listener, self) != CS_OK)
		cs_error("cannot watch listener %zu: no new connections there", i);
}

static void take_fd(struct worker *self, const struct wire_fd *packet, int fd)
{
	if (fd < 0)
		return;
	if (strcmp(packet->what, "keyd") == 0) {
		keyline_connect(self->keyd, fd);
	} else if (strcmp(packet->what, "listen") == 0 && !self->draining) {
		take_listener(self, packet->index, fd);
		say_ready(self);
	} else {
		close(fd);
	}
}

static void on_drain_end(void *data)
{
	struct worker *self = data;

	self->drained = NULL;
	if (conns_count(self->conns) > 0)
		cs_notice("%zu connections cut at the end of the drain time",
		        conns_count(self->conns));
	finish(self, CS_OK);
}

/* Who was accepted by the kernel for us is still served; then the port is left to others. */
static void drain(struct worker *self, uint32_t ms)
{
	if (self->draining)
		return;
	self->draining = true;
	loop_cancel(self->loop, &self->pause);
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		if (self->listeners[i] >= 0 &&
		        accept_some(self, self->listeners[i], CONNS_MAX) != CS_EAGAIN)
			cs_warning("connections waiting at listener %zu were not taken", i);
		drop_listener(self, i);
	}
	conns_drain(self->conns);
	if (loop_after(self->loop, ms, on_drain_end, self, &self->drained) != CS_OK)
		finish(self, CS_OK);
}

static struct conns_config conns_config_of(const struct wire_config *c)
{
	return (struct conns_config){
		.node = c->name,
		.upstream = c->upstream,
		.handshake_timeout_s = c->handshake_timeout_s,
		.idle_timeout_s = c->idle_timeout_s,
	};
}

static void reconfigure(struct worker *self, struct wire_packet *packet)
{
	role_reconfigure(self->role, packet);
	const struct conns_config config = conns_config_of(self->role->config);
	const enum cs_err rc = conns_configure(self->conns, &config);
	if (rc != CS_OK)
		cs_error("edge.upstream %s cannot be used: %s", config.upstream, cs_err_text(rc));
}

static void obey(struct worker *self, struct wire_packet *packet, int fd)
{
	switch (packet->id) {
	case PACKET_fd:
		take_fd(self, packet->body, fd);
		return;
	case PACKET_config:
		reconfigure(self, packet);
		break;
	case PACKET_stop:
		drain(self, ((const struct wire_stop *)packet->body)->drain_ms);
		break;
	default:
		cs_warning("packet %u of the supervisor is not for an edge", packet->id);
	}
	if (fd >= 0)
		close(fd);
}

static void on_control(void *data, int fd, uint32_t events)
{
	struct worker *self = data;

	(void)events;
	for (;;) {
		CS_AUTO(wire_packet_free) struct wire_packet packet;
		int passed = -1;
		const enum cs_err rc = channel_receive(fd, &packet, &passed);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_ECLOSED || self->end != CS_EAGAIN) {
			finish(self, rc == CS_ECLOSED ? CS_ECLOSED : self->end);
			return;
		}
		if (rc == CS_OK)
			obey(self, &packet, passed);
		else
			cs_warning("unreadable packet of the supervisor: %s", cs_err_text(rc));
	}
}

/* --- life --- */

static enum cs_err build(struct worker *self, const struct source *source)
{
	const struct conns_config config = conns_config_of(self->role->config);

	CS_TRY(loop_new(&self->loop));
	CS_TRY(keyline_new(&self->keyd));
	CS_TRY(provider_load(self->keyd));
	CS_TRY(select_new(source, CACHE_CERTS, &self->select));
	const struct tls_hooks hooks = { select_hello, select_certificate, self->select };
	CS_TRY(tls_context_new(&hooks, &self->ctx));
	const struct conns_parts parts = { self->loop, self->ctx, self->select, self->keyd };
	CS_TRY(conns_new(&parts, &config, &self->conns));
	return loop_watch(self->loop, self->role->control, EPOLLIN, on_control, self);
}

enum cs_err worker_new(struct role *role, const struct source *source, struct worker **out)
{
	CS_AUTO(worker_free) struct worker *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->role = role;
	self->end = CS_EAGAIN;
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		self->listeners[i] = -1;
	CS_TRY(build(self, source));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err worker_run(struct worker *self)
{
	say_ready(self);
	while (self->end == CS_EAGAIN) {
		CS_TRY(loop_turn(self->loop, -1));
		if (self->draining && conns_count(self->conns) == 0)
			finish(self, CS_OK);
	}
	const struct conns_tally t = conns_tally(self->conns);
	cs_info("stops: %" PRIu64 " connections, %" PRIu64 " handshakes (%" PRIu64
	        " resumed), %" PRIu64 " failed, %" PRIu64 " timed out",
	        t.accepted, t.handshakes, t.resumed, t.failed, t.timed_out);
	return self->end;
}

void worker_free(struct worker **self)
{
	struct worker *w = *self;

	if (w == NULL)
		return;
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		drop_listener(w, i);
	conns_free(&w->conns);
	SSL_CTX_free(w->ctx);
	select_free(&w->select);
	provider_unload();
	keyline_free(&w->keyd);
	if (w->loop != NULL) {
		loop_cancel(w->loop, &w->pause);
		loop_cancel(w->loop, &w->drained);
	}
	loop_free(&w->loop);
	free(w);
	*self = NULL;
}
