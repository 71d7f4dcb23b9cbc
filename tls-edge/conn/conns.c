#include "tls-edge/conn/conns.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "tls-edge/conn/conn.h"

#define TICK_MS 100

enum cs_err conns_new(
        const struct conns_parts *parts, const struct conns_config *config, struct conns **out)
{
	CS_AUTO(conns_free) struct conns *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->parts = *parts;
	self->lingering.timeout_ms = LINGER_MS;
	CS_TRY(conns_configure(self, config));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err conns_configure(struct conns *self, const struct conns_config *config)
{
	snprintf(self->node, sizeof(self->node), "%s", config->node);
	snprintf(self->upstream_text, sizeof(self->upstream_text), "%s", config->upstream);
	self->handshaking.timeout_ms = (int64_t)config->handshake_timeout_s * 1000;
	self->idle.timeout_ms = (int64_t)config->idle_timeout_s * 1000;
	self->upstream_tried = cs_clock_mono_ms();
	const enum cs_err rc = upstream_read(config->upstream, &self->upstream);
	if (rc != CS_EUNREACHABLE)
		return rc;
	cs_warning("no such host in edge.upstream %s; looked up again with the next connections",
	        config->upstream);
	return CS_OK;
}

static bool expire(struct conns *self, struct conn_queue *queue, int64_t now)
{
	struct conn *conn = queue->head;

	if (conn == NULL || conn->due > now)
		return false;
	self->tally.timed_out += conn->stage == CONN_HANDSHAKE;
	conn_close(conn);
	return true;
}

static void tick(void *data)
{
	struct conns *self = data;
	struct conn_queue *const queues[] = { &self->handshaking, &self->idle, &self->lingering };
	const int64_t now = cs_clock_mono_ms();

	self->tick = NULL;
	for (size_t i = 0; i < CS_COUNT(queues); i++)
		while (expire(self, queues[i], now))
			continue;
	if (self->count > 0 &&
	        loop_after(self->parts.loop, TICK_MS, tick, self, &self->tick) != CS_OK)
		cs_error("out of memory: deadlines of connections wait for the next one to come");
}

static void on_client(void *data, int fd, uint32_t events)
{
	struct conn *conn = data;

	(void)fd;
	conn->client.ready = events & (EPOLLHUP | EPOLLERR) ? EPOLLIN | EPOLLOUT : events;
	conn_run(conn);
}

static void on_upstream(void *data, int fd, uint32_t events)
{
	struct conn *conn = data;

	(void)fd;
	conn->upstream.ready = events & (EPOLLHUP | EPOLLERR) ? EPOLLIN | EPOLLOUT : events;
	conn_run(conn);
}

enum cs_err conn_want(struct conn *self, struct conn_side *side, uint32_t events)
{
	struct loop *loop = self->home->parts.loop;

	if (events == side->watched)
		return CS_OK;
	const bool fresh = side->watched == 0;
	side->watched = events;
	if (events == 0) {
		loop_unwatch(loop, side->fd);
		return CS_OK;
	}
	if (fresh)
		return loop_watch(loop, side->fd, events,
		        side == &self->client ? on_client : on_upstream, self);
	return loop_change(loop, side->fd, events);
}

static void dequeue(struct conn *self)
{
	struct conn_queue *queue = self->queue;

	if (queue == NULL)
		return;
	*(self->prev != NULL ? &self->prev->next : &queue->head) = self->next;
	*(self->next != NULL ? &self->next->prev : &queue->tail) = self->prev;
	self->queue = NULL;
}

void conn_enqueue(struct conn *self, struct conn_queue *queue)
{
	dequeue(self);
	self->due = cs_clock_mono_ms() + queue->timeout_ms;
	self->queue = queue;
	self->next = NULL;
	self->prev = queue->tail;
	*(queue->tail != NULL ? &queue->tail->next : &queue->head) = self;
	queue->tail = self;
}

static enum cs_err add(struct conns *self, struct conn *conn, int fd)
{
	const int on = 1;

	*conn = (struct conn){ .home = self, .client.fd = fd, .upstream.fd = -1 };
	conn->in = cs_buf_new(2 * SCRATCH_MAX); /* a read on top of half a request */
	conn->out = cs_buf_new(SCRATCH_MAX);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
	        sizeof(on)); /* a unix socket of a test has none */
	CS_TRY(conn_want(conn, &conn->client, EPOLLIN));
	return self->tick == NULL ? loop_after(self->parts.loop, TICK_MS, tick, self, &self->tick)
	                          : CS_OK;
}

enum cs_err conns_add(struct conns *self, int fd)
{
	struct conn *conn = self->count < CONNS_MAX ? malloc(sizeof(*conn)) : NULL;

	if (conn == NULL) {
		close(fd);
		return self->count < CONNS_MAX ? CS_ENOMEM : CS_EAGAIN;
	}
	const enum cs_err rc = add(self, conn, fd);
	if (rc != CS_OK) {
		loop_unwatch(self->parts.loop, fd);
		close(fd);
		free(conn);
		return rc;
	}
	self->count++;
	self->tally.accepted++;
	conn_enqueue(conn, &self->handshaking);
	return CS_OK;
}

static void close_side(struct conn *self, struct conn_side *side)
{
	if (side->fd < 0)
		return;
	loop_unwatch(self->home->parts.loop, side->fd);
	close(side->fd);
}

void conn_close(struct conn *self)
{
	answer_end(self);
	dequeue(self);
	SSL_free(self->ssl);
	close_side(self, &self->client);
	close_side(self, &self->upstream);
	cs_buf_free(&self->in);
	cs_buf_free(&self->out);
	self->home->count--;
	free(self);
}

size_t conns_count(const struct conns *self)
{
	return self->count;
}

struct conns_tally conns_tally(const struct conns *self)
{
	return self->tally;
}

/* Between two requests, or not yet with a first one: nothing is lost. */
static bool is_idle(const struct conn *conn)
{
	return conn->stage == CONN_PAGE && conn->in.n == 0 && conn->out.n == 0 &&
	       conn->hold_left == 0;
}

void conns_drain(struct conns *self)
{
	struct conn *next;

	self->draining = true;
	for (struct conn *conn = self->idle.head; conn != NULL; conn = next) {
		next = conn->next;
		if (!is_idle(conn))
			continue;
		if (conn_goodbye(conn) != CS_OK)
			cs_debug("closed without close_notify: the client reads nothing");
		conn_close(conn);
	}
}

void conns_free(struct conns **self)
{
	if (*self == NULL)
		return;
	struct conn_queue *const queues[] = { &(*self)->handshaking, &(*self)->idle,
		&(*self)->lingering };
	for (size_t i = 0; i < CS_COUNT(queues); i++)
		while (queues[i]->head != NULL)
			conn_close(queues[i]->head);
	loop_cancel((*self)->parts.loop, &(*self)->tick);
	free(*self);
	*self = NULL;
}
