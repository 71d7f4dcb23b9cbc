#include "node/cli/child.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "proto/base/clock.h"

#define CHUNK 4096

struct pipes {
	int in[2], out[2], err[2]; /* [0]: ours */
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static enum cs_err pipes_open(struct pipes *self)
{
	int *const pairs[] = { self->in, self->out, self->err };

	for (size_t i = 0; i < CS_COUNT(pairs); i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) != 0)
			return cs_err_errno(errno);
	return CS_OK;
}

static void pipes_close(struct pipes *self)
{
	int *const pairs[] = { self->in, self->out, self->err };

	for (size_t i = 0; i < CS_COUNT(pairs); i++) {
		shut(&pairs[i][0]);
		shut(&pairs[i][1]);
	}
}

static _Noreturn void child(char *const *argv, const struct pipes *p)
{
	if (dup2(p->in[1], STDIN_FILENO) < 0 || dup2(p->out[1], STDOUT_FILENO) < 0 ||
	        dup2(p->err[1], STDERR_FILENO) < 0)
		_exit(127);
	execv(argv[0], argv);
	_exit(127);
}

/* Moves what is there from *FD to BUF; closes it at the end, or when BUF is full. */
static void drain(int *fd, struct cs_buf *buf)
{
	if (cs_buf_reserve(buf, CHUNK) != CS_OK) {
		shut(fd);
		return;
	}
	const ssize_t n = read(*fd, buf->p + buf->n, CHUNK);
	if (n > 0)
		buf->n += (size_t)n;
	else if (n == 0 || errno != EINTR)
		shut(fd);
}

static enum cs_err talk(
        struct pipes *p, int64_t deadline_ms, struct cs_buf *out, struct cs_buf *err)
{
	while (p->out[0] >= 0 || p->err[0] >= 0) {
		struct pollfd fds[] = { { p->out[0], POLLIN, 0 }, { p->err[0], POLLIN, 0 } };
		const int64_t left = deadline_ms - cs_clock_mono_ms();
		if (left <= 0)
			return CS_ETIMEOUT;
		if (poll(fds, CS_COUNT(fds), left > 1000 ? 1000 : (int)left) < 0 && errno != EINTR)
			return CS_EIO;
		if (fds[0].revents != 0)
			drain(&p->out[0], out);
		if (fds[1].revents != 0)
			drain(&p->err[0], err);
	}
	return CS_OK;
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

enum cs_err child_run(char *const *argv, struct cs_bytes in, int64_t deadline_ms,
        struct cs_buf *out, struct cs_buf *err, int *exit_code)
{
	CS_AUTO(pipes_close) struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };

	CS_TRY(pipes_open(&p));
	const pid_t pid = fork();
	if (pid < 0)
		return cs_err_errno(errno);
	if (pid == 0)
		child(argv, &p);
	shut(&p.in[1]);
	shut(&p.out[1]);
	shut(&p.err[1]);
	enum cs_err rc = CS_OK;
	if (in.n > 0 && send(p.in[0], in.p, in.n, MSG_NOSIGNAL) !=
	                        (ssize_t)in.n) /* a few lines: they fit the socket's buffer */
		rc = CS_EIO;
	shut(&p.in[0]);
	if (rc == CS_OK)
		rc = talk(&p, deadline_ms, out, err);
	if (rc != CS_OK)
		kill(pid, SIGKILL);
	*exit_code = reap(pid);
	return rc == CS_OK && *exit_code == 127 ? CS_ENOTFOUND : rc;
}
