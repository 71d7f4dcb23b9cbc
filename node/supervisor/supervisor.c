#include "node/supervisor/supervisor.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "node/supervisor/fleet.h"
#include "node/supervisor/folders.h"
#include "node/supervisor/notify.h"
#include "node/supervisor/reload.h"
#include "node/supervisor/sockets.h"
#include "node/supervisor/spawn.h"
#include "proto/base/log.h"
#include "proto/role/loop.h"

#define STOP_MS 4700 /* then what is left is killed: 5 s in all */
#define START_MS 10000
#define STOP_AGAIN_MS 200

struct supervisor {
	struct loop *loop;
	struct fleet *fleet;
	struct users users;
	struct sockets sockets;
	struct reload *reload;
	char libexec[PATH_MAX];
	int lock, signals;
	bool told_ready, stopping, door_watched;
	int64_t watchdog_ms;
};

/* --- readiness --- */

static void tell_ready(struct supervisor *self, const char *text)
{
	if (self->told_ready || self->stopping)
		return;
	self->told_ready = true;
	notify_send(text);
}

static void on_ready(void *data)
{
	size_t wanted;

	const size_t up = fleet_up(((struct supervisor *)data)->fleet, &wanted);
	cs_notice("ready: %zu of %zu roles are up%s", up, wanted,
	        ((struct supervisor *)data)->users.shared
	                ? "; all share one user, start as root to separate them"
	                : "");
	tell_ready(data, "READY=1\nSTATUS=serving");
}

/* A role that cannot start must not keep the others from serving. */
static void on_slow_start(void *data)
{
	struct supervisor *self = data;
	size_t wanted;

	const size_t up = fleet_up(self->fleet, &wanted);
	if (self->told_ready || self->stopping)
		return;
	cs_error("only %zu of %zu roles came up in 10 s; the others are tried on; next: see the "
	         "lines above",
	        up, wanted);
	tell_ready(self, "READY=1\nSTATUS=not all roles are up, see the log");
}

static void on_watchdog(void *data)
{
	struct supervisor *self = data;

	notify_send("WATCHDOG=1");
	(void)!loop_after(self->loop, self->watchdog_ms, on_watchdog, self, NULL);
}

/* --- the door --- */

static void on_door(void *data, int fd, uint32_t events);

static void door_watch(struct supervisor *self)
{
	if (self->door_watched || self->stopping || !fleet_import_room(self->fleet))
		return;
	self->door_watched =
	        loop_watch(self->loop, self->sockets.door, EPOLLIN, on_door, self) == CS_OK;
}

static void door_rest(struct supervisor *self)
{
	if (self->door_watched)
		loop_unwatch(self->loop, self->sockets.door);
	self->door_watched = false;
}

static bool may_enter(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	        (peer.uid == 0 || peer.uid == geteuid()))
		return true;
	cs_warning("door: uid %u may not bring keys; its connection is closed", (unsigned)peer.uid);
	return false;
}

static void on_door(void *data, int fd, uint32_t events)
{
	struct supervisor *self = data;
	const int door = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (door < 0) {
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			cs_error("door: accept: %s", strerror(errno));
		return;
	}
	const enum cs_err rc = may_enter(door) ? fleet_import(self->fleet, door) : CS_OK;
	if (rc != CS_OK)
		cs_error("door: no import process: %s; the client is sent away", cs_err_text(rc));
	close(door);
	if (!fleet_import_room(self->fleet))
		door_rest(self); /* the next waits in the backlog until one ends */
}

static void on_door_room(void *data)
{
	door_watch(data);
}

/* --- signals --- */

static void on_too_late(void *data)
{
	struct supervisor *self = data;

	fleet_kill(self->fleet);
	(void)!loop_after(self->loop, STOP_AGAIN_MS, on_too_late, self, NULL);
}

static void stop(struct supervisor *self, const char *signal_name)
{
	if (self->stopping)
		return;
	self->stopping = true;
	cs_notice("%s: stopping, open connections get 3 s to finish", signal_name);
	notify_send("STOPPING=1\nSTATUS=draining");
	door_rest(self);
	fleet_stop(self->fleet);
	sockets_close(&self->sockets);
	(void)!loop_after(self->loop, STOP_MS, on_too_late, self, NULL);
	if (fleet_empty(self->fleet))
		loop_stop(self->loop);
}

