#include "node/supervisor/folders.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES (CS_TEXT_MAX + 64)
#define DEPTH_MAX 3

static enum cs_err complain(
        struct cs_buf *complaint, int saved, const char *path, const char *what, const char *next)
{
	const enum cs_err rc = cs_err_errno(saved);

	CS_TRY(cs_buf_printf(complaint, "%s: %s: %s\nnext: %s", path, what, strerror(saved), next));
	return rc;
}

/* mkdir -p; the last folder gets MODE if it is made here. */
static int make_path(const char *path, mode_t mode)
{
	char part[PATH_BYTES];

	for (const char *slash = strchr(path + 1, '/'); slash != NULL;
	        slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return -1;
	}
	return mkdir(path, mode) != 0 && errno != EEXIST ? -1 : 0;
}

enum cs_err folders_lock(const struct wire_config *config, int *lock, struct cs_buf *complaint)
{
	const bool root = geteuid() == 0;
	char path[PATH_BYTES];

	*lock = -1;
	if (make_path(config->runtime_dir, root ? 0755 : 0700) != 0)
		return complain(complaint, errno, config->runtime_dir, "cannot make this folder",
		        "start as root, or set runtime-directory to a folder of yours");
	snprintf(path, sizeof(path), "%s/certspand.lock", config->runtime_dir);
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain(complaint, errno, path, "cannot open",
		        "start as the user who owns the folder, or set runtime-directory");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		const int saved = errno;
		close(fd);
		if (saved != EWOULDBLOCK)
			return complain(
			        complaint, saved, path, "cannot lock", "use a local file system");
		CS_TRY(cs_buf_printf(complaint,
		        "another certspand runs with this runtime-directory: it holds %s\n"
		        "next: stop it, or give this node its own store.directory and "
		        "runtime-directory",
		        path));
		return CS_EAGAIN;
	}
	*lock = fd;
	return CS_OK;
}

static enum cs_err check_store(const struct wire_config *config, struct cs_buf *complaint)
{
	static const char *const needed[] = { "state/data.mdb", "replicator.key", "keyd.key" };
	char path[PATH_BYTES];

	for (size_t i = 0; i < CS_COUNT(needed); i++) {
		snprintf(path, sizeof(path), "%s/%s", config->state_dir, needed[i]);
		if (access(path, F_OK) == 0)
			continue;
		if (errno != ENOENT && errno != ENOTDIR)
			return complain(complaint, errno, path, "cannot read",
			        "start as root or as the user who owns store.directory");
		CS_TRY(cs_buf_printf(complaint,
		        "there is no node here yet: %s is missing\n"
		        "next: certspan init (the first node of a cluster) or certspan join TOKEN",
		        path));
		return CS_ENOTFOUND;
	}
	return CS_OK;
}

static enum cs_err check_writable(const char *path, struct cs_buf *complaint)
{
	if (access(path, W_OK | X_OK) == 0)
		return CS_OK;
	return complain(complaint, errno, path, "cannot write here",
	        "start as root or as the owner of store.directory, or set another one");
}

/* Hands over what is in DIR, and DIR itself. Only plain files and folders, never through a link:
 * the roles may write here. */
static int own_tree(int parent, const char *name, uid_t uid, gid_t gid, int depth)
{
	struct stat st;
	const int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? 0 : -1;
	int rc = fstat(fd, &st);
	if (rc == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1) {
		const bool lock = strcmp(name, "lock.mdb") == 0;
		rc = fchown(fd, uid, gid) | fchmod(fd, lock ? 0660 : 0640);
	}
	if (rc != 0 || !S_ISDIR(st.st_mode) || depth == 0) {
		close(fd);
		return rc;
	}
	rc = fchown(fd, uid, gid) | fchmod(fd, 02750);
	DIR *dir = fdopendir(fd);
	const struct dirent *e;
	while (rc == 0 && dir != NULL && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = own_tree(fd, e->d_name, uid, gid, depth - 1);
	if (dir == NULL)
		close(fd);
	else
		closedir(dir);
	return rc;
}

static int own_file(int parent, const char *name, const struct user *user)
{
	const int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -1;
	const int rc = fchown(fd, user->uid, user->gid) | fchmod(fd, 0600);
	close(fd);
	return rc;
}

static int own_all(const char *state_dir, const struct users *users)
{
	const struct user *replicator = &users->of[USER_REPLICATOR];
	const int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -1;
	const int rc = fchown(dir, 0, 0) | fchmod(dir, 0711) |
	               own_tree(dir, "state", replicator->uid, users->state_group, DEPTH_MAX) |
	               own_tree(dir, "serving", replicator->uid, users->serving_group, DEPTH_MAX) |
	               own_file(dir, "replicator.key", replicator) |
	               own_file(dir, "keyd.key", &users->of[USER_KEYD]);
	const int saved = errno;
	close(dir);
	errno = saved;
	return rc;
}

/* Every folder above the store lets other users pass: else each role would fail at its first file.
 */
static enum cs_err check_reachable(const char *state_dir, struct cs_buf *complaint)
{
	char part[PATH_BYTES];
	struct stat st;

	for (const char *slash = strchr(state_dir + 1, '/'); slash != NULL;
	        slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - state_dir), state_dir);
		if (stat(part, &st) != 0 || (st.st_mode & S_IXOTH) != 0)
			continue;
		CS_TRY(cs_buf_printf(complaint,
		        "%s: mode %04o keeps the roles out of store.directory: started as root, "
		        "each "
		        "runs as a user of its own\n"
		        "next: chmod o+x %s, or set store.directory to a place like "
		        "/var/lib/certspan, "
		        "or start as an ordinary user",
		        part, (unsigned)st.st_mode & 07777, part));
		return CS_EDENIED;
	}
	return CS_OK;
}

enum cs_err folders_own(
        const struct wire_config *config, const struct users *users, struct cs_buf *complaint)
{
	char path[PATH_BYTES];

	CS_TRY(check_store(config, complaint));
	CS_TRY(check_writable(config->state_dir, complaint));
	snprintf(path, sizeof(path), "%s/state", config->state_dir);
	CS_TRY(check_writable(path, complaint));
	snprintf(path, sizeof(path), "%s/serving", config->state_dir);
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return complain(complaint, errno, path, "cannot make this folder",
		        "free space, or check who owns store.directory");
	CS_TRY(check_writable(path, complaint));
	if (!users->shared)
		CS_TRY(check_reachable(config->state_dir, complaint));
	if (!users->shared && own_all(config->state_dir, users) != 0)
		return complain(complaint, errno, config->state_dir,
		        "cannot hand it to the roles' users",
		        "use a file system with owners and modes for store.directory");
	return CS_OK;
}
