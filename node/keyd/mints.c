#include "node/keyd/mints.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/evp.h>
#include "node/keyd/minter.h"
#include "node/keyd/numbers.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"

#define SEND_WAIT_MS 100

/* A MINT whose key is being made. */
struct job {
	uint64_t ticket; /* 0: free */
	struct wire_packet packet;
};

struct mints {
	struct loop *loop;
	struct vault *vault;
	struct keymill *mill;
	int fd; /* -1: none */
	uint64_t tickets;
	struct job jobs[KEYMILL_ORDERS_MAX];
};

static void forget(struct job *job)
{
	wire_packet_free(&job->packet);
	job->ticket = 0;
}

static void hang_up(struct mints *self)
{
	if (self->fd < 0)
		return;
	loop_unwatch(self->loop, self->fd);
	close(self->fd);
	self->fd = -1;
	for (size_t i = 0; i < CS_COUNT(self->jobs); i++)
		forget(&self->jobs[i]);
}

static void send(struct mints *self, const struct wire_minted *reply)
{
	const enum cs_err rc = channel_send_wait(
	        self->fd, PACKET_minted, reply, cs_clock_mono_ms() + SEND_WAIT_MS);

	if (rc != CS_OK && rc != CS_ECLOSED)
		cs_warning("an answer to admin is lost: %s; what it asked for is not made",
		        cs_err_text(rc));
}

static void fail(
        struct mints *self, const struct wire_mint *mint, enum cs_err rc, const char *reason)
{
	const struct wire_minted reply = {
		.tag = mint->tag, .error = cs_err_name(rc), .reason = reason, .id = ""
	};

	send(self, &reply);
}

static void finish(struct mints *self, const struct wire_mint *mint, EVP_PKEY *key)
{
	CS_AUTO(minter_result_free) struct minter_result result;
	const enum cs_err rc = minter_make(self->vault, mint, key, &result);

	if (rc != CS_OK)
		cs_notice("%s was not made: %s",
		        mint->self_signed ? "a self-signed certificate" : "a request",
		        result.reason);
	send(self, &result.reply);
}

static void on_mill(void *data, int fd, uint32_t events)
{
	struct mints *self = data;
	EVP_PKEY *key;
	uint64_t ticket;

	(void)fd;
	(void)events;
	while (keymill_take(self->mill, &ticket, &key)) {
		for (size_t i = 0; i < CS_COUNT(self->jobs); i++) {
			struct job *job = &self->jobs[i];
			if (job->ticket != ticket)
				continue;
			if (key != NULL)
				finish(self, job->packet.body, key);
			else
				fail(self, job->packet.body, CS_ECRYPTO, "no key could be made");
			forget(job);
		}
		EVP_PKEY_free(key);
	}
}

static void with_stored_key(struct mints *self, const struct wire_mint *mint)
{
	CS_AUTO(signkey_free) struct signkey *key = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf wrapped = cs_buf_new(NUMBERS_WRAPPED_MAX);
	const enum cs_err rc = vault_open(self->vault, mint->same_key, &key, &wrapped);

	if (rc != CS_OK)
		fail(self, mint, rc, "the key of that certificate cannot be opened");
	else
		finish(self, mint, (EVP_PKEY *)(uintptr_t)signkey_pkey(key));
}

static enum cs_err order(struct mints *self, struct wire_packet *packet)
{
	const struct wire_mint *mint = packet->body;
	const struct pki_keyspec *spec = pki_keyspec_of(mint->key);

	if (spec == NULL)
		return CS_EUNSUPPORTED;
	for (size_t i = 0; i < CS_COUNT(self->jobs); i++) {
		if (self->jobs[i].ticket != 0)
			continue;
		CS_TRY(keymill_order(self->mill, ++self->tickets, spec));
		self->jobs[i] = (struct job){ self->tickets, *packet };
		*packet = (struct wire_packet){ 0 };
		return CS_OK;
	}
	return CS_EAGAIN;
}

/* Wrong fields are told before a key is made for them. */
static void take(struct mints *self, struct wire_packet *packet)
{
	const struct wire_mint *mint = packet->body;
	char reason[CS_TEXT_MAX + 1] = "";

	enum cs_err rc = minter_check(mint, reason, sizeof(reason));
	if (rc != CS_OK) {
		fail(self, mint, rc, reason);
		return;
	}
	if (mint->same_key[0] != '\0') {
		with_stored_key(self, mint);
		return;
	}
	rc = order(self, packet);
	if (rc != CS_OK)
		fail(self, mint, rc,
		        rc == CS_EAGAIN ? "other keys are being made; repeat the command"
		                        : "this kind of key is not made here");
}

static void on_admin(void *data, int fd, uint32_t events)
{
	struct mints *self = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	(void)events;
	const enum cs_err rc = channel_receive(fd, &packet, NULL);
	if (rc == CS_EAGAIN)
		return;
	if (rc == CS_ECLOSED)
		hang_up(self);
	else if (rc == CS_OK && packet.id == PACKET_mint)
		take(self, &packet);
	else
		cs_warning("a message of admin was not obeyed: %s",
		        cs_err_text(rc != CS_OK ? rc : CS_EUNSUPPORTED));
}

enum cs_err mints_new(
        struct loop *loop, struct vault *vault, struct keymill *mill, struct mints **out)
{
	CS_AUTO(mints_free) struct mints *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	*self = (struct mints){ .loop = loop, .vault = vault, .mill = mill, .fd = -1 };
	CS_TRY(loop_watch(loop, keymill_fd(mill), EPOLLIN, on_mill, self));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err mints_attach(struct mints *self, int fd)
{
	hang_up(self);
	self->fd = fd;
	const enum cs_err rc = loop_watch(self->loop, fd, EPOLLIN, on_admin, self);
	if (rc != CS_OK) {
		close(fd);
		self->fd = -1;
	}
	return rc;
}

void mints_free(struct mints **self)
{
	struct mints *mints = CS_STEAL(*self);

	if (mints == NULL)
		return;
	hang_up(mints);
	loop_unwatch(mints->loop, keymill_fd(mints->mill));
	free(mints);
}
