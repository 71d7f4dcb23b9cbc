#include "tls-edge/conn/conn.h"
#include <sys/socket.h>
#include <openssl/err.h>
#include "proto/base/clock.h"

#define SAY_EVERY_MS 1000

bool conn_may_say(int64_t *last)
{
	const int64_t now = cs_clock_mono_ms();

	if (*last != 0 && now - *last < SAY_EVERY_MS)
		return false;
	*last = now;
	return true;
}

static enum cs_err linger_run(struct conn *self)
{
	const ssize_t n = recv(
	        self->client.fd, self->home->scratch, sizeof(self->home->scratch), MSG_DONTWAIT);

	return n > 0 ? CS_OK : CS_ECLOSED;
}

void conn_run(struct conn *self)
{
	static enum cs_err (*const stages[])(struct conn *) = {
		[CONN_HANDSHAKE] = handshake_run,
		[CONN_RELAY] = relay_run,
		[CONN_PAGE] = answer_run,
		[CONN_LINGER] = linger_run,
	};
	const enum cs_err rc = stages[self->stage](self);

	self->client.ready = self->upstream.ready = 0;
	if (rc != CS_OK)
		conn_close(self);
}

enum cs_err conn_linger(struct conn *self)
{
	const enum cs_err rc = conn_goodbye(self);

	if (rc == CS_EAGAIN)
		return conn_want(self, &self->client, EPOLLOUT);
	CS_TRY(rc);
	self->stage = CONN_LINGER;
	conn_enqueue(self, &self->home->lingering);
	return conn_want(self, &self->client, EPOLLIN);
}

enum cs_err conn_read(struct conn *self, size_t *n)
{
	ERR_clear_error();
	const int rc = SSL_read_ex(self->ssl, self->home->scratch, sizeof(self->home->scratch), n);
	self->write_first = false;
	if (rc == 1)
		return CS_OK;
	*n = 0;
	switch (SSL_get_error(self->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return CS_EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		self->write_first = true;
		return CS_EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return CS_ECLOSED;
	default: /* a FIN without close_notify too: cut text must not look whole to the upstream */
		return CS_EIO;
	}
}

/* *WENT: 0 when the socket is full. */
static enum cs_err write_some(struct conn *self, const uint8_t *bytes, size_t n, size_t *went)
{
	*went = 0;
	ERR_clear_error();
	const int rc = SSL_write_ex(self->ssl, bytes, n, went);
	if (rc == 1)
		return CS_OK;
	*went = 0;
	const int why = SSL_get_error(self->ssl, rc);
	return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? CS_OK : CS_EIO;
}

enum cs_err conn_flush(struct conn *self)
{
	while (self->out.n > 0) {
		size_t went;
		CS_TRY(write_some(self, self->out.p, self->out.n, &went));
		if (went == 0)
			return CS_OK;
		cs_buf_consume(&self->out, went);
	}
	cs_buf_free(&self->out);
	return CS_OK;
}

enum cs_err conn_write(struct conn *self, const uint8_t *bytes, size_t n)
{
	while (n > 0 && self->out.n == 0) {
		size_t went;
		CS_TRY(write_some(self, bytes, n, &went));
		if (went == 0)
			break;
		bytes += went;
		n -= went;
	}
	return n > 0 ? cs_buf_add(&self->out, bytes, n) : CS_OK;
}

enum cs_err conn_goodbye(struct conn *self)
{
	ERR_clear_error();
	const int rc = SSL_shutdown(self->ssl);
	if (rc < 0 && SSL_get_error(self->ssl, rc) == SSL_ERROR_WANT_WRITE)
		return CS_EAGAIN;
	(void)shutdown(self->client.fd, SHUT_WR);
	return CS_OK;
}
