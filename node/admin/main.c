/* certspan-admin: the API of a node (README.md). The main thread obeys the supervisor; requests and
 * imports run on threads of their own. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/admin/http.h"
#include "node/admin/submit.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "proto/role/loop.h"
#include "proto/role/role.h"

#define DRAIN_TICK_MS 20

struct program {
	struct role role;
	struct loop *loop;
	struct admin *admin;
	struct http *http; /* once the socket has come */
	int64_t drain_until_ms; /* 0: not stopping */
};

static enum cs_err serve_api(struct program *self, int fd)
{
	if (self->http != NULL) {
		close(fd);
		return CS_EEXISTS;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		cs_warning(
		        "api.sock stays blocking: a client that hangs up early may delay the next");
	const enum cs_err rc = http_start(self->admin, fd, &self->http);
	return rc == CS_OK ? role_ready(&self->role, "") : rc;
}

static enum cs_err take_fd(struct program *self, const struct wire_fd *what, int fd)
{
	if (fd < 0)
		return CS_EMALFORMED;
	if (strcmp(what->what, "replicator") == 0) {
		link_attach(admin_link(self->admin), fd);
		return CS_OK;
	}
	if (strcmp(what->what, "keyd") == 0) {
		link_attach(admin_keyd(self->admin), fd);
		return CS_OK;
	}
	if (strcmp(what->what, "listen") == 0)
		return serve_api(self, fd);
	if (strcmp(what->what, "import") == 0)
		return submit_serve(self->admin, fd);
	close(fd);
	return CS_EUNSUPPORTED;
}

/* Open requests may finish; connections that only idle do not hold us. */
static void drain(void *data)
{
	struct program *self = data;

	if (self->http == NULL || http_requests(self->http) == 0 ||
	        cs_clock_mono_ms() >= self->drain_until_ms)
		_exit(0); /* threads that still wait for nodes have nothing to put away */
	if (loop_after(self->loop, DRAIN_TICK_MS, drain, self, NULL) != CS_OK)
		_exit(0);
}

static void stop(struct program *self, const struct wire_stop *what)
{
	if (self->drain_until_ms != 0)
		return;
	self->drain_until_ms = cs_clock_mono_ms() + what->drain_ms;
	if (self->http != NULL)
		http_drain(self->http);
	drain(self);
}

static enum cs_err obey(struct program *self, struct wire_packet *packet, int fd)
{
	switch (packet->id) {
	case PACKET_fd:
		return take_fd(self, packet->body, fd);
	case PACKET_roles:
		admin_set_roles(self->admin, packet);
		return CS_OK;
	case PACKET_config:
		role_reconfigure(&self->role, packet);
		admin_set_shared_user(self->admin, self->role.config->shared_user);
		return CS_OK;
	case PACKET_stop:
		stop(self, packet->body);
		return CS_OK;
	default:
		return CS_EUNSUPPORTED;
	}
}

static void on_control(void *data, int control, uint32_t events)
{
	struct program *self = data;

	(void)events;
	for (;;) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		int fd = -1;
		enum cs_err rc = channel_receive(control, &packet, &fd);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_ECLOSED)
			_exit(0); /* the supervisor is gone */
		if (rc == CS_OK)
			rc = obey(self, &packet, fd);
		if (rc != CS_OK)
			cs_error("packet %u of the supervisor: %s", packet.id, cs_err_text(rc));
	}
}

static enum cs_err run(struct program *self)
{
	CS_TRY(role_begin("admin", &self->role));
	CS_TRY(admin_new(self->role.config->name, &self->admin));
	admin_set_shared_user(self->admin, self->role.config->shared_user);
	CS_TRY(loop_new(&self->loop));
	CS_TRY(loop_watch(self->loop, self->role.control, EPOLLIN, on_control, self));
	return loop_run(self->loop);
}

int main(void)
{
	struct program self = { .drain_until_ms = 0 };
	const enum cs_err rc = run(&self);

	if (rc != CS_OK && rc != CS_EUSAGE)
		cs_error("cannot go on: %s; the supervisor starts it again", cs_err_text(rc));
	role_end(&self.role);
	return cs_err_exit(rc);
}
