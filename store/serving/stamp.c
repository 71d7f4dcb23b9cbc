#include "store/serving/stamp.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "certspan-serving 1 "
#define STAMP_MAX 128
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static enum cs_err path_of(const char *dir, const char *file, char out[4096])
{
	return snprintf(out, 4096, "%s/%s", dir, file) < 4096 ? CS_OK : CS_ETOOBIG;
}

/* The first line of a small file, without its end. */
static enum cs_err line_read(const char *path, char out[STAMP_MAX])
{
	CS_AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return cs_err_errno(errno);
	const ssize_t n = read(fd, out, STAMP_MAX - 1);
	if (n < 0)
		return cs_err_errno(errno);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return CS_OK;
}

static enum cs_err sync_dir(const char *dir)
{
	CS_AUTO(fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? CS_OK : cs_err_errno(errno);
}

static enum cs_err file_write(const char *path, const char *text)
{
	CS_AUTO(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	const size_t n = strlen(text);

	if (fd < 0)
		return cs_err_errno(errno);
	if (write(fd, text, n) != (ssize_t)n)
		return CS_EFULL;
	return fchmod(fd, 0640) == 0 && fsync(fd) == 0 ? CS_OK : cs_err_errno(errno);
}

static enum cs_err stamp_write(const char *dir, const char *word)
{
	char path[4096], draft[4096], text[2 * STAMP_MAX];

	CS_TRY(path_of(dir, "stamp", path));
	CS_TRY(path_of(dir, "stamp.new", draft));
	snprintf(text, sizeof(text), FORMAT "%s\n", word);
	CS_TRY(file_write(draft, text));
	if (rename(draft, path) != 0)
		return cs_err_errno(errno);
	return sync_dir(dir);
}

enum cs_err stamp_check(const char *dir, bool *good)
{
	char path[4096], stamp[STAMP_MAX], boot[STAMP_MAX];
	const size_t format = strlen(FORMAT);

	*good = false;
	CS_TRY(path_of(dir, "stamp", path));
	const enum cs_err rc = line_read(path, stamp);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_OK : rc;
	CS_TRY(line_read(BOOT_FILE, boot));
	if (strncmp(stamp, FORMAT, format) != 0)
		return CS_OK;
	*good = strcmp(stamp + format, "clean") == 0 || strcmp(stamp + format, boot) == 0;
	return CS_OK;
}

enum cs_err stamp_open(const char *dir)
{
	char boot[STAMP_MAX];

	CS_TRY(line_read(BOOT_FILE, boot));
	return stamp_write(dir, boot);
}

enum cs_err stamp_clean(const char *dir)
{
	return stamp_write(dir, "clean");
}
