#include "node/keyd/keyd.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/keyd/edges.h"
#include "node/keyd/importers.h"
#include "node/keyd/lock.h"
#include "node/keyd/mints.h"
#include "node/keyd/opener.h"
#include "node/sandbox/seccomp.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"

#define KEYS_MAX 2048
#define TICK_MS 1000
#define EARLY_TICK_MS 100 /* while the store or the secret has not come */
#define SWEEP 64 /* keys a tick: under a millisecond, and half a minute for all */
#define OPEN_AT_LEAST_MS 20 /* even under a storm of handshakes */

struct keyd {
	struct role *role;
	struct vault *vault;
	struct loop *loop;
	struct keybox *box;
	struct signer signer;
	struct edges *edges;
	struct importers *importers;
	struct custody custody;
	struct mints *mints;
	struct opener *opener;
	int replicator; /* -1: none */
	bool files_open, stopping,
	        blocked; /* blocked: the replicator does not read; its answer waits */
	enum cs_err ending;
	int64_t opened_ms;
	struct wire_opened opened; /* the answer that waits */
	struct wire_keyd_state told;
	struct loop_timer *tick, *drain;
};

static void end(struct keyd *self, enum cs_err why)
{
	self->ending = why;
	loop_stop(self->loop);
}

/* --- The replicator --- */

static void hang_up(struct keyd *self)
{
	if (self->replicator < 0)
		return;
	loop_unwatch(self->loop, self->replicator);
	close(self->replicator);
	self->replicator = -1;
	self->blocked = false;
	opener_clear(self->opener);
}

static void tell(struct keyd *self, bool always)
{
	const struct wire_keyd_state now = { vault_epoch(self->vault) != 0,
		vault_epoch(self->vault), keybox_count(self->box), self->signer.signatures,
		self->signer.refused };
	const struct wire_keyd_state *told = &self->told;
	const bool same = now.unlocked == told->unlocked &&
	                  now.secret_epoch == told->secret_epoch && now.cached == told->cached &&
	                  now.signatures == told->signatures && now.refused == told->refused;

	if (self->replicator < 0 || (same && !always))
		return;
	if (channel_send(self->replicator, PACKET_keyd_state, &now, -1) == CS_OK)
		self->told = now;
}

static enum cs_err reseal(struct keyd *self, const struct wire_reseal *request)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_resealed reply = { .tag = request->tag, .error = "" };
	const struct wire_secret *secrets = NULL;
	size_t count = 0;

	CS_TRY(cs_arena_new(CS_PACKET_MAX, &arena));
	enum cs_err rc = CS_EMALFORMED;
	if (request->seal_key.n == 32)
		rc = vault_reseal(
		        self->vault, request->node, request->seal_key.p, arena, &secrets, &count);
	if (rc == CS_OK) {
		reply.secrets.v = secrets;
		reply.secrets.n = count;
	} else {
		reply.error = cs_err_name(rc);
	}
	return channel_send(self->replicator, PACKET_resealed, &reply, -1);
}

static enum cs_err obey_replicator(struct keyd *self, const struct wire_packet *packet)
{
	switch (packet->id) {
	case PACKET_open:
		return opener_add(self->opener, packet->body, cs_clock_mono_ms());
	case PACKET_reseal:
		return reseal(self, packet->body);
	default:
		return CS_EUNSUPPORTED;
	}
}

