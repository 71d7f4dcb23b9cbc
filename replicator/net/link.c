#include "replicator/net/link_own.h"
#include <errno.h>
#include <string.h>
#include <zmq.h>

static bool set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

enum cs_err link_options(void *socket, struct link_keys keys)
{
	const int64_t largest = CS_MESSAGE_MAX; /* without it a stranger makes us reserve 1 GiB */
	static const struct {
		int option, value;
	} ints[] = {
		{ ZMQ_HANDSHAKE_IVL, 5000 },
		{ ZMQ_HEARTBEAT_IVL, 5000 },
		{ ZMQ_HEARTBEAT_TIMEOUT, 15000 },
		{ ZMQ_SNDHWM, 64 },
		{ ZMQ_RCVHWM, 64 },
		{ ZMQ_LINGER, 0 },
		{ ZMQ_IMMEDIATE, 1 },
		{ ZMQ_CONNECT_TIMEOUT, 5000 },
		{ ZMQ_BACKLOG, 1024 },
		{ ZMQ_IPV6, 1 },
		{ ZMQ_TCP_KEEPALIVE, 1 },
	};

	for (size_t i = 0; i < CS_COUNT(ints); i++)
		if (!set_int(socket, ints[i].option, ints[i].value))
			return CS_EBUG;
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) != 0 ||
	        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.curve_public, 32) != 0 ||
	        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.curve_secret, 32) != 0)
		return CS_EBUG;
	return CS_OK;
}

enum cs_err link_error(int saved_errno)
{
	switch (saved_errno) {
	case EAGAIN:
	case EINTR:
		return CS_EAGAIN;
	case EHOSTUNREACH:
		return CS_ECLOSED;
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case ENODEV:
	case EINVAL:
	case EACCES:
		return CS_EUNREACHABLE;
	default:
		return CS_EIO;
	}
}

bool link_more(void *socket)
{
	int more = 0;
	size_t size = sizeof(more);

	return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more != 0;
}

/* Frames behind the payload are nobody's: read and dropped, so that the next message starts where
 * it should. */
void link_skip_rest(void *socket)
{
	while (link_more(socket)) {
		zmq_msg_t frame;
		zmq_msg_init(&frame);
		const int n = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT);
		zmq_msg_close(&frame);
		if (n < 0)
			return;
	}
}
