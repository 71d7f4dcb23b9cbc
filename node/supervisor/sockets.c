#include "node/supervisor/sockets.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "proto/base/clock.h"

#define BACKLOG 4096
#define LOCAL_BACKLOG 64
#define IN_USE_PATIENCE_MS 2000 /* roles of a killed supervisor hold their sockets for a moment */

static enum cs_err say_port(
        struct cs_buf *complaint, const char *key, const char *address, int saved)
{
	const char *next =
	        saved == EADDRINUSE
	                ? "stop what listens there (ss -ltnp shows it), or change this key"
	        : saved == EACCES ? "start as root, or choose a port above 1023"
	                          : "give an address of this host";

	CS_TRY(cs_buf_printf(complaint, "%s: cannot listen on %s: %s\nnext: %s", key, address,
	        strerror(saved), next));
	return saved == EADDRINUSE      ? CS_EEXISTS
	       : saved == EADDRNOTAVAIL ? CS_ECONFIG
	                                : cs_err_errno(saved);
}

static enum cs_err resolve(const char *address, struct sockaddr_storage *out, socklen_t *n)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	const char *colon = strrchr(address, ':');
	const bool v6 = address[0] == '[';
	struct addrinfo *list = NULL;
	char host[64];

	snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - (v6 ? 2 : 0),
	        address + (v6 ? 1 : 0));
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return CS_ECONFIG;
	memcpy(out, list->ai_addr, list->ai_addrlen);
	*n = list->ai_addrlen;
	freeaddrinfo(list);
	return CS_OK;
}

static int bound(const struct sockaddr_storage *a, socklen_t n, bool group)
{
	const int on = 1, fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	        (!group || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
	        (a->ss_family != AF_INET6 ||
	                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	        bind(fd, (const struct sockaddr *)a, n) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	const int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* A socket outside any SO_REUSEPORT group sees what a member would not: another program, or another
 * certspand, on the port. */
static enum cs_err check_free(const char *key, const char *address, struct cs_buf *complaint)
{
	const int64_t until = cs_clock_mono_ms() + IN_USE_PATIENCE_MS;
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	struct sockaddr_storage a;
	socklen_t n;

	CS_TRY(resolve(address, &a, &n));
	for (;;) {
		const int fd = bound(&a, n, false);
		if (fd >= 0) {
			close(fd);
			return CS_OK;
		}
		if (errno != EADDRINUSE || cs_clock_mono_ms() >= until)
			return say_port(complaint, key, address, errno);
		nanosleep(&pause, NULL);
	}
}

static enum cs_err open_edge(
        const struct wire_config *config, struct sockets *self, struct cs_buf *complaint)
{
	struct sockaddr_storage a;
	socklen_t n;

	for (size_t i = 0; i < self->addresses; i++) {
		const char *address = config->edge_listen.v[i];
		CS_TRY(check_free("edge.listen", address, complaint));
		CS_TRY(resolve(address, &a, &n));
		for (size_t w = 0; w < self->workers; w++) {
			const int fd = bound(&a, n, true);
			if (fd < 0)
				return say_port(complaint, "edge.listen", address, errno);
			self->edge[w * self->addresses + i] = fd;
		}
	}
	return CS_OK;
}

static enum cs_err open_local(const char *path, int *out, struct cs_buf *complaint)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return cs_err_errno(errno);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	(void)unlink(path); /* of a run before this one: we hold the lock */
	const mode_t before = umask(0177);
	const int rc = bind(fd, (const struct sockaddr *)&a, sizeof(a));
	umask(before);
	if (rc == 0 && listen(fd, LOCAL_BACKLOG) == 0) {
		*out = fd;
		return CS_OK;
	}
	const int saved = errno;
	close(fd);
	CS_TRY(cs_buf_printf(complaint,
	        "cannot listen on %s: %s\nnext: check who owns runtime-directory", path,
	        strerror(saved)));
	return cs_err_errno(saved);
}

enum cs_err sockets_open(
        const struct wire_config *config, struct sockets *out, struct cs_buf *complaint)
{
	*out = (struct sockets){ .api = -1,
		.door = -1,
		.workers = config->workers,
		.addresses = config->edge_listen.n };
	out->edge = malloc(out->workers * out->addresses * sizeof(int));
	if (out->edge == NULL)
		return CS_ENOMEM;
	memset(out->edge, -1, out->workers * out->addresses * sizeof(int));
	if (config->replication_listen[0] !=
	        '\0') /* the replicator binds it; better to say it now than in a restart loop */
		CS_TRY(check_free("replication.listen", config->replication_listen, complaint));
	CS_TRY(open_edge(config, out, complaint));
	snprintf(out->api_path, sizeof(out->api_path), "%s/api.sock", config->runtime_dir);
	snprintf(out->door_path, sizeof(out->door_path), "%s/door.sock", config->runtime_dir);
	CS_TRY(open_local(out->api_path, &out->api, complaint));
	return open_local(out->door_path, &out->door, complaint);
}

int sockets_edge(const struct sockets *self, size_t worker, size_t address)
{
	return self->edge[worker * self->addresses + address];
}

static void close_local(int *fd, const char *path)
{
	if (*fd < 0)
		return;
	(void)unlink(path);
	close(*fd);
	*fd = -1;
}

void sockets_close(struct sockets *self)
{
	close_local(&self->api, self->api_path);
	close_local(&self->door, self->door_path);
	for (size_t i = 0; self->edge != NULL && i < self->workers * self->addresses; i++)
		if (self->edge[i] >= 0)
			close(self->edge[i]);
	free(self->edge);
	self->edge = NULL;
}
