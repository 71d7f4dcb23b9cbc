#include "node/admin/link.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"

#define ATTACH_WAIT_MS 2000 /* a replicator that restarts is back by then */
#define SEND_WAIT_MS 2000

/* Lives on the stack of the thread that waits. */
struct waiter {
	struct waiter *next;
	uint64_t tag;
	bool done;
	enum cs_err err;
	struct wire_packet packet;
};

struct link {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *peer;
	struct waiter *waiters;
	uint64_t tag;
	int fd; /* -1: none */
	int wake; /* eventfd: the receiving thread looks at fd anew */
};

static void fail_all(struct link *self)
{
	for (struct waiter *w = self->waiters; w != NULL; w = w->next) {
		if (w->done)
			continue;
		w->done = true;
		w->err = CS_EUNREACHABLE;
	}
	pthread_cond_broadcast(&self->changed);
}

static void wake(struct link *self)
{
	const uint64_t one = 1;

	if (write(self->wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
		cs_warning("cannot wake the thread of a channel; it looks again by itself");
}

void link_attach(struct link *self, int fd)
{
	pthread_mutex_lock(&self->lock);
	fail_all(self);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = fd;
	pthread_cond_broadcast(&self->changed);
	pthread_mutex_unlock(&self->lock);
	wake(self);
}

static void deliver(struct link *self, struct wire_packet *packet)
{
	const uint64_t tag = *(const uint64_t *)packet->body; /* every answer begins with it */

	for (struct waiter *w = self->waiters; w != NULL; w = w->next) {
		if (w->tag != tag || w->done)
			continue;
		w->packet = *packet;
		w->done = true;
		pthread_cond_broadcast(&self->changed);
		return;
	}
	wire_packet_free(packet); /* whoever asked has given up */
}

static bool is_answer(unsigned id)
{
	return id == PACKET_changes || id == PACKET_outcome || id == PACKET_facts ||
	       id == PACKET_identity || id == PACKET_minted;
}

/* Takes all that has come; the lock is held, so that the descriptor stays ours. */
static void receive(struct link *self)
{
	while (self->fd >= 0) {
		struct wire_packet packet;
		const enum cs_err rc = channel_receive(self->fd, &packet, NULL);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_OK && is_answer(packet.id)) {
			deliver(self, &packet);
			continue;
		}
		if (rc == CS_OK)
			wire_packet_free(&packet);
		if (rc != CS_ECLOSED)
			continue; /* a newer replicator may say more than we know */
		cs_warning("%s is gone; requests fail until it is back", self->peer);
		close(self->fd);
		self->fd = -1;
		fail_all(self);
	}
}

static void *run(void *data)
{
	struct link *self = data;

	for (;;) {
		pthread_mutex_lock(&self->lock);
		struct pollfd fds[] = { { self->wake, POLLIN, 0 }, { self->fd, POLLIN, 0 } };
		pthread_mutex_unlock(&self->lock);
		if (poll(fds, 2, 1000) < 0 && errno != EINTR)
			cs_error("poll: %s", cs_err_text(cs_err_errno(errno)));
		uint64_t count;
		if (fds[0].revents != 0 && read(self->wake, &count, sizeof(count)) < 0 &&
		        errno != EAGAIN)
			cs_error("eventfd: %s", cs_err_text(cs_err_errno(errno)));
		pthread_mutex_lock(&self->lock);
		receive(self);
		pthread_mutex_unlock(&self->lock);
	}
	return NULL;
}

enum cs_err link_new(const char *peer, struct link **out)
{
	struct link *self = calloc(1, sizeof(*self));
	pthread_condattr_t clock;
	pthread_t thread;

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->peer = peer;
	self->fd = -1;
	self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&self->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&self->changed, &clock);
	pthread_condattr_destroy(&clock);
	if (self->wake < 0 || pthread_create(&thread, NULL, run, self) != 0) {
		free(self);
		return CS_ENOMEM;
	}
	pthread_detach(thread);
	*out = self;
	return CS_OK;
}

/* False when DEADLINE (monotonic) has passed. */
static bool wait_until(struct link *self, int64_t deadline_ms)
{
	const struct timespec at = { deadline_ms / 1000, deadline_ms % 1000 * 1000000 };

	return pthread_cond_timedwait(&self->changed, &self->lock, &at) != ETIMEDOUT;
}

static enum cs_err await_channel(struct link *self, int64_t deadline_ms)
{
	while (self->fd < 0)
		if (!wait_until(self, deadline_ms))
			return CS_EUNREACHABLE;
	return CS_OK;
}

static void forget(struct link *self, struct waiter *waiter)
{
	for (struct waiter **at = &self->waiters; *at != NULL; at = &(*at)->next) {
		if (*at != waiter)
			continue;
		*at = waiter->next;
		return;
	}
}

static enum cs_err ask_locked(struct link *self, unsigned packet, void *body, int64_t deadline_ms,
        struct wire_packet *out)
{
	struct waiter waiter = { .tag = ++self->tag };

	*(uint64_t *)body = waiter.tag;
	CS_TRY(await_channel(self, cs_clock_mono_ms() + ATTACH_WAIT_MS));
	const enum cs_err sent =
	        channel_send_wait(self->fd, packet, body, cs_clock_mono_ms() + SEND_WAIT_MS);
	if (sent != CS_OK)
		return sent == CS_ECLOSED || sent == CS_ETIMEOUT ? CS_EUNREACHABLE : sent;
	waiter.next = self->waiters;
	self->waiters = &waiter;
	while (!waiter.done && wait_until(self, deadline_ms))
		;
	forget(self, &waiter);
	*out = waiter.packet;
	return waiter.done ? waiter.err : CS_ETIMEOUT;
}

enum cs_err link_ask(struct link *self, unsigned packet, void *body, unsigned want,
        int64_t timeout_ms, struct wire_packet *out)
{
	*out = (struct wire_packet){ 0 };
	pthread_mutex_lock(&self->lock);
	const enum cs_err rc = ask_locked(self, packet, body, cs_clock_mono_ms() + timeout_ms, out);
	pthread_mutex_unlock(&self->lock);
	if (rc != CS_OK || out->id == want)
		return rc;
	wire_packet_free(out);
	return CS_EMALFORMED;
}
