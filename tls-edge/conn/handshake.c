#include <inttypes.h>
#include <openssl/err.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "tls-edge/conn/conn.h"

#define LOOK_UP_EVERY_MS 5000

static enum cs_err start(struct conn *self)
{
	self->ssl = SSL_new(self->home->parts.ctx);
	if (self->ssl == NULL || SSL_set_fd(self->ssl, self->client.fd) != 1)
		return CS_ENOMEM;
	SSL_set_accept_state(self->ssl);
	select_attach(self->ssl, &self->choice);
	return CS_OK;
}

/* What the admin can mend is said, at most once a second; what clients do wrong only on demand. */
static void say_failure(struct conn *self)
{
	struct conns *home = self->home;
	const enum cs_err signing = keyline_failure(home->parts.keyd), choice = self->choice.error;
	const unsigned long reason = ERR_peek_error();
	const struct cs_log_fields fields = { .cert = self->choice.made ? self->choice.pick.id
		                                                        : NULL };

	if (signing == CS_OK && choice == CS_OK) {
		cs_debug("handshake failed: %s",
		        reason != 0 ? ERR_reason_error_string(reason) : "connection closed");
		return;
	}
	if (!conn_may_say(&home->said_handshake))
		return;
	if (signing != CS_OK)
		cs_log_with(CS_LOG_ERROR, fields,
		        "handshake refused: keyd did not sign: %s; %" PRIu64 " failed so far",
		        cs_err_text(signing), home->tally.failed);
	else if (choice == CS_ENOTFOUND)
		cs_log_with(CS_LOG_WARNING, fields,
		        "handshake refused: this node has no certificate to serve yet");
	else
		cs_log_with(CS_LOG_ERROR, fields,
		        "handshake refused: no usable certificate: %s; %" PRIu64 " failed so far",
		        cs_err_text(choice), home->tally.failed);
}

/* The upstream's host was not found at start: looked up again, not at each connection, for it may
 * block. */
static bool has_upstream(struct conns *home)
{
	const int64_t now = cs_clock_mono_ms();

	if (home->upstream.length == 0 && now - home->upstream_tried >= LOOK_UP_EVERY_MS) {
		home->upstream_tried = now;
		if (upstream_read(home->upstream_text, &home->upstream) == CS_OK)
			cs_info("edge.upstream %s found", home->upstream_text);
	}
	return home->upstream.length != 0;
}

static enum cs_err begin(struct conn *self)
{
	struct conns *home = self->home;

	home->tally.handshakes++;
	home->tally.resumed += SSL_session_reused(self->ssl) == 1;
	self->client.ready = EPOLLIN;
	if (home->upstream_text[0] == '\0') {
		self->stage = CONN_PAGE;
		conn_enqueue(self, &home->idle);
		return answer_run(self);
	}
	if (has_upstream(home))
		return relay_begin(self);
	if (conn_may_say(&home->said_upstream))
		cs_error(
		        "connection closed: no such host in edge.upstream %s", home->upstream_text);
	return CS_EUNREACHABLE;
}

enum cs_err handshake_run(struct conn *self)
{
	if (self->ssl == NULL)
		CS_TRY(start(self));
	ERR_clear_error();
	(void)keyline_failure(self->home->parts.keyd);
	const int rc = SSL_do_handshake(self->ssl);
	if (rc == 1)
		return begin(self);
	switch (SSL_get_error(self->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return conn_want(self, &self->client, EPOLLIN);
	case SSL_ERROR_WANT_WRITE:
		return conn_want(self, &self->client, EPOLLOUT);
	default:
		self->home->tally.failed++;
		say_failure(self);
		return CS_ECLOSED;
	}
}