static void send_opened(struct keyd *self)
{
	const enum cs_err rc = channel_send(self->replicator, PACKET_opened, &self->opened, -1);
	const bool blocked = rc == CS_EAGAIN;

	if (blocked == self->blocked)
		return;
	self->blocked = blocked;
	(void)!loop_change(self->loop, self->replicator, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void on_replicator(void *data, int fd, uint32_t events)
{
	struct keyd *self = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	if (self->blocked && (events & EPOLLOUT) != 0)
		send_opened(self);
	enum cs_err rc = channel_receive(fd, &packet, NULL);
	if (rc == CS_EAGAIN)
		return;
	if (rc == CS_ECLOSED) {
		hang_up(self);
		return;
	}
	if (rc == CS_OK)
		rc = obey_replicator(self, &packet);
	if (rc != CS_OK)
		cs_warning("a message of the replicator was not obeyed: %s", cs_err_text(rc));
}

static enum cs_err attach_replicator(struct keyd *self, int fd)
{
	hang_up(self);
	if (vault_replaced(self->vault)) {
		cs_notice("the store has been replaced; starting anew on the new one");
		close(fd);
		end(self, CS_EAGAIN);
		return CS_OK;
	}
	self->replicator = fd;
	CS_TRY(loop_watch(self->loop, fd, EPOLLIN, on_replicator, self));
	tell(self, true);
	return CS_OK;
}

/* --- The supervisor --- */

static enum cs_err take_fd(struct keyd *self, const struct wire_fd *what, int fd)
{
	if (fd < 0)
		return CS_EMALFORMED;
	if (strcmp(what->what, "edge") == 0)
		return edges_attach(self->edges, what->index, fd);
	if (strcmp(what->what, "replicator") == 0)
		return attach_replicator(self, fd);
	if (strcmp(what->what, "import") == 0)
		return importers_attach(self->importers, fd);
	if (strcmp(what->what, "admin") == 0)
		return mints_attach(self->mints, fd);
	close(fd);
	return CS_EUNSUPPORTED;
}

static void drained(void *data)
{
	struct keyd *self = data;

	self->drain = NULL;
	end(self, CS_OK);
}

static enum cs_err obey(struct keyd *self, struct wire_packet *packet, int passed)
{
	if (packet->id == PACKET_fd)
		return take_fd(self, packet->body, passed);
	if (passed >= 0)
		close(passed);
	if (packet->id == PACKET_config) {
		role_reconfigure(self->role, packet);
		return CS_OK;
	}
	if (packet->id != PACKET_stop)
		return CS_EUNSUPPORTED;
	const struct wire_stop *stop = packet->body;
	self->stopping = true; /* edges that drain still need signatures: until they are gone, or
	                          the time is over */
	loop_cancel(self->loop, &self->drain);
	return loop_after(self->loop, stop->drain_ms, drained, self, &self->drain);
}

static void on_control(void *data, int fd, uint32_t events)
{
	struct keyd *self = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	int passed = -1;

	(void)events;
	enum cs_err rc = channel_receive(fd, &packet, &passed);
	if (rc == CS_EAGAIN)
		return;
	if (rc == CS_ECLOSED) {
		end(self, CS_OK);
		return;
	}
	if (rc == CS_OK)
		rc = obey(self, &packet, passed);
	if (rc != CS_OK)
		cs_warning("a message of the supervisor was not obeyed: %s", cs_err_text(rc));
}

/* --- The rest --- */

/* From now on nothing needs a file. */
static void tighten(struct keyd *self)
{
	self->files_open = false;
	lock_memory_to_come();
	const enum cs_err rc = sandbox_no_more_files();
	if (rc != CS_OK && rc != CS_EUNSUPPORTED)
		cs_warning("seccomp: files can still be opened: %s", cs_err_text(rc));
	cs_info("attached the store");
}

/* Keys of bundles that are gone go too; where the store cannot be read they stay. */
static bool still_stored(void *data, const char *id)
{
	return vault_has(data, id) != CS_ENOTFOUND;
}

static void on_tick(void *data)
{
	struct keyd *self = data;

	if (vault_attach(self->vault) == CS_OK && vault_epoch(self->vault) == 0)
		(void)!vault_refresh(self->vault);
	if (vault_attached(self->vault) && self->files_open)
		tighten(self);
	keybox_sweep(self->box, SWEEP, still_stored, self->vault);
	const bool early = vault_epoch(self->vault) == 0;
	tell(self, false);
	(void)!loop_after(self->loop, early ? EARLY_TICK_MS : TICK_MS, on_tick, self, &self->tick);
}

static void open_ahead(struct keyd *self, int64_t now)
{
	if (opener_next(self->opener, now, &self->opened) == CS_OK)
		send_opened(self);
	self->opened_ms = now;
}

static bool may_open(const struct keyd *self, int64_t now)
{
	return self->replicator >= 0 && !self->blocked && opener_ready(self->opener, now);
}

static int64_t patience(const struct keyd *self, int64_t now)
{
	if (may_open(self, now))
		return 0;
	return opener_waiting(self->opener) > 0 ? 50 : -1;
}

static enum cs_err one_turn(struct keyd *self)
{
	const uint64_t served = edges_served(self->edges);

	CS_TRY(loop_turn(self->loop, patience(self, cs_clock_mono_ms())));
	const int64_t now = cs_clock_mono_ms();
	const bool quiet =
	        edges_served(self->edges) == served || now - self->opened_ms >= OPEN_AT_LEAST_MS;
	if (quiet && may_open(self, now))
		open_ahead(self, now);
	if (self->custody.restart)
		end(self, CS_EAGAIN);
	if (self->stopping && edges_count(self->edges) == 0 &&
	        importers_count(self->importers) == 0)
		end(self, CS_OK);
	return CS_OK;
}

enum cs_err keyd_run(struct keyd *self)
{
	self->ending = CS_EPENDING;
	on_tick(self);
	while (self->ending == CS_EPENDING)
		CS_TRY(one_turn(self));
	return self->ending;
}

enum cs_err keyd_new(struct role *role, struct vault *vault, struct keymill *mill, bool files_open,
        struct keyd **out)
{
	CS_AUTO(keyd_free) struct keyd *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->role = role;
	self->vault = vault;
	self->files_open = files_open;
	self->replicator = -1;
	CS_TRY(loop_new(&self->loop));
	CS_TRY(keybox_new(KEYS_MAX, &self->box));
	self->signer = (struct signer){ .box = self->box, .vault = vault };
	self->custody = (struct custody){ .vault = vault, .box = self->box };
	CS_TRY(opener_new(self->box, vault, &self->opener));
	CS_TRY(edges_new(self->loop, &self->signer, &self->edges));
	CS_TRY(importers_new(self->loop, vault, &self->custody, &self->importers));
	CS_TRY(mints_new(self->loop, vault, mill, &self->mints));
	CS_TRY(loop_watch(self->loop, role->control, EPOLLIN, on_control, self));
	*out = CS_STEAL(self);
	return CS_OK;
}

void keyd_free(struct keyd **self)
{
	struct keyd *k = CS_STEAL(*self);

	if (k == NULL)
		return;
	if (k->opener != NULL)
		hang_up(k);
	mints_free(&k->mints);
	importers_free(&k->importers);
	edges_free(&k->edges);
	opener_free(&k->opener);
	keybox_free(&k->box);
	loop_free(&k->loop);
	free(k);
}
