#include "node/keyd/importers.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/keyd/sealer.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"

#define IMPORTERS_MAX 64

struct importers {
	struct loop *loop;
	struct vault *vault;
	struct custody *custody;
	int fds[IMPORTERS_MAX]; /* [0, count) are open */
	size_t count;
};

enum cs_err importers_new(
        struct loop *loop, struct vault *vault, struct custody *custody, struct importers **out)
{
	struct importers *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->loop = loop;
	self->vault = vault;
	self->custody = custody;
	return CS_OK;
}

static void detach(struct importers *self, int fd)
{
	loop_unwatch(self->loop, fd);
	close(fd);
	for (size_t i = 0; i < self->count; i++)
		if (self->fds[i] == fd)
			self->fds[i] = self->fds[--self->count];
}

static enum cs_err answer(struct importers *self, int fd, const struct wire_seal *request)
{
	CS_AUTO(sealer_result_free) struct sealer_result result;
	const enum cs_err rc = sealer_seal(self->vault, request, &result);
	struct wire_sealed reply = { .tag = request->tag,
		.error = "",
		.id = result.id,
		.reason = result.reason,
		.csr = result.csr };

	if (rc != CS_OK) {
		cs_log(rc == CS_ENOKEY ? CS_LOG_INFO : CS_LOG_NOTICE,
		        "did not seal an uploaded key: %s",
		        result.reason[0] != '\0' ? result.reason : cs_err_text(rc));
		reply.error = cs_err_name(rc);
	} else {
		reply.bundle = &result.bundle;
	}
	const enum cs_err sent = channel_send(fd, PACKET_sealed, &reply, -1);
	if (sent != CS_ETOOBIG)
		return sent;
	const struct wire_sealed too_big = { .tag = request->tag,
		.error = cs_err_name(CS_ETOOBIG),
		.id = "",
		.reason = "leaf, key and chain together are too large for one bundle" };
	return channel_send(fd, PACKET_sealed, &too_big, -1);
}

static void on_importer(void *data, int fd, uint32_t events)
{
	struct importers *self = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	(void)events;
	enum cs_err rc = channel_receive(fd, &packet, NULL);
	if (rc == CS_EAGAIN)
		return;
	if (rc == CS_OK)
		rc = packet.id == PACKET_seal
		             ? answer(self, fd, packet.body)
		             : custody_answer(self->custody, fd, &packet, cs_clock_wall_s());
	if (rc == CS_OK)
		return;
	if (rc != CS_ECLOSED)
		cs_warning("an importer said what it may not: %s; its channel is closed",
		        cs_err_text(rc));
	detach(self, fd);
}

enum cs_err importers_attach(struct importers *self, int fd)
{
	if (self->count == IMPORTERS_MAX) {
		close(fd);
		return CS_EAGAIN;
	}
	self->fds[self->count++] = fd;
	const enum cs_err rc = loop_watch(self->loop, fd, EPOLLIN, on_importer, self);
	if (rc != CS_OK)
		detach(self, fd);
	return rc;
}

size_t importers_count(const struct importers *self)
{
	return self->count;
}

void importers_free(struct importers **self)
{
	if (*self == NULL)
		return;
	while ((*self)->count > 0)
		detach(*self, (*self)->fds[0]);
	free(*self);
	*self = NULL;
}
