/* keyd and the prober: what they are asked, and what their answers change. */
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "replicator/driver/own.h"
#include "replicator/enrol/desk.h"

#define OPEN_MAX 64 /* ids a packet */

static void on_keyd_state(struct replicator *self, struct wire_packet *packet)
{
	const struct wire_keyd_state *fresh = packet->body, *old = self->keyd_state.body;

	if (fresh->unlocked && old != NULL && !old->unlocked)
		opening_again(self->opening);
	wire_packet_free(&self->keyd_state);
	self->keyd_state = *packet;
	*packet = (struct wire_packet){ 0 };
}

static void on_keyd(struct replicator *self, struct wire_packet *packet)
{
	switch (packet->id) {
	case PACKET_opened:
		if (opening_opened(self->opening, packet->body) != CS_OK)
			self->fatal = CS_ENOMEM;
		break;
	case PACKET_resealed:
		desk_resealed(self, packet->body);
		break;
	case PACKET_keyd_state:
		on_keyd_state(self, packet);
		break;
	default:
		self->refused++;
	}
}

static void closed(int *fd, const char *who)
{
	cs_info("the channel to %s is closed; a fresh one will come", who);
	close(*fd);
	*fd = -1;
}

void keyd_receive(struct replicator *self)
{
	while (self->keyd_fd >= 0) {
		struct wire_packet packet;
		const enum cs_err rc = channel_receive(self->keyd_fd, &packet, NULL);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_ECLOSED)
			closed(&self->keyd_fd, "keyd");
		else if (rc == CS_OK)
			on_keyd(self, &packet);
		wire_packet_free(&packet);
	}
}

void prober_receive(struct replicator *self)
{
	while (self->prober_fd >= 0) {
		struct wire_packet packet;
		const enum cs_err rc = channel_receive(self->prober_fd, &packet, NULL);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_ECLOSED)
			closed(&self->prober_fd, "the prober");
		else if (rc == CS_OK && packet.id == PACKET_probed &&
		         prober_done(self->prober, packet.body, self->now)) {
			if (prober_idle(self->prober))
				admin_probed(self);
			follow(self, (struct follower_event){ .kind = FOLLOWER_STATUS_DUE });
		}
		wire_packet_free(&packet);
	}
}

static void ask_keyd(struct replicator *self)
{
	const char *ids[OPEN_MAX];

	while (self->keyd_fd >= 0) {
		const size_t n = opening_take(self->opening, ids, OPEN_MAX);
		if (n == 0)
			return;
		const struct wire_open open = { .bundles = { ids, n } };
		if (channel_send(self->keyd_fd, PACKET_open, &open, -1) != CS_OK) {
			opening_again(self->opening); /* its queue is full: with the next tick */
			return;
		}
	}
}

static void ask_prober(struct replicator *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_probe_round round;
	struct serving *lookup = NULL;

	if (prober_idle(self->prober) || cs_arena_new(CS_UNPACK_MAX, &arena) != CS_OK)
		return;
	if (serving_reader_of(self->serving, &lookup) != CS_OK)
		lookup = NULL;
	const enum cs_err rc =
	        prober_round(self->prober, lookup, cs_clock_wall_s(), self->now, arena, &round);
	if (rc == CS_ENOTFOUND)
		admin_probed(self);
	if (rc == CS_OK && (self->prober_fd < 0 || channel_send(self->prober_fd, PACKET_probe_round,
	                                                   &round, -1) != CS_OK))
		prober_again(self->prober);
}

static void tell_progress(struct replicator *self)
{
	const uint64_t loaded = opening_loaded(self->opening), served = prober_served(self->prober);

	if (loaded == self->told_loaded && served == self->told_served)
		return;
	self->told_loaded = loaded;
	self->told_served = served;
	lead(self, &(struct leader_event){ .kind = LEADER_SELF, .served = served });
	follow(self, (struct follower_event){
	                     .kind = FOLLOWER_PROGRESS, .loaded = loaded, .served = served });
}

void channels_settle(struct replicator *self)
{
	ask_keyd(self);
	if (self->prober_fd >= 0)
		ask_prober(self);
	tell_progress(self);
}
