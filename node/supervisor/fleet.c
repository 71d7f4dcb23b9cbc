#include "node/supervisor/fleet.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "node/config/config.h"
#include "node/supervisor/member.h"
#include "node/supervisor/spawn.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/role/channel.h"

#define READY_WAIT_MS 10000
#define MISSING_RETRY_MS 10000
#define ROLES_RETRY_MS 500
#define IMPORTS_MAX 8
#define IMPORT_LIFE_MS 300000 /* a commit that waits for its nodes included */
#define DRAIN_MS 3000
#define LAST_AFTER_MS 3300 /* keyd and replicator stop when the others are gone, or by then */
#define LAST_DRAIN_MS 1000

struct fleet {
	struct fleet_setup setup;
	struct member *members; /* the standing roles, then IMPORTS_MAX places */
	size_t standing, count;
	uint32_t imports; /* running number */
	bool stopping, told_last, was_ready;
	struct loop_timer *roles_timer, *stop_timer;
};

static void start(struct member *m);
static void roles_soon(struct fleet *self, int64_t delay_ms);

static enum cs_err send(struct member *m, unsigned packet, const void *body, int fd)
{
	char name[48];
	const enum cs_err rc =
	        m->control >= 0 ? channel_send(m->control, packet, body, fd) : CS_ECLOSED;

	if (rc == CS_OK || rc == CS_ECLOSED) /* an end is told by SIGCHLD */
		return rc;
	cs_error("%s takes no messages (%s); it is killed and comes back", member_name(m, name),
	        cs_err_text(rc));
	kill(m->pid, SIGKILL);
	return rc;
}

static void send_fd(struct member *m, const char *what, uint32_t index, int fd)
{
	const struct wire_fd body = { .what = what, .index = index };

	(void)!send(m, PACKET_fd, &body, fd);
}

/* --- wiring --- */

static void link_both(struct member *a, const char *to_a, struct member *b, const char *to_b)
{
	const uint32_t index = a->kind == KIND_EDGE || a->kind == KIND_IMPORT ? a->index : 0;
	int ends[2];

	const enum cs_err rc = channel_pair(ends);
	if (rc != CS_OK) {
		cs_error("no channel from %s to %s: %s; both work without it until one restarts",
		        to_b, to_a, cs_err_text(rc));
		return;
	}
	send_fd(b, to_b, index, ends[1]); /* who serves knows first */
	send_fd(a, to_a, 0, ends[0]);
	close(ends[0]);
	close(ends[1]);
}

static bool runs(const struct member *m)
{
	return m->pid != 0 && m->control >= 0;
}

/* M just started: a fresh channel for each link to a running peer. */
static void wire(struct member *m)
{
	struct fleet *self = m->fleet;

	for (size_t l = 0; l < member_link_count; l++) {
		const struct member_link *link = &member_links[l];
		for (size_t i = 0; i < self->count; i++) {
			struct member *peer = &self->members[i];
			if (peer == m || !runs(peer))
				continue;
			if (link->a == m->kind && link->b == peer->kind)
				link_both(m, link->to_a, peer, link->to_b);
			else if (link->b == m->kind && link->a == peer->kind &&
			         peer->kind != KIND_IMPORT)
				link_both(peer, link->to_a, m, link->to_b);
		}
	}
}

static void hand_listeners(struct member *m)
{
	const struct sockets *s = m->fleet->setup.sockets;

	if (m->kind == KIND_ADMIN)
		send_fd(m, "listen", 0, s->api);
	for (size_t i = 0; m->kind == KIND_EDGE && i < s->addresses; i++)
		send_fd(m, "listen", (uint32_t)i, sockets_edge(s, m->index, i));
}

/* --- what the roles are, for admin --- */

static size_t describe(const struct fleet *self, struct wire_role *out)
{
	for (size_t i = 0; i < self->standing; i++) {
		const struct member *m = &self->members[i];
		out[i] = (struct wire_role){ .role = member_roles[m->kind].name,
			.index = m->index,
			.pid = (uint32_t)m->pid,
			.restarts = m->restarts,
			.last_exit = m->last_exit,
			.since_ms = (uint64_t)m->since_ms,
			.note = m->note };
	}
	return self->standing;
}

