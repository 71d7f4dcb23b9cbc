#include "node/cli/demo/cluster.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "node/cli/reach.h"
#include "proto/base/clock.h"

#define PORTS 5
#define ROLES_MAX 64
#define STOP_MS 6000
#define TAIL_BYTES 2500
#define PREFIX "/tmp/certspan-demo-"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

bool demo_interrupted(void)
{
	return interrupted != 0;
}

void demo_catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < CS_COUNT(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

enum cs_err demo_fail(struct demo *self, enum cs_err err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(self->failure, sizeof(self->failure), fmt, args);
	va_end(args);
	return err;
}

static int bound_socket(unsigned *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		*port = 0;
	else
		*port = ntohs(at.sin_port);
	return fd;
}

/* All are held until all are known, so that no two are the same. */
static enum cs_err free_ports(unsigned ports[PORTS])
{
	int fds[PORTS];
	bool ok = true;

	for (size_t i = 0; i < PORTS; i++) {
		fds[i] = bound_socket(&ports[i]);
		ok = ok && ports[i] != 0;
	}
	for (size_t i = 0; i < PORTS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return ok ? CS_OK : CS_EIO;
}

static enum cs_err node_open(
        struct demo *self, struct demo_node *node, const char *name, const char *role)
{
	node->name = name;
	node->role = role;
	snprintf(node->public_host, sizeof(node->public_host), "%s." DEMO_SITE, name);
	snprintf(node->dir, sizeof(node->dir), "%.60s/%s", self->dir, name);
	snprintf(node->config, sizeof(node->config), "%s/certspan.yaml", node->dir);
	snprintf(node->log, sizeof(node->log), "%s/log", node->dir);
	return mkdir(node->dir, 0711) == 0 ? CS_OK : cs_err_errno(errno);
}

enum cs_err demo_open(struct demo *self)
{
	static const char *const names[DEMO_NODES] = { "p1", "b1", "t1" },
	                         *const roles[DEMO_NODES] = { "primary", "backup", "traffic" };
	unsigned ports[PORTS];

	snprintf(self->dir, sizeof(self->dir), PREFIX "XXXXXX");
	if (mkdtemp(self->dir) == NULL) {
		self->dir[0] = '\0';
		return demo_fail(self, cs_err_errno(errno), "cannot make a folder in /tmp: %s",
		        strerror(errno));
	}
	if (chmod(self->dir, 0711) != 0)
		return demo_fail(self, cs_err_errno(errno),
		        "cannot open %s to the roles' users: %s", self->dir, strerror(errno));
	if (free_ports(ports) != CS_OK)
		return demo_fail(self, CS_EIO, "cannot find free ports on 127.0.0.1");
	for (size_t i = 0; i < DEMO_NODES; i++) {
		if (node_open(self, &self->nodes[i], names[i], roles[i]) != CS_OK)
			return demo_fail(self, CS_EIO, "cannot make folders in %s", self->dir);
		self->nodes[i].edge_port = ports[i];
		self->nodes[i].internal_port = DEMO_NODES + i < PORTS ? ports[DEMO_NODES + i] : 0;
	}
	return CS_OK;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void demo_close(struct demo *self)
{
	for (size_t i = 0; i < DEMO_NODES; i++)
		if (self->nodes[i].pid != 0 && demo_stop(self, &self->nodes[i]) != CS_OK)
			continue; /* it is gone in any case */
	if (strncmp(self->dir, PREFIX, strlen(PREFIX)) == 0)
		nftw(self->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
	self->dir[0] = '\0';
}

static void tail(const struct demo_node *node, FILE *out)
{
	char text[TAIL_BYTES + 1];
	struct stat st;
	const int fd = open(node->log, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	const off_t from =
	        fstat(fd, &st) == 0 && st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
	const ssize_t n = pread(fd, text, TAIL_BYTES, from);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	const char *line = from > 0 && strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : text;
	fprintf(out, "--- the end of %s's log ---\n%s", node->name, line);
}

void demo_tails(const struct demo *self, FILE *out)
{
	for (size_t i = 0; i < DEMO_NODES; i++)
		tail(&self->nodes[i], out);
}

static _Noreturn void become(
        const struct demo *self, const struct demo_node *node, const char *program, pid_t parent)
{
	const int log = open(node->log, O_WRONLY | O_CREAT | O_APPEND, 0644),
	          none = open("/dev/null", O_RDONLY);

	if (log < 0 || none < 0 || setsid() < 0 || dup2(none, 0) < 0 || dup2(log, 1) < 0 ||
	        dup2(log, 2) < 0)
		_exit(127);
	if (!self->keep && (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent))
		_exit(127); /* nobody is left behind when the demo itself is killed */
	signal(SIGPIPE, SIG_DFL);
	execl(program, "certspand", "--config", node->config, NULL);
	_exit(127);
}

enum cs_err demo_start(struct demo *self, struct demo_node *node)
{
	char program[4096];
	const pid_t parent = getpid();

	if (reach_program("certspand", program, sizeof(program)) != CS_OK)
		return demo_fail(self, CS_EUNREACHABLE, "certspand is not beside this program");
	const pid_t pid = fork();
	if (pid < 0)
		return demo_fail(
		        self, cs_err_errno(errno), "cannot start certspand: %s", strerror(errno));
	if (pid == 0)
		become(self, node, program, parent);
	node->pid = pid;
	return CS_OK;
}

/* The children of PID, which are the roles of a certspand. */
static size_t children(pid_t pid, pid_t *out, size_t max)
{
	char path[64], text[4096];
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	const ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *at = text, *end; count < max; at = end) {
		const long child = strtol(at, &end, 10);
		if (end == at || child <= 1)
			break;
		out[count++] = (pid_t)child;
	}
	return count;
}

size_t demo_processes(const struct demo_node *node)
{
	pid_t roles[ROLES_MAX];

	return node->pid == 0 ? 0 : 1 + children(node->pid, roles, ROLES_MAX);
}

bool demo_ended(struct demo_node *node)
{
	int status = 0;

	if (node->pid == 0 || waitpid(node->pid, &status, WNOHANG) != node->pid)
		return false;
	node->pid = 0;
	return true;
}

size_t demo_kill(struct demo *self, struct demo_node *node)
{
	pid_t roles[ROLES_MAX];
	int status = 0;

	(void)self;
	if (node->pid == 0)
		return 0;
	kill(node->pid, SIGSTOP); /* so that it starts no role between the list and the end */
	const size_t count = children(node->pid, roles, ROLES_MAX);
	for (size_t i = 0; i < count; i++)
		kill(roles[i], SIGKILL);
	kill(node->pid, SIGKILL);
	while (waitpid(node->pid, &status, 0) < 0 && errno == EINTR)
		;
	node->pid = 0;
	return count + 1;
}

enum cs_err demo_stop(struct demo *self, struct demo_node *node)
{
	const int64_t until = cs_clock_mono_ms() + STOP_MS;
	int status = 0;

	if (node->pid == 0)
		return CS_OK;
	kill(node->pid, SIGTERM);
	while (cs_clock_mono_ms() < until) {
		if (waitpid(node->pid, &status, WNOHANG) == node->pid) {
			node->pid = 0;
			return WIFEXITED(status) && WEXITSTATUS(status) == 0
			               ? CS_OK
			               : demo_fail(
			                         self, CS_EBUG, "%s did not end well", node->name);
		}
		usleep(5000);
	}
	demo_kill(self, node);
	return demo_fail(
	        self, CS_ETIMEOUT, "%s did not end within %d s", node->name, STOP_MS / 1000);
}
