/* tls-edge/conn/upstream.h: the one backend behind this node: "tcp:HOST:PORT" or "unix:PATH". */
#pragma once
#include <sys/socket.h>
#include "proto/base/cs.h"

struct upstream {
	struct sockaddr_storage address;
	socklen_t length; /* 0: none, the built-in page answers */
};
/* TEXT "" = none. A host name is looked up here, once, and may block: at start and reload only.
 * CS_EMALFORMED, CS_EUNREACHABLE (no such host). */
CS_MUST enum cs_err upstream_read(const char *text, struct upstream *out);
/* A non-blocking socket on its way; writable when it arrived. CS_EUNREACHABLE, CS_EAGAIN (out of
 * descriptors or backlog full). */
CS_MUST enum cs_err upstream_connect(const struct upstream *self, int *out);
/* What became of it. */
CS_MUST enum cs_err upstream_arrived(int fd);
