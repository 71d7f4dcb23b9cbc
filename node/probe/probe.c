#include "node/probe/probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define ANSWER_MAX ((CS_CHAIN_MAX + 1) * (size_t)CS_DER_MAX + 16384)

enum phase { PHASE_CONNECT, PHASE_HANDSHAKE, PHASE_DONE };

struct probe {
	int fd;
	SSL *ssl;
	enum phase phase;
	short wait_for; /* POLLIN, POLLOUT */
	int64_t deadline_ms, began_us;
	enum cs_err err;
	char error[128];
};

static SSL_CTX *context;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

/* What an old key or a weak chain looks like is the report's business: the probe itself takes any.
 */
static void context_make(void)
{
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL)
		return;
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

void probe_answer_free(struct probe_answer *self)
{
	cs_arena_free(&self->arena);
	*self = (struct probe_answer){ 0 };
}

void probe_free(struct probe **self)
{
	if (*self == NULL)
		return;
	SSL_free((*self)->ssl);
	if ((*self)->fd >= 0)
		close((*self)->fd);
	free(*self);
	*self = NULL;
}

static void fail(struct probe *self, enum cs_err err, const char *what, const char *why)
{
	char shown[100];

	self->phase = PHASE_DONE;
	self->err = err;
	snprintf(
	        self->error, sizeof(self->error), "%s%s", what, cs_show(why, shown, sizeof(shown)));
}

static enum cs_err resolve(const char *address, struct addrinfo **out)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char host[CS_ENDPOINT_MAX];
	const char *colon = strrchr(address, ':');
	const bool v6 = address[0] == '[';

	snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - (v6 ? 2 : 0),
	        address + (v6 ? 1 : 0));
	const int rc = getaddrinfo(host, colon + 1, &hints, out);
	return rc == 0 ? CS_OK : rc == EAI_MEMORY ? CS_ENOMEM : CS_EUNREACHABLE;
}

static void connect_first(struct probe *self, const struct addrinfo *list)
{
	int saved = EADDRNOTAVAIL;

	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 &&
		        (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS)) {
			self->fd = fd;
			self->wait_for = POLLOUT;
			return;
		}
		saved = errno;
		if (fd >= 0)
			close(fd);
	}
	fail(self, CS_EUNREACHABLE, "connect: ", strerror(saved));
}

static bool is_address(const char *text)
{
	struct in6_addr any;

	return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

static enum cs_err tls_new(struct probe *self, const struct probe_question *q)
{
	pthread_once(&context_once, context_make);
	self->ssl = context != NULL ? SSL_new(context) : NULL;
	if (self->ssl == NULL)
		return CS_ENOMEM;
	SSL_set_connect_state(self->ssl);
	if (q->kind == PROBE_NO_SNI || q->sni == NULL || q->sni[0] == '\0' || is_address(q->sni))
		return CS_OK;
	return SSL_set_tlsext_host_name(self->ssl, q->sni) == 1 ? CS_OK : CS_EMALFORMED;
}

enum cs_err probe_start(const struct probe_question *q, struct probe **out)
{
	CS_AUTO(probe_free) struct probe *self = calloc(1, sizeof(*self));
	struct addrinfo *list = NULL;

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->fd = -1;
	self->deadline_ms = q->deadline_ms;
	self->began_us = cs_clock_mono_us();
	if (!cs_endpoint_ok(q->address, false) || (q->sni != NULL && strlen(q->sni) > CS_NAME_MAX))
		return CS_EMALFORMED;
	CS_TRY(tls_new(self, q));
	const enum cs_err rc = resolve(q->address, &list);
	if (rc == CS_ENOMEM)
		return rc;
	if (rc == CS_OK) {
		connect_first(self, list);
		freeaddrinfo(list);
	} else {
		fail(self, CS_EUNREACHABLE, "name look-up failed: ", q->address);
	}
	*out = CS_STEAL(self);
	return CS_OK;
}

int probe_fd(const struct probe *self)
{
	return self->phase == PHASE_DONE ? -1 : self->fd;
}

uint32_t probe_events(const struct probe *self)
{
	return (uint32_t)self->wait_for;
}

static void step_connect(struct probe *self)
{
	int saved = 0;
	socklen_t n = sizeof(saved);
	struct pollfd p = { .fd = self->fd, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1)
		return;
	if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &saved, &n) != 0 || saved != 0) {
		fail(self, CS_EUNREACHABLE, "connect: ", strerror(saved != 0 ? saved : errno));
		return;
	}
	if (SSL_set_fd(self->ssl, self->fd) != 1)
		fail(self, CS_ENOMEM, "", "out of memory");
	else
		self->phase = PHASE_HANDSHAKE;
}

