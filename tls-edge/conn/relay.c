#include <errno.h>
#include <sys/socket.h>
#include "proto/base/log.h"
#include "tls-edge/conn/conn.h"

/* Both directions end apart (RFC 8446 6.1): close_notify of the client becomes a FIN to the
 * upstream, and the other way round. */

enum cs_err relay_begin(struct conn *self)
{
	struct conns *home = self->home;

	self->stage = CONN_RELAY;
	const enum cs_err rc = upstream_connect(&home->upstream, &self->upstream.fd);
	if (rc != CS_OK) {
		if (conn_may_say(&home->said_upstream))
			cs_error("connection closed: upstream %s: %s", home->upstream_text,
			        cs_err_text(rc));
		return rc;
	}
	CS_TRY(conn_want(self, &self->client, 0));
	return conn_want(self, &self->upstream, EPOLLOUT);
}

static enum cs_err arrive(struct conn *self)
{
	struct conns *home = self->home;
	const enum cs_err rc = upstream_arrived(self->upstream.fd);

	if (rc != CS_OK && conn_may_say(&home->said_upstream))
		cs_error("connection closed: upstream %s does not answer", home->upstream_text);
	CS_TRY(rc);
	self->connected = true;
	self->client.ready = EPOLLIN; /* the request may be here already */
	conn_enqueue(self, &home->idle);
	return CS_OK;
}

/* The upstream reads no more; what it said before that still goes to the client. */
static void lose(struct conn *self)
{
	self->lost = self->in_end = self->in_shut = true;
	cs_buf_free(&self->in);
}

/* As much of BYTES as goes now: 0 when the socket is full, or nobody reads. */
static size_t send_some(struct conn *self, const uint8_t *bytes, size_t n)
{
	const ssize_t sent = send(self->upstream.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		lose(self);
	return sent > 0 ? (size_t)sent : 0;
}

static void flush_in(struct conn *self)
{
	size_t went = 1;

	while (self->in.n > 0 && went > 0) {
		went = send_some(self, self->in.p, self->in.n);
		if (went > 0)
			cs_buf_consume(&self->in, went);
	}
	if (self->in.n == 0)
		cs_buf_free(&self->in);
}

static enum cs_err pass_in(struct conn *self, size_t n)
{
	const uint8_t *bytes = self->home->scratch;

	conn_enqueue(self, &self->home->idle);
	const size_t went = send_some(self, bytes, n);
	return went < n && !self->lost ? cs_buf_add(&self->in, bytes + went, n - went) : CS_OK;
}

static enum cs_err end_in(struct conn *self)
{
	if (!self->in_shut && shutdown(self->upstream.fd, SHUT_WR) != 0)
		return CS_ECLOSED;
	self->in_shut = true;
	return CS_OK;
}

/* Client to upstream. */
static enum cs_err pump_in(struct conn *self)
{
	flush_in(self);
	for (int i = 0; i < BURST && self->in.n == 0 && !self->in_end && self->client.ready != 0;
	        i++) {
		size_t n;
		const enum cs_err rc = conn_read(self, &n);
		if (rc == CS_EAGAIN)
			return CS_OK;
		self->in_end = rc == CS_ECLOSED;
		if (self->in_end)
			break;
		CS_TRY(rc);
		CS_TRY(pass_in(self, n));
	}
	return self->in_end && self->in.n == 0 ? end_in(self) : CS_OK;
}

static enum cs_err end_out(struct conn *self)
{
	if (self->out_shut)
		return CS_OK;
	const enum cs_err rc = conn_goodbye(self);
	self->out_shut = rc == CS_OK;
	self->write_first = rc == CS_EAGAIN;
	return rc == CS_EAGAIN ? CS_OK : rc;
}

/* Upstream to client. */
static enum cs_err pump_out(struct conn *self)
{
	struct conns *home = self->home;

	CS_TRY(conn_flush(self));
	for (int i = 0;
	        i < BURST && self->out.n == 0 && !self->out_end && self->upstream.ready != 0; i++) {
		const ssize_t n =
		        recv(self->upstream.fd, home->scratch, sizeof(home->scratch), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? CS_OK : CS_ECLOSED;
		self->out_end = n == 0;
		conn_enqueue(self, &home->idle);
		CS_TRY(conn_write(self, home->scratch, (size_t)n));
	}
	return self->out_end && self->out.n == 0 ? end_out(self) : CS_OK;
}

static enum cs_err want(struct conn *self)
{
	const bool read_client = self->in.n == 0 && !self->in_end,
	           read_upstream = self->out.n == 0 && !self->out_end;
	const bool write_client = self->out.n > 0 || self->write_first;

	CS_TRY(conn_want(self, &self->client,
	        (read_client ? EPOLLIN : 0u) | (write_client ? EPOLLOUT : 0u)));
	return conn_want(self, &self->upstream,
	        (read_upstream ? EPOLLIN : 0u) | (self->in.n > 0 ? EPOLLOUT : 0u));
}

enum cs_err relay_run(struct conn *self)
{
	if (!self->connected)
		CS_TRY(arrive(self));
	CS_TRY(pump_in(self));
	CS_TRY(pump_out(self));
	if (self->in_shut && self->out_shut)
		return self->lost ? conn_linger(self) : CS_ECLOSED;
	return want(self);
}
