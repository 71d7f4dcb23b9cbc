#include "node/cli/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 16384

enum cs_err file_read_fd(int fd, struct cs_buf *out)
{
	for (;;) {
		size_t room = out->max - out->n < CHUNK ? out->max - out->n : CHUNK;
		uint8_t probe = 0;
		if (room > 0)
			CS_TRY(cs_buf_reserve(out, room));
		const ssize_t n =
		        read(fd, room > 0 ? out->p + out->n : &probe, room > 0 ? room : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cs_err_errno(errno);
		if (n == 0)
			return CS_OK;
		if (room == 0)
			return CS_ETOOBIG;
		out->n += (size_t)n;
	}
}

/* Regular files and what a shell's <(...) gives; a folder or device never. */
enum cs_err file_read(const char *path, struct cs_buf *out)
{
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return cs_err_errno(errno);
	enum cs_err rc = fstat(fd, &st) == 0 ? CS_OK : cs_err_errno(errno);
	if (rc == CS_OK && !S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
		rc = CS_EMALFORMED;
	if (rc == CS_OK && S_ISREG(st.st_mode) && (uint64_t)st.st_size > out->max)
		rc = CS_ETOOBIG;
	if (rc == CS_OK)
		rc = file_read_fd(fd, out);
	close(fd);
	return rc;
}

static enum cs_err write_all(int fd, struct cs_bytes bytes)
{
	while (bytes.n > 0) {
		const ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return cs_err_errno(errno);
		if (n > 0)
			bytes = (struct cs_bytes){ bytes.p + n, bytes.n - (size_t)n };
	}
	return fsync(fd) == 0 ? CS_OK : cs_err_errno(errno);
}

static enum cs_err sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof(folder), "%.*s",
	        slash == NULL   ? 1
	        : slash == path ? 1
	                        : (int)(slash - path),
	        slash == NULL ? "." : path);
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cs_err_errno(errno);
	const int rc = fsync(fd);
	close(fd);
	return rc == 0 ? CS_OK : CS_EIO;
}

enum cs_err file_write_new(const char *path, struct cs_bytes bytes, unsigned mode)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		return cs_err_errno(errno);
	enum cs_err rc = write_all(fd, bytes);
	if (close(fd) != 0 && rc == CS_OK)
		rc = cs_err_errno(errno);
	if (rc == CS_OK)
		rc = sync_folder(path);
	if (rc != CS_OK)
		unlink(path);
	return rc;
}

enum cs_err file_mkdirs(const char *path, unsigned mode)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part) || path[0] == '\0')
		return CS_EUSAGE;
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return cs_err_errno(errno);
		*slash = '/';
	}
	if (mkdir(part, mode) != 0 && errno != EEXIST)
		return cs_err_errno(errno);
	struct stat st;
	if (stat(part, &st) != 0)
		return cs_err_errno(errno);
	return S_ISDIR(st.st_mode) ? CS_OK : CS_EEXISTS;
}

enum cs_err file_absolute(const char *path, char *out, size_t size)
{
	char here[PATH_MAX];

	if (path[0] == '/')
		return snprintf(out, size, "%s", path) < (int)size ? CS_OK : CS_ETOOBIG;
	if (getcwd(here, sizeof(here)) == NULL)
		return cs_err_errno(errno);
	if (strncmp(path, "./", 2) == 0)
		path += 2;
	return snprintf(out, size, "%s/%s", here, path) < (int)size ? CS_OK : CS_ETOOBIG;
}