static void step_handshake(struct probe *self)
{
	ERR_clear_error();
	errno = 0;
	const int rc = SSL_do_handshake(self->ssl);
	const int saved = errno;
	switch (SSL_get_error(self->ssl, rc)) {
	case SSL_ERROR_NONE:
		self->phase = PHASE_DONE;
		return;
	case SSL_ERROR_WANT_READ:
		self->wait_for = POLLIN;
		return;
	case SSL_ERROR_WANT_WRITE:
		self->wait_for = POLLOUT;
		return;
	case SSL_ERROR_SSL: {
		const char *why = ERR_reason_error_string(ERR_peek_last_error());
		fail(self, CS_ECLOSED, "handshake: ", why != NULL ? why : "refused");
		return;
	}
	default:
		fail(self, CS_ECLOSED, "handshake: ",
		        saved != 0 ? strerror(saved) : "the server closed the connection");
	}
}

static enum cs_err der_of(const X509 *x, struct cs_arena *arena, struct cs_bytes *out)
{
	const int n = i2d_X509(x, NULL);

	if (n <= 0 || (size_t)n > CS_DER_MAX)
		return CS_ETOOBIG;
	uint8_t *p = cs_arena_take(arena, (size_t)n);
	if (p == NULL)
		return CS_ENOMEM;
	*out = (struct cs_bytes){ p, (size_t)n };
	return i2d_X509(x, &p) == n ? CS_OK : CS_ECRYPTO;
}

/* For a client the peer's chain holds the leaf too, as its first. */
static enum cs_err take_chain(const struct probe *self, struct probe_answer *out)
{
	STACK_OF(X509) *all = SSL_get_peer_cert_chain(self->ssl);
	const int n = all != NULL ? sk_X509_num(all) : 0;

	if (n < 1 || n > CS_CHAIN_MAX + 1)
		return CS_ETOOBIG;
	struct cs_bytes *chain = cs_arena_take(out->arena, (size_t)n * sizeof(*chain));
	if (chain == NULL)
		return CS_ENOMEM;
	CS_TRY(der_of(sk_X509_value(all, 0), out->arena, &out->leaf));
	for (int i = 1; i < n; i++)
		CS_TRY(der_of(sk_X509_value(all, i), out->arena, &chain[i - 1]));
	out->chain = chain;
	out->chain_count = (size_t)n - 1;
	SHA256(out->leaf.p, out->leaf.n, out->sha256);
	return CS_OK;
}

static enum cs_err succeed(struct probe *self, struct probe_answer *out)
{
	const char *cipher = SSL_get_cipher_name(self->ssl);

	CS_TRY(cs_arena_new(ANSWER_MAX, &out->arena));
	const enum cs_err rc = take_chain(self, out);
	(void)SSL_shutdown(self->ssl); /* a polite close_notify; its answer is of no interest */
	if (rc == CS_ENOMEM)
		return rc;
	if (rc != CS_OK)
		fail(self, CS_ECLOSED, "the chain that was served is unusable: ", cs_err_text(rc));
	out->tls = SSL_get_version(self->ssl);
	out->cipher = cs_arena_text(out->arena, cipher, strlen(cipher));
	return out->cipher != NULL ? CS_OK : CS_ENOMEM;
}

enum cs_err probe_step(struct probe *self, struct probe_answer *out)
{
	*out = (struct probe_answer){ .tls = "", .cipher = "" };
	if (self->phase == PHASE_CONNECT)
		step_connect(self);
	if (self->phase == PHASE_HANDSHAKE)
		step_handshake(self);
	if (self->phase != PHASE_DONE && cs_clock_mono_ms() < self->deadline_ms)
		return CS_EAGAIN;
	if (self->phase != PHASE_DONE)
		fail(self, CS_ETIMEOUT, "no answer in time: ",
		        self->phase == PHASE_CONNECT ? "connect" : "handshake");
	else if (self->err == CS_OK) {
		const enum cs_err rc = succeed(self, out);
		if (rc != CS_OK) {
			probe_answer_free(out);
			return rc;
		}
	}
	out->err = self->err;
	out->took_us = (uint32_t)(cs_clock_mono_us() - self->began_us);
	memcpy(out->error, self->error, sizeof(out->error));
	return CS_OK;
}

enum cs_err probe_run(const struct probe_question *question, struct probe_answer *out)
{
	CS_AUTO(probe_free) struct probe *self = NULL;

	*out = (struct probe_answer){ .tls = "", .cipher = "" };
	CS_TRY(probe_start(question, &self));
	for (;;) {
		const int64_t left = question->deadline_ms - cs_clock_mono_ms();
		struct pollfd p = { .fd = probe_fd(self), .events = (short)probe_events(self) };
		if (p.fd >= 0 && left > 0)
			(void)poll(&p, 1, (int)(left < 60000 ? left : 60000));
		const enum cs_err rc = probe_step(self, out);
		if (rc != CS_EAGAIN)
			return rc;
	}
}
