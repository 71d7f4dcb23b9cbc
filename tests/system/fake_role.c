/* A stand-in for every role, for test_supervisor.py: begins as a real one does, writes what it is
 * told to CERTSPAN_FAKE_DIR/events (one line an event), says a word on each channel that it gets,
 * and misbehaves when a file in that folder asks for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/role/channel.h"
#include "proto/role/role.h"

#define FDS_MAX 64

static struct role role;
static const struct wire_start *start;
static struct pollfd fds[FDS_MAX];
static char what[FDS_MAX][40];
static nfds_t count;

static bool asked(const char *manner)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s-%s", getenv("CERTSPAN_FAKE_DIR"), manner, start->role);
	return access(path, F_OK) == 0;
}

static void event(const char *kind, const char *text, unsigned number)
{
	char line[512], path[512];

	snprintf(path, sizeof(path), "%s/events", getenv("CERTSPAN_FAKE_DIR"));
	const int n = snprintf(line, sizeof(line), "%s %u %d %s %s %u\n", start->role, start->index,
	        (int)getpid(), kind, text, number);
	const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		fprintf(stderr, "fake: %s: %s\n", path, strerror(errno));
	close(fd);
}

static void watch(int fd, const char *name)
{
	if (count == FDS_MAX)
		abort();
	snprintf(what[count], sizeof(what[0]), "%s", name);
	fds[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void take_fd(const struct wire_fd *f, int fd)
{
	char text[64];

	event("fd", f->what, f->index);
	watch(fd, f->what);
	if (strcmp(f->what, "listen") == 0)
		return;
	if (strcmp(f->what, "door") == 0) {
		if (asked("crash"))
			abort();
		(void)!write(fd, "welcome\n", 8);
		exit(0);
	}
	snprintf(text, sizeof(text), "%s.%u", start->role, start->index);
	const struct wire_ready hello = { .note = text };
	(void)!channel_send(fd, PACKET_ready, &hello, -1);
}

static void roles(const struct wire_roles *r)
{
	char text[64];

	for (size_t i = 0; i < r->roles.n; i++) {
		const struct wire_role *x = &r->roles.v[i];
		snprintf(text, sizeof(text), "%s.%u:%u:%s", x->role, x->index, x->restarts,
		        x->pid != 0 ? "up" : "down");
		event("role", text, x->pid);
	}
}

static void on_control(void)
{
	struct wire_packet p;
	int fd;

	const enum cs_err rc = channel_receive(role.control, &p, &fd);
	if (rc == CS_ECLOSED)
		exit(4);
	if (rc != CS_OK)
		return;
	if (p.id == PACKET_fd)
		take_fd(p.body, fd);
	if (p.id == PACKET_roles)
		roles(p.body);
	if (p.id == PACKET_config) {
		role_reconfigure(&role, &p);
		event("config", "log-level", role.config->log_level);
	}
	if (p.id == PACKET_stop) {
		event("stop", "drain", ((const struct wire_stop *)p.body)->drain_ms);
		if (!asked("stubborn"))
			exit(0);
	}
	wire_packet_free(&p);
}

static void on_peer(nfds_t i)
{
	struct wire_packet p;

	const enum cs_err rc = channel_receive(fds[i].fd, &p, NULL);
	if (rc == CS_OK && p.id == PACKET_ready)
		event("heard", ((const struct wire_ready *)p.body)->note, 0);
	if (rc == CS_ECLOSED) {
		event("lost", what[i], 0);
		close(fds[i].fd);
		fds[i].fd = -1;
	}
	wire_packet_free(&p);
}

/* An edge's client: told who serves it, then echoed. */
static void on_client(nfds_t i)
{
	char bytes[512];
	const ssize_t n = read(fds[i].fd, bytes, sizeof(bytes));

	if (n <= 0) {
		close(fds[i].fd);
		fds[i].fd = -1;
		return;
	}
	(void)!write(fds[i].fd, bytes, (size_t)n);
}

static void on_accept(nfds_t i)
{
	char text[64];
	const int fd = accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	const int n = snprintf(
	        text, sizeof(text), "%s %u %d\n", start->role, start->index, (int)getpid());
	(void)!write(fd, text, (size_t)n);
	watch(fd, "client");
}

int main(int argc, char **argv)
{
	(void)argc;
	const enum cs_err rc = role_begin(
	        strrchr(argv[0], '-') != NULL ? strrchr(argv[0], '-') + 1 : argv[0], &role);
	if (rc != CS_OK)
		return cs_err_exit(rc);
	start = role.start.body;
	event("start", role.config->name, getuid());
	if (asked("crash") && strcmp(start->role, "import") != 0)
		return 3;
	if (!asked("mute") && role_ready(&role, "fake") != CS_OK)
		return 5;
	watch(role.control, "control");
	for (;;) {
		(void)poll(fds, count, -1);
		for (nfds_t i = 0, n = count; i < n; i++) {
			if (fds[i].fd < 0 || fds[i].revents == 0)
				continue;
			if (i == 0)
				on_control();
			else if (strcmp(what[i], "listen") == 0)
				on_accept(i);
			else if (strcmp(what[i], "client") == 0)
				on_client(i);
			else
				on_peer(i);
		}
	}
}