static void roles_tell(void *data)
{
	struct fleet *self = data;
	struct member *admin = &self->members[self->standing - 1];
	struct wire_role list[KIND_IMPORT + CONFIG_WORKERS_MAX] = { 0 };
	struct wire_roles body = { .supervisor_pid = (uint32_t)getpid() };

	self->roles_timer = NULL;
	body.roles.n = describe(self, list);
	body.roles.v = list;
	if (runs(admin) && channel_send(admin->control, PACKET_roles, &body, -1) == CS_EAGAIN)
		roles_soon(self, ROLES_RETRY_MS);
}

/* Changes come in bursts: one list for all of a turn. */
static void roles_soon(struct fleet *self, int64_t delay_ms)
{
	if (self->roles_timer == NULL && !self->stopping)
		(void)!loop_after(self->setup.loop, delay_ms, roles_tell, self, &self->roles_timer);
}

/* --- one role's life --- */

static void timer_start(void *data)
{
	struct member *m = data;

	m->timer = NULL;
	start(m);
}

static void timer_overdue(void *data)
{
	struct member *m = data;
	char name[48];

	m->timer = NULL;
	cs_error("%s %s; it is killed", member_name(m, name),
	        m->kind == KIND_IMPORT ? "took too long" : "did not become ready in 10 s");
	kill(m->pid, SIGKILL);
}

static void arm(struct member *m, int64_t delay_ms, loop_timer_fn *fn)
{
	loop_cancel(m->fleet->setup.loop, &m->timer);
	if (loop_after(m->fleet->setup.loop, delay_ms, fn, m, &m->timer) != CS_OK)
		cs_error("out of memory: a timer of %s is lost", member_roles[m->kind].name);
}

static void check_ready(struct fleet *self)
{
	size_t wanted;

	if (self->was_ready || fleet_up(self, &wanted) < wanted)
		return;
	self->was_ready = true;
	self->setup.ready(self->setup.data);
}

static void heard_ready(struct member *m, const struct wire_ready *ready)
{
	char name[48];

	if (m->kind == KIND_IMPORT)
		return; /* its timer watches its whole life */
	loop_cancel(m->fleet->setup.loop, &m->timer);
	m->state = MEMBER_UP;
	snprintf(m->note, sizeof(m->note), "%.*s", (int)sizeof(m->note) - 1, ready->note);
	cs_log(m->restarts > 0 ? CS_LOG_NOTICE : CS_LOG_INFO, "%s is up, pid %d (%s)",
	        member_name(m, name), (int)m->pid, m->note);
	roles_soon(m->fleet, 0);
	check_ready(m->fleet);
}

static void hang_up(struct member *m)
{
	if (m->control < 0)
		return;
	loop_unwatch(m->fleet->setup.loop, m->control);
	close(m->control);
	m->control = -1;
}

static void on_control(void *data, int fd, uint32_t events)
{
	struct member *m = data;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	char name[48];

	(void)events;
	const enum cs_err rc = channel_receive(fd, &packet, NULL);
	if (rc == CS_OK && packet.id == PACKET_ready)
		heard_ready(m, packet.body);
	else if (rc == CS_ECLOSED)
		hang_up(m); /* it ends; SIGCHLD says how */
	else if (rc != CS_EAGAIN)
		cs_warning("%s sent something that is not READY (%s); ignored",
		        member_name(m, name), cs_err_text(rc));
}

static void start_failed(struct member *m, enum cs_err rc)
{
	const bool missing = rc == CS_ENOTFOUND || rc == CS_EDENIED;
	const char *why = rc == CS_ENOTFOUND ? "its program is not installed"
	                  : rc == CS_EDENIED ? "its program may not be run"
	                                     : cs_err_text(rc);
	char name[48];

	if (missing && !m->spoken)
		cs_error("%s is down: %s/certspan-%s: %s; next: install the whole of certspan, or "
		         "check --libexec",
		        member_name(m, name), m->fleet->setup.libexec, member_roles[m->kind].name,
		        why);
	if (!missing)
		cs_error("%s cannot be started: %s", member_name(m, name), why);
	m->spoken = missing;
	snprintf(m->last_exit, sizeof(m->last_exit), "cannot be started: %s", why);
	if (m->kind != KIND_IMPORT)
		arm(m, missing ? MISSING_RETRY_MS : member_backoff(m, 0), timer_start);
}