static void on_child(struct supervisor *self)
{
	fleet_reap(self->fleet);
	if (self->stopping && fleet_empty(self->fleet))
		loop_stop(self->loop);
}

static void on_signal(void *data, int fd, uint32_t events)
{
	struct supervisor *self = data;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			on_child(self);
		else if (info.ssi_signo == SIGHUP && !self->stopping)
			fleet_reconfigure(self->fleet, reload_now(self->reload));
		else if (info.ssi_signo != SIGHUP)
			stop(self, info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	}
}

static enum cs_err watch_signals(struct supervisor *self)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return cs_err_errno(errno);
	self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (self->signals < 0)
		return cs_err_errno(errno);
	return loop_watch(self->loop, self->signals, EPOLLIN, on_signal, self);
}

/* --- the whole life --- */

static enum cs_err find_users(struct supervisor *self, uid_t uid_base, struct cs_buf *complaint)
{
	const enum cs_err rc = users_find(uid_base, &self->users);

	if (rc == CS_EUSAGE)
		CS_TRY(cs_buf_printf(complaint, "two roles would run as one user, or one as root\n"
		                                "next: give each _certspan-* user its own number, "
		                                "or choose another --uid-base"));
	return rc;
}

/* Everything that can refuse a start, before anything runs. */
static enum cs_err prepare(
        struct supervisor *self, const struct supervisor_setup *setup, struct cs_buf *complaint)
{
	CS_TRY(find_users(self, setup->uid_base, complaint));
	CS_TRY(folders_lock(setup->config, &self->lock, complaint));
	CS_TRY(folders_own(setup->config, &self->users, complaint));
	CS_TRY(loop_new(&self->loop));
	CS_TRY(watch_signals(
	        self)); /* before the first child, and before a signal can end us half way */
	CS_TRY(sockets_open(setup->config, &self->sockets, complaint));
	CS_TRY(reload_new(setup->config, self->users.shared, &self->reload));
	spawn_libexec(setup->libexec, self->libexec, sizeof(self->libexec));
	const struct fleet_setup fleet = { .loop = self->loop,
		.libexec = self->libexec,
		.users = &self->users,
		.sockets = &self->sockets,
		.config = reload_config(self->reload),
		.ready = on_ready,
		.door = on_door_room,
		.data = self };
	return fleet_new(&fleet, &self->fleet);
}

static enum cs_err serve(struct supervisor *self)
{
	const struct wire_config *config = reload_config(self->reload);

	cs_notice("certspan " CERTSPAN_VERSION ": node %s, state in %s, sockets in %s",
	        config->name, config->state_dir, config->runtime_dir);
	fleet_start(self->fleet);
	door_watch(self);
	CS_TRY(loop_after(self->loop, START_MS, on_slow_start, self, NULL));
	self->watchdog_ms = notify_watchdog_ms();
	if (self->watchdog_ms > 0)
		on_watchdog(self);
	CS_TRY(loop_run(self->loop));
	cs_notice("stopped");
	return CS_OK;
}

static void tidy(struct supervisor *self)
{
	if (self->fleet != NULL && !fleet_empty(self->fleet))
		fleet_kill(self->fleet);
	fleet_free(&self->fleet);
	sockets_close(&self->sockets);
	reload_free(&self->reload);
	loop_free(&self->loop);
	if (self->signals >= 0)
		close(self->signals);
	if (self->lock >= 0)
		close(self->lock);
}

enum cs_err supervisor_run(const struct supervisor_setup *setup, struct cs_buf *complaint)
{
	struct supervisor self = {
		.lock = -1, .signals = -1, .sockets = { .api = -1, .door = -1 }
	};

	enum cs_err rc = prepare(&self, setup, complaint);
	if (rc == CS_OK)
		rc = serve(&self);
	tidy(&self);
	return rc;
}
