/* certspan-prober: shakes hands with the own edge when the replicator asks, and tells it what was
 * really served. */
#include <stdlib.h>
#include <unistd.h>
#include "node/prober/round.h"
#include "node/prober/verdict.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "proto/role/loop.h"
#include "proto/role/role.h"

struct prober {
	struct role *role;
	struct loop *loop;
	struct round *round; /* NULL: idle, and only then the replicator's channel is read: its
	                        buffer is the queue */
	int replicator; /* -1 */
	bool stop;
};

static void on_replicator(void *data, int fd, uint32_t events);

static void listen_again(struct prober *self)
{
	if (self->replicator >= 0 &&
	        loop_watch(self->loop, self->replicator, EPOLLIN, on_replicator, self) != CS_OK)
		exit(cs_err_exit(CS_ENOMEM)); /* the supervisor starts a fresh one */
}

static void hang_up(struct prober *self)
{
	round_free(&self->round);
	if (self->replicator < 0)
		return;
	loop_unwatch(self->loop, self->replicator);
	close(self->replicator);
	self->replicator = -1;
}

static void on_done(void *data, const struct wire_probed *results)
{
	struct prober *self = data;
	size_t good = 0;

	for (size_t i = 0; i < results->probes.n; i++)
		good += results->probes.v[i].result == PROBE_MATCH;
	cs_debug("round %llu: %zu of %zu handshakes got what they should",
	        (unsigned long long)results->round, good, results->probes.n);
	const enum cs_err rc = channel_send(self->replicator, PACKET_probed, results, -1);
	if (rc != CS_OK && rc != CS_ECLOSED)
		cs_error("round %llu: the replicator does not take its results: %s; it will ask "
		         "again",
		        (unsigned long long)results->round, cs_err_text(rc));
	round_free(&self->round);
	listen_again(self);
}

static enum cs_err begin(struct prober *self, struct wire_packet *packet)
{
	char address[CS_ENDPOINT_MAX + 1];

	verdict_dial(self->role->config->edge_listen.v[0], address);
	CS_TRY(round_start(self->loop, address, packet, on_done, self, &self->round));
	loop_unwatch(self->loop, self->replicator);
	return CS_OK;
}

static void on_replicator(void *data, int fd, uint32_t events)
{
	struct prober *self = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	(void)events;
	enum cs_err rc = channel_receive(fd, &packet, NULL);
	if (rc == CS_EAGAIN)
		return;
	if (rc == CS_ECLOSED) {
		hang_up(self); /* a fresh channel comes when it is back */
		return;
	}
	if (rc == CS_OK)
		rc = packet.id == PACKET_probe_round ? begin(self, &packet) : CS_EUNSUPPORTED;
	if (rc != CS_OK)
		cs_error("a round of probes is left out: %s", cs_err_text(rc));
}

static void on_fd(struct prober *self, int fd)
{
	hang_up(self);
	self->replicator = fd;
	listen_again(self);
}

static void on_control(void *data, int fd, uint32_t events)
{
	struct prober *self = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	int passed = -1;

	(void)events;
	const enum cs_err rc = channel_receive(fd, &packet, &passed);
	if (rc == CS_ECLOSED || (rc == CS_OK && packet.id == PACKET_stop)) {
		self->stop = rc == CS_OK;
		loop_stop(self->loop);
	} else if (rc == CS_OK && packet.id == PACKET_fd && passed >= 0) {
		on_fd(self, passed);
	} else if (rc == CS_OK && packet.id == PACKET_config) {
		role_reconfigure(self->role, &packet);
	}
}

static enum cs_err serve(struct prober *self)
{
	CS_TRY(loop_new(&self->loop));
	CS_TRY(loop_watch(self->loop, self->role->control, EPOLLIN, on_control, self));
	CS_TRY(role_ready(self->role, ""));
	CS_TRY(loop_run(self->loop));
	return self->stop ? CS_OK : CS_ECLOSED;
}

int main(void)
{
	struct role role;
	enum cs_err rc = role_begin("prober", &role);

	if (rc != CS_OK)
		return cs_err_exit(rc);
	struct prober self = { .role = &role, .replicator = -1 };
	if (role.config->edge_listen.n == 0)
		rc = CS_ECONFIG;
	else
		rc = serve(&self);
	if (rc != CS_OK && rc != CS_ECLOSED)
		cs_error("ends: %s", cs_err_text(rc));
	if (self.loop != NULL)
		hang_up(&self);
	loop_free(&self.loop);
	role_end(&role);
	return cs_err_exit(rc);
}