static enum cs_err launch(struct member *m)
{
	const struct fleet_setup *s = &m->fleet->setup;
	const struct member_role *role = &member_roles[m->kind];
	const struct wire_start body = {
		.role = role->name, .index = m->index, .config = s->config
	};

	CS_TRY(spawn_role(s->libexec, role->name, s->users, role->user, &m->pid, &m->control));
	m->state = MEMBER_STARTING;
	m->started_ms = cs_clock_mono_ms();
	m->since_ms = cs_clock_wall_ms();
	m->note[0] = '\0';
	m->spoken = false;
	enum cs_err rc = loop_watch(s->loop, m->control, EPOLLIN, on_control, m);
	if (rc == CS_OK)
		rc = send(m, PACKET_start, &body, -1);
	if (rc != CS_OK && rc != CS_ECLOSED)
		kill(m->pid, SIGKILL); /* it cannot be spoken to; SIGCHLD starts the next */
	return CS_OK;
}

static void start(struct member *m)
{
	const enum cs_err rc = launch(m);

	if (m->kind != KIND_IMPORT)
		roles_soon(m->fleet, 0);
	if (rc != CS_OK) {
		start_failed(m, rc);
		return;
	}
	hand_listeners(m);
	wire(m);
	arm(m, m->kind == KIND_IMPORT ? IMPORT_LIFE_MS : READY_WAIT_MS, timer_overdue);
}

static void ended_import(struct member *m, int status)
{
	char name[48];

	if (WIFSIGNALED(status))
		cs_error("%s was %s; nothing of its upload was taken", member_name(m, name),
		        m->last_exit);
	else if (m->last_exit[0] != '\0')
		cs_debug("%s ended: %s", member_name(m, name), m->last_exit);
	if (!m->fleet->stopping)
		m->fleet->setup.door(m->fleet->setup.data);
}

static void ended(struct member *m, int status)
{
	const pid_t pid = m->pid;
	char name[48];

	hang_up(m);
	loop_cancel(m->fleet->setup.loop, &m->timer);
	m->pid = 0;
	m->state = MEMBER_DOWN;
	m->since_ms = cs_clock_wall_ms();
	member_exit_text(status, m->last_exit);
	if (m->kind == KIND_IMPORT) {
		ended_import(m, status);
		return;
	}
	if (m->fleet->stopping)
		return;
	const int64_t wait_ms = member_backoff(m, cs_clock_mono_ms() - m->started_ms);
	m->restarts++;
	cs_warning("%s (pid %d) ended: %s; it starts again in %lld ms, restart %u",
	        member_name(m, name), (int)pid,
	        m->last_exit[0] != '\0' ? m->last_exit : "exit 0 without being told to",
	        (long long)wait_ms, m->restarts);
	arm(m, wait_ms, timer_start);
	roles_soon(m->fleet, 0);
}

/* --- the fleet --- */

static void stop_last(struct fleet *self);

static bool any(const struct fleet *self, bool last)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->members[i].pid != 0 && member_roles[self->members[i].kind].last == last)
			return true;
	return false;
}

void fleet_reap(struct fleet *self)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (size_t i = 0; i < self->count; i++)
			if (self->members[i].pid == pid)
				ended(&self->members[i], status);
	if (self->stopping && !any(self, false))
		stop_last(self);
}

static void add(struct fleet *self, enum member_kind kind, uint32_t index)
{
	self->members[self->count++] =
	        (struct member){ .fleet = self, .kind = kind, .index = index, .control = -1 };
}

