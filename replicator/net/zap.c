#include "replicator/net/zap.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define FRAMES 7 /* version, request, domain, address, identity, mechanism, key */
#define FRAME_MAX 256

struct zap {
	void *socket;
	pthread_t thread;
	pthread_mutex_t lock;
	struct zap_entry *entries;
	size_t count;
	bool open;
	uint64_t refused;
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t n;
};

static bool frame_is(const struct frame *f, const char *text)
{
	return f->n == strlen(text) && memcmp(f->bytes, text, f->n) == 0;
}

/* Reads one whole request; more frames than there should be are read and make it bad. Negative: the
 * context ends. */
static int receive(void *socket, struct frame frames[FRAMES])
{
	size_t count = 0;
	bool good = true;
	int more = 1;

	while (more != 0) {
		struct frame spill, *f = count < FRAMES ? &frames[count] : &spill;
		const int n = zmq_recv(socket, f->bytes, sizeof(f->bytes), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		f->n = (size_t)n;
		good = good && f->n <= sizeof(f->bytes);
		count++;
		size_t size = sizeof(more);
		if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
			return -1;
	}
	return good && count == FRAMES;
}

/* The User-Id of KEY into USER; false: refused. */
static bool decide(struct zap *self, const uint8_t key[32], char user[CS_ID_MAX + 16])
{
	bool allowed = false;

	pthread_mutex_lock(&self->lock);
	for (size_t i = 0; i < self->count && !allowed; i++) {
		if (memcmp(self->entries[i].key, key, 32) != 0)
			continue;
		snprintf(user, CS_ID_MAX + 16, "%s", self->entries[i].name);
		allowed = true;
	}
	if (!allowed && self->open) {
		snprintf(user, CS_ID_MAX + 16, "%s", ZAP_ENROL);
		allowed = true;
	}
	self->refused += !allowed;
	pthread_mutex_unlock(&self->lock);
	return allowed;
}

static bool reply(void *socket, const struct frame *request, bool allowed, const char *user)
{
	const char *code = allowed ? "200" : "400", *text = allowed ? "OK" : "unknown key";

	return zmq_send(socket, "1.0", 3, ZMQ_SNDMORE) >= 0 &&
	       zmq_send(socket, request->bytes, request->n, ZMQ_SNDMORE) >= 0 &&
	       zmq_send(socket, code, 3, ZMQ_SNDMORE) >= 0 &&
	       zmq_send(socket, text, strlen(text), ZMQ_SNDMORE) >= 0 &&
	       zmq_send(socket, user, strlen(user), ZMQ_SNDMORE) >= 0 &&
	       zmq_send(socket, "", 0, 0) >= 0;
}

static void *run(void *data)
{
	struct zap *self = data;
	struct frame f[FRAMES];
	char user[CS_ID_MAX + 16];

	for (;;) {
		const int good = receive(self->socket, f);
		if (good < 0)
			break;
		user[0] = '\0';
		const bool curve = good == 1 && frame_is(&f[0], "1.0") &&
		                   frame_is(&f[2], ZAP_DOMAIN) && frame_is(&f[5], "CURVE") &&
		                   f[6].n == 32;
		const bool allowed = curve && decide(self, f[6].bytes, user);
		if (!reply(self->socket, &f[1], allowed, user))
			break;
	}
	zmq_close(self->socket);
	return NULL;
}

enum cs_err zap_start(void *context, struct zap **out)
{
	struct zap *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	pthread_mutex_init(&self->lock, NULL);
	self->socket = zmq_socket(context, ZMQ_REP);
	const int linger = 0;
	if (self->socket == NULL ||
	        zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
	        zmq_bind(self->socket, "inproc://zeromq.zap.01") != 0 ||
	        pthread_create(&self->thread, NULL, run, self) != 0) {
		if (self->socket != NULL)
			zmq_close(self->socket);
		free(self);
		return CS_EIO;
	}
	*out = self;
	return CS_OK;
}

enum cs_err zap_allow(struct zap *self, const struct zap_entry *entries, size_t count)
{
	struct zap_entry *copy = calloc(count != 0 ? count : 1, sizeof(*copy));

	if (copy == NULL)
		return CS_ENOMEM;
	if (count != 0)
		memcpy(copy, entries, count * sizeof(*copy));
	pthread_mutex_lock(&self->lock);
	free(self->entries);
	self->entries = copy;
	self->count = count;
	pthread_mutex_unlock(&self->lock);
	return CS_OK;
}

void zap_open(struct zap *self, bool open)
{
	pthread_mutex_lock(&self->lock);
	self->open = open;
	pthread_mutex_unlock(&self->lock);
}

uint64_t zap_refused(struct zap *self)
{
	pthread_mutex_lock(&self->lock);
	const uint64_t n = self->refused;
	pthread_mutex_unlock(&self->lock);
	return n;
}

void zap_stop(struct zap **self)
{
	if (*self == NULL)
		return;
	pthread_join((*self)->thread, NULL);
	pthread_mutex_destroy(&(*self)->lock);
	free((*self)->entries);
	free(*self);
	*self = NULL;
}
