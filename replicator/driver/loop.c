#include "replicator/driver/loop.h"
#include <string.h>
#include <unistd.h>
#include <zmq.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "replicator/driver/start.h"
#include "replicator/enrol/desk.h"

#define KEEP_MS 1000
#define READER_CHECK_MS 60000
#define ITEMS 8

static void take_fd(struct replicator *self, const char *what, int fd)
{
	int *slot = strcmp(what, "admin") == 0    ? &self->admin
	            : strcmp(what, "keyd") == 0   ? &self->keyd_fd
	            : strcmp(what, "prober") == 0 ? &self->prober_fd
	                                          : NULL;

	if (slot == NULL || fd < 0) {
		cs_warning("a descriptor for \"%.32s\" that nobody here wants", what);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	if (slot == &self->admin)
		admin_forget(self);
	else if (slot == &self->keyd_fd)
		opening_again(self->opening);
	else
		prober_again(self->prober);
}

static void on_control(struct replicator *self, struct wire_packet *packet, int passed)
{
	if (packet->id == PACKET_fd) {
		take_fd(self, ((const struct wire_fd *)packet->body)->what, passed);
		return;
	}
	if (passed >= 0)
		close(passed);
	if (packet->id == PACKET_stop)
		self->stop = true;
	if (packet->id == PACKET_config) {
		role_reconfigure(&self->role, packet);
		if (self->follower != NULL)
			follow_upstreams(self);
	}
}

static void control_receive(struct replicator *self)
{
	while (!self->stop) {
		struct wire_packet packet;
		int passed = -1;
		const enum cs_err rc = channel_receive(self->role.control, &packet, &passed);
		if (rc == CS_EAGAIN)
			return;
		if (rc == CS_ECLOSED)
			self->stop = true; /* the supervisor is gone */
		if (rc == CS_OK)
			on_control(self, &packet, passed);
		wire_packet_free(&packet);
	}
}

static size_t fill_items(struct replicator *self, zmq_pollitem_t items[ITEMS])
{
	size_t n = 0;

	items[n++] = (zmq_pollitem_t){ .fd = self->role.control, .events = ZMQ_POLLIN };
	const int fds[] = { self->admin, self->keyd_fd, self->prober_fd };
	for (size_t i = 0; i < CS_COUNT(fds); i++)
		if (fds[i] >= 0)
			items[n++] = (zmq_pollitem_t){ .fd = fds[i], .events = ZMQ_POLLIN };
	if (self->server != NULL)
		items[n++] = (zmq_pollitem_t){ .socket = server_socket(self->server),
			.events = ZMQ_POLLIN };
	if (self->client != NULL) {
		/* Writable means connected: asked for only until it is. */
		const short events = self->was_writable ? ZMQ_POLLIN : ZMQ_POLLIN | ZMQ_POLLOUT;
		items[n++] =
		        (zmq_pollitem_t){ .socket = client_socket(self->client), .events = events };
		items[n++] = (zmq_pollitem_t){ .socket = client_monitor(self->client),
			.events = ZMQ_POLLIN };
	}
	return n;
}

static void probe_on_time(struct replicator *self)
{
	static int64_t last;
	const int64_t every = (int64_t)(self->role.config->probe_interval_s != 0
	                                        ? self->role.config->probe_interval_s
	                                        : 60) *
	                      1000;

	if (self->now - last < every)
		return;
	last = self->now;
	prober_due(self->prober);
	if (opening_unopened(self->opening) != 0)
		opening_again(self->opening); /* a secret may have come meanwhile */
}

/* Drift is over when every peer at the head holds what we hold. */
static void review_drift(struct replicator *self)
{
	bool differs = false;

	for (size_t i = 0; i < leader_count(self->leader); i++)
		differs = differs || leader_view(self->leader, i).digest_differs;
	if (!differs)
		alarm_clear(self, ALARM_DRIFT);
}

static void keep(struct replicator *self)
{
	if (self->now - self->kept_at < KEEP_MS)
		return;
	self->kept_at = self->now;
	if (self->leader != NULL) {
		lead_keep(self);
		review_drift(self);
	}
	desk_tick(self);
	if (self->now - self->reader_check_at < READER_CHECK_MS)
		return;
	self->reader_check_at = self->now;
	(void)state_reader_check(self->state);
	(void)serving_reader_check(self->serving);
	if (self->leader != NULL)
		lead_registry(self); /* enrolments end */
}

static void tick(struct replicator *self)
{
	if (self->now < self->tick_at)
		return;
	self->tick_at = self->now + TICK_MS;
	if (self->server == NULL && self->role.config->replication_listen[0] != '\0' &&
	        self->now >= self->server_retry_at && start_server(self) == CS_OK)
		desk_tick(self);
	lead(self, &(struct leader_event){ .kind = LEADER_TICK });
	follow_tick(self);
	if (opening_holds_results(self->opening) &&
	        opening_flush(self->opening, self->state) != CS_OK)
		cs_warning("what keyd opened is not kept; it opens it again after a restart");
	probe_on_time(self);
	keep(self);
}

/* Replication goes before everything that can wait: what is served depends on it. */
static void turn(struct replicator *self)
{
	zmq_pollitem_t items[ITEMS];
	const int64_t wait = self->tick_at - cs_clock_mono_ms();

	if (zmq_poll(items, (int)fill_items(self, items), wait > 0 ? (long)wait : 0) < 0)
		cs_debug("poll was interrupted");
	self->now = cs_clock_mono_ms();
	control_receive(self);
	if (self->stop)
		return;
	lead_receive(self);
	follow_receive(self);
	admin_receive(self);
	admin_commit(self);
	if (self->fenced)
		replicator_become_follower(self);
	serve_settle(self);
	keyd_receive(self);
	prober_receive(self);
	tick(self);
	serve_settle(self);
	channels_settle(self);
}

static int run(struct replicator *self)
{
	enum cs_err rc = start_all(self);

	/* Ready before the first view: deriving 100,000 certificates anew takes longer than the
	 * supervisor waits, and what was published before is being served all the while. */
	if (rc == CS_OK)
		rc = role_ready(&self->role, "");
	if (rc == CS_OK)
		serve_settle(self);
	while (rc == CS_OK && !self->stop) {
		turn(self);
		rc = self->fatal;
	}
	if (rc != CS_OK)
		cs_error("the replicator ends: %s; the edge keeps serving, the supervisor starts "
		         "it again",
		        cs_err_text(rc));
	stop_all(self);
	return cs_err_exit(rc);
}

int replicator_run(struct role *role)
{
	static struct replicator self; /* large, and one */

	self = (struct replicator){ .role = *role,
		.admin = -1,
		.keyd_fd = -1,
		.prober_fd = -1,
		.now = cs_clock_mono_ms() };
	const int code = run(&self);
	*role = self.role;
	return code;
}
