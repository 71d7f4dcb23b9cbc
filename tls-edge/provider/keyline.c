#include "tls-edge/provider/keyline.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/wire/sign.h"

struct keyline {
	int fd; /* -1: down */
	uint32_t tag;
	int64_t stuck_until; /* 0: not stuck */
	enum cs_err failure;
	uint8_t packet[SIGN_PACKET_MAX]; /* what keyd sent last */
};

enum cs_err keyline_new(struct keyline **out)
{
	struct keyline *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->fd = -1;
	return CS_OK;
}

static void hang_up(struct keyline *self)
{
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	self->stuck_until = 0;
}

void keyline_connect(struct keyline *self, int fd)
{
	hang_up(self);
	self->fd = fd;
}

bool keyline_up(const struct keyline *self)
{
	return self->fd >= 0;
}

static enum cs_err wait_for(const struct keyline *self, short event, int64_t deadline)
{
	for (;;) {
		const int64_t left = deadline - cs_clock_mono_ms();
		struct pollfd p = { .fd = self->fd, .events = event };
		const int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return CS_OK;
		if (n == 0)
			return CS_ETIMEOUT;
		if (errno != EINTR)
			return cs_err_errno(errno);
	}
}

static enum cs_err put(struct keyline *self, const uint8_t *packet, size_t n, int64_t deadline)
{
	for (;;) {
		if (send(self->fd, packet, n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return CS_OK;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != ENOBUFS)
			return CS_ECLOSED;
		CS_TRY(wait_for(self, POLLOUT, deadline));
	}
}

/* One packet into self->packet, if there is one now. */
static enum cs_err get(struct keyline *self, struct cs_bytes *out)
{
	ssize_t n;

	do
		n = recv(self->fd, self->packet, sizeof(self->packet), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return CS_EAGAIN;
	if (n <= 0)
		return CS_ECLOSED;
	*out = (struct cs_bytes){ self->packet, (size_t)n };
	return CS_OK;
}

/* The reply to TAG out of PACKET; late answers to requests that were given up are passed over. */
static enum cs_err find(struct cs_bytes packet, uint32_t tag, struct sign_reply *out)
{
	do
		CS_TRY(sign_reply_take(&packet, out));
	while (out->tag != tag);
	return CS_OK;
}

static enum cs_err await(struct keyline *self, int64_t deadline, struct sign_reply *out)
{
	for (;;) {
		struct cs_bytes packet = { 0 };
		CS_TRY(wait_for(self, POLLIN, deadline));
		enum cs_err rc = get(self, &packet);
		if (rc == CS_EAGAIN)
			continue;
		CS_TRY(rc);
		rc = find(packet, self->tag, out);
		if (rc != CS_ENOTFOUND)
			return rc;
	}
}

static enum cs_err ask_keyd(
        struct keyline *self, const struct keyline_ask *ask, struct sign_reply *reply)
{
	struct sign_request request = { .scheme = ask->scheme, .tls13 = ask->tls13 };
	uint8_t packet[sizeof(request)];
	const int64_t deadline = cs_clock_mono_ms() + KEYLINE_WAIT_MS;

	if (ask->text.n > sizeof(request.text) || strlen(ask->key) >= sizeof(request.key))
		return CS_ETOOBIG;
	request.tag = ++self->tag;
	memcpy(request.key, ask->key, strlen(ask->key));
	request.text_len = (uint16_t)ask->text.n;
	memcpy(request.text, ask->text.p, ask->text.n);
	CS_TRY(put(self, packet, sign_request_put(packet, 0, &request), deadline));
	return await(self, deadline, reply);
}

/* Stuck until keyd said anything (late answers wait in the socket) or it is time for another try.
 */
static bool stuck(struct keyline *self)
{
	struct cs_bytes packet;

	if (self->stuck_until == 0)
		return false;
	while (self->fd >= 0) {
		const enum cs_err rc = get(self, &packet);
		if (rc == CS_EAGAIN)
			break;
		self->stuck_until = 0;
		if (rc != CS_OK)
			hang_up(self);
	}
	return self->stuck_until > cs_clock_mono_ms();
}

static enum cs_err sign(
        struct keyline *self, const struct keyline_ask *ask, uint8_t *signature, size_t *n)
{
	struct sign_reply reply;

	if (stuck(self))
		return CS_ETIMEOUT;
	if (self->fd < 0)
		return CS_ECLOSED;
	const enum cs_err rc = ask_keyd(self, ask, &reply);
	self->stuck_until = rc == CS_ETIMEOUT ? cs_clock_mono_ms() + KEYLINE_RETRY_MS : 0;
	if (rc == CS_ECLOSED || rc == CS_EMALFORMED)
		hang_up(self);
	CS_TRY(rc);
	if (reply.err != CS_OK)
		return reply.err < CS_ERR_COUNT ? (enum cs_err)reply.err : CS_EMALFORMED;
	if (reply.signature_len == 0 || reply.signature_len > *n)
		return CS_EMALFORMED;
	memcpy(signature, reply.signature, reply.signature_len);
	*n = reply.signature_len;
	return CS_OK;
}

enum cs_err keyline_sign(
        struct keyline *self, const struct keyline_ask *ask, uint8_t *signature, size_t *n)
{
	const enum cs_err rc = sign(self, ask, signature, n);

	if (rc != CS_OK)
		self->failure = rc;
	return rc;
}

enum cs_err keyline_failure(struct keyline *self)
{
	const enum cs_err rc = self->failure;

	self->failure = CS_OK;
	return rc;
}

void keyline_free(struct keyline **self)
{
	if (*self != NULL)
		hang_up(*self);
	free(*self);
	*self = NULL;
}