enum cs_err fleet_new(const struct fleet_setup *setup, struct fleet **out)
{
	struct fleet *self = calloc(1, sizeof(*self));
	const size_t workers = setup->config->workers;

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->members = calloc(workers + KIND_IMPORT + IMPORTS_MAX, sizeof(*self->members));
	if (self->members == NULL) {
		free(self);
		return CS_ENOMEM;
	}
	self->setup = *setup;
	for (enum member_kind kind = KIND_KEYD; kind < KIND_IMPORT; kind++)
		for (uint32_t i = 0; i < (kind == KIND_EDGE ? workers : 1); i++)
			add(self, kind, i);
	self->standing = self->count;
	for (uint32_t i = 0; i < IMPORTS_MAX; i++)
		add(self, KIND_IMPORT, i);
	*out = self;
	return CS_OK;
}

void fleet_start(struct fleet *self)
{
	for (size_t i = 0; i < self->standing; i++)
		start(&self->members[i]);
}

void fleet_reconfigure(struct fleet *self, const struct wire_config *config)
{
	self->setup.config = config;
	for (size_t i = 0; i < self->standing; i++)
		if (runs(&self->members[i]))
			(void)!send(&self->members[i], PACKET_config, config, -1);
}

static struct member *free_place(const struct fleet *self)
{
	for (size_t i = self->standing; i < self->count; i++)
		if (self->members[i].pid == 0)
			return &self->members[i];
	return NULL;
}

bool fleet_import_room(const struct fleet *self)
{
	return free_place(self) != NULL;
}

enum cs_err fleet_import(struct fleet *self, int door)
{
	struct member *m = free_place(self);

	if (m == NULL || self->stopping)
		return CS_EAGAIN;
	m->index = ++self->imports;
	start(m);
	if (m->pid == 0)
		return CS_EUNREACHABLE;
	send_fd(m, "door", 0, door);
	return CS_OK;
}

static void tell_stop(struct fleet *self, bool last, uint32_t drain_ms)
{
	const struct wire_stop body = { .drain_ms = drain_ms };

	for (size_t i = 0; i < self->count; i++) {
		struct member *m = &self->members[i];
		if (runs(m) && member_roles[m->kind].last == last)
			(void)!send(m, PACKET_stop, &body, -1);
	}
}

static void stop_last(struct fleet *self)
{
	if (self->told_last)
		return;
	self->told_last = true;
	tell_stop(self, true, LAST_DRAIN_MS);
}

static void timer_stop_last(void *data)
{
	struct fleet *self = data;

	self->stop_timer = NULL;
	stop_last(self);
}

void fleet_stop(struct fleet *self)
{
	if (self->stopping)
		return;
	self->stopping = true;
	for (size_t i = 0; i < self->count; i++)
		loop_cancel(self->setup.loop, &self->members[i].timer);
	loop_cancel(self->setup.loop, &self->roles_timer);
	tell_stop(self, false, DRAIN_MS);
	if (!any(self, false) || loop_after(self->setup.loop, LAST_AFTER_MS, timer_stop_last, self,
	                                 &self->stop_timer) != CS_OK)
		stop_last(self);
}

bool fleet_empty(const struct fleet *self)
{
	return !any(self, false) && !any(self, true);
}

void fleet_kill(struct fleet *self)
{
	char name[48];

	for (size_t i = 0; i < self->count; i++) {
		const struct member *m = &self->members[i];
		if (m->pid == 0)
			continue;
		cs_warning("%s did not stop in time; it is killed", member_name(m, name));
		kill(m->pid, SIGKILL);
	}
}

size_t fleet_up(const struct fleet *self, size_t *wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < self->standing; i++)
		n += self->members[i].state == MEMBER_UP;
	*wanted = self->standing;
	return n;
}

void fleet_free(struct fleet **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < (*self)->count; i++) {
		hang_up(&(*self)->members[i]);
		loop_cancel((*self)->setup.loop, &(*self)->members[i].timer);
	}
	loop_cancel((*self)->setup.loop, &(*self)->roles_timer);
	loop_cancel((*self)->setup.loop, &(*self)->stop_timer);
	free((*self)->members);
	free(*self);
	*self = NULL;
}
