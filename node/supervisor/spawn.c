#include "node/supervisor/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/role/channel.h"
#include "proto/role/role.h"

#define EXEC_FAILED 127
#define ENVIRONMENT_MAX 32
#define PROGRAM_FD (ROLE_CONTROL_FD + 1) /* the role's program, opened while we may */
#define DESCRIPTORS 65536 /* of a role, at least if we may */

void spawn_libexec(const char *wish, char *out, size_t size)
{
	char self[PATH_MAX - 64], beside[PATH_MAX];

	snprintf(out, size, "%s", wish != NULL ? wish : ".");
	if (wish != NULL)
		return;
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(beside, sizeof(beside), "%s/certspan-keyd", self);
	snprintf(out, size, "%s%s", self, access(beside, X_OK) == 0 ? "" : "/../libexec/certspan");
}

/* What a role may see of our environment: nothing that could steer a library or carry a secret. */
static void small_environment(char *out[ENVIRONMENT_MAX + 1])
{
	static const char *const kept[] = { "PATH=", "TZ=", "LANG=", "LC_ALL=", "ASAN_OPTIONS=",
		"UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=", "LLVM_PROFILE_FILE=",
		"CERTSPAN_" };
	size_t n = 0;

	for (char **e = environ; *e != NULL; e++)
		for (size_t i = 0; i < CS_COUNT(kept) && n < ENVIRONMENT_MAX; i++)
			if (strncmp(*e, kept[i], strlen(kept[i])) == 0)
				out[n++] = *e;
	out[n] = NULL;
}

static int place_descriptors(int control, const char *program)
{
	const int null = open("/dev/null", O_RDONLY);
	const int file = fcntl(open(program, O_PATH), F_DUPFD_CLOEXEC, PROGRAM_FD + 1);

	if (null < 0 || file < 0 || dup2(null, STDIN_FILENO) < 0)
		return -1;
	if (control == ROLE_CONTROL_FD ? fcntl(control, F_SETFD, 0) != 0
	                               : dup2(control, ROLE_CONTROL_FD) < 0)
		return -1;
	if (dup3(file, PROGRAM_FD, O_CLOEXEC) < 0)
		return -1;
	return close_range(PROGRAM_FD + 1, ~0u, 0);
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void raise_limit(__rlimit_resource_t what, rlim_t wanted)
{
	struct rlimit now;

	if (getrlimit(what, &now) != 0)
		return;
	const rlim_t enough = now.rlim_cur > wanted ? now.rlim_cur : wanted;
	const struct rlimit more = { enough, now.rlim_max > enough ? now.rlim_max : enough };
	const struct rlimit most = { now.rlim_max, now.rlim_max };
	if (setrlimit(what, &more) != 0) /* only root may pass the hard limit */
		(void)setrlimit(what, &most);
}

/* While we are root: room for the connections of an edge, and for keyd to keep its secrets out of
 * swap. */
static void raise_limits(enum user_role user)
{
	raise_limit(RLIMIT_NOFILE, DESCRIPTORS);
	if (user == USER_KEYD || user == USER_IMPORT)
		raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
}

_Noreturn static void child(const char *program, const char *name, const struct users *users,
        enum user_role user, int control)
{
	char *environment[ENVIRONMENT_MAX + 1], *arguments[] = { (char *)(uintptr_t)name, NULL };

	small_environment(environment);
	reset_signals();
	umask(0027);
	raise_limits(user);
	if (place_descriptors(control, program) == 0 && users_become(users, user) == CS_OK) {
		execve(program, arguments, environment);
		if (errno == EACCES) /* its user cannot walk to it, as in a clone below /root */
			execveat(PROGRAM_FD, "", arguments, environment, AT_EMPTY_PATH);
	}
	dprintf(STDERR_FILENO, "certspand: cannot start %s: %s\n", program, strerror(errno));
	_exit(EXEC_FAILED);
}

enum cs_err spawn_role(const char *libexec, const char *role, const struct users *users,
        enum user_role user, pid_t *pid, int *control)
{
	char program[PATH_MAX + 32], name[48];
	int ends[2];

	snprintf(name, sizeof(name), "certspan-%s", role);
	snprintf(program, sizeof(program), "%s/%s", libexec, name);
	if (access(program, X_OK) != 0)
		return cs_err_errno(errno);
	CS_TRY(channel_pair(ends));
	*pid = fork();
	if (*pid == 0)
		child(program, name, users, user, ends[1]);
	const int saved = errno;
	close(ends[1]);
	*control = ends[0];
	if (*pid > 0)
		return CS_OK;
	close(ends[0]);
	return cs_err_errno(saved);
}
