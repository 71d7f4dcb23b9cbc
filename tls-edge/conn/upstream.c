#include "tls-edge/conn/upstream.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include "proto/base/limits.h"

static enum cs_err read_unix(const char *path, struct upstream *out)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
		return CS_EMALFORMED;
	memcpy(un.sun_path, path, strlen(path) + 1);
	memcpy(&out->address, &un, sizeof(un));
	out->length = sizeof(un);
	return CS_OK;
}

/* "HOST:PORT", "[v6]:PORT" cut in two. */
static enum cs_err split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text || colon[1] == '\0')
		return CS_EMALFORMED;
	size_t n = (size_t)(colon - text);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= size)
		return CS_EMALFORMED;
	memcpy(host, text, n);
	host[n] = '\0';
	*port = colon + 1;
	return CS_OK;
}

static enum cs_err read_tcp(const char *text, struct upstream *out)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char host[CS_ENDPOINT_MAX];
	const char *port;
	struct addrinfo *found;

	CS_TRY(split(text, host, sizeof(host), &port));
	if (getaddrinfo(host, port, &want, &found) != 0)
		return CS_EUNREACHABLE;
	memcpy(&out->address, found->ai_addr, found->ai_addrlen);
	out->length = found->ai_addrlen;
	freeaddrinfo(found);
	return CS_OK;
}

enum cs_err upstream_read(const char *text, struct upstream *out)
{
	*out = (struct upstream){ 0 };
	if (text[0] == '\0')
		return CS_OK;
	if (strncmp(text, "unix:", 5) == 0)
		return read_unix(text + 5, out);
	return strncmp(text, "tcp:", 4) == 0 ? read_tcp(text + 4, out) : CS_EMALFORMED;
}

enum cs_err upstream_connect(const struct upstream *self, int *out)
{
	const int on = 1;
	const int fd =
	        socket(self->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*out = -1;
	if (fd < 0)
		return CS_EAGAIN;
	if (self->address.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&self->address, self->length) != 0 &&
	        errno != EINPROGRESS) {
		const int why = errno;
		close(fd);
		return why == EAGAIN ? CS_EAGAIN : CS_EUNREACHABLE;
	}
	*out = fd;
	return CS_OK;
}

enum cs_err upstream_arrived(int fd)
{
	int why = 0;
	socklen_t n = sizeof(why);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) != 0 || why != 0)
		return CS_EUNREACHABLE;
	return CS_OK;
}
