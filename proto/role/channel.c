#include "proto/role/channel.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proto/base/clock.h"

#define BUFFER_BYTES (4 * (int)CS_PACKET_MAX)

enum cs_err channel_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
		return cs_err_errno(errno);
	for (int i = 0; i < 2; i++) {
		const int size = BUFFER_BYTES; /* FORCE works for root; without it the default still
		                                  takes one packet */
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
			(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return CS_OK;
}

union fd_control {
	struct cmsghdr header;
	uint8_t room[CMSG_SPACE(sizeof(int))];
};

static enum cs_err send_bytes(int fd, struct cs_bytes bytes, int pass_fd)
{
	struct iovec iov = { (void *)(uintptr_t)bytes.p, bytes.n };
	union fd_control control = { .room = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return CS_OK;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS)
			return CS_EAGAIN;
		if (errno == EMSGSIZE)
			return CS_ETOOBIG;
		return CS_ECLOSED;
	}
}

enum cs_err channel_send(int fd, unsigned packet, const void *body, int pass_fd)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_PACKET_MAX);

	CS_TRY(wire_pack(packet, body, &buf));
	return send_bytes(fd, cs_buf_view(&buf), pass_fd);
}

/* CS_OK when FD is ready for EVENT or hung up, CS_ETIMEOUT. */
static enum cs_err wait_for(int fd, short event, int64_t deadline_ms)
{
	for (;;) {
		const int64_t left = deadline_ms - cs_clock_mono_ms();
		struct pollfd p = { .fd = fd, .events = event };
		const int n = poll(&p, 1, left < 0 ? 0 : (int)left);
		if (n > 0)
			return CS_OK;
		if (n == 0)
			return CS_ETIMEOUT;
		if (errno != EINTR)
			return cs_err_errno(errno);
	}
}

enum cs_err channel_send_wait(int fd, unsigned packet, const void *body, int64_t deadline_ms)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_PACKET_MAX);

	CS_TRY(wire_pack(packet, body, &buf));
	for (;;) {
		const enum cs_err rc = send_bytes(fd, cs_buf_view(&buf), -1);
		if (rc != CS_EAGAIN)
			return rc;
		CS_TRY(wait_for(fd, POLLOUT, deadline_ms));
	}
}

static int descriptor_of(struct msghdr *msg)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && fd < 0)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

enum cs_err channel_receive(int fd, struct wire_packet *out, int *passed)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_PACKET_MAX);
	union fd_control control = { .room = { 0 } };

	*out = (struct wire_packet){ 0 };
	if (passed != NULL)
		*passed = -1;
	CS_TRY(cs_buf_reserve(&buf, CS_PACKET_MAX));
	struct iovec iov = { buf.p, buf.cap };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;
	do
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET)); /* a reset is told once, before
	                                                             what is still queued */
	if (n < 0)
		return errno == EAGAIN ? CS_EAGAIN : CS_ECLOSED;
	const int received = descriptor_of(&msg);
	buf.n = (size_t)n;
	enum cs_err rc = n == 0                             ? CS_ECLOSED
	                 : (msg.msg_flags & MSG_TRUNC) != 0 ? CS_EMALFORMED
	                                                    : CS_OK;
	if (rc == CS_OK)
		rc = wire_unpack(cs_buf_view(&buf), out);
	if (rc == CS_OK && passed != NULL)
		*passed = received;
	else if (received >= 0)
		close(received);
	return rc;
}

enum cs_err channel_receive_wait(int fd, int64_t deadline_ms, struct wire_packet *out, int *passed)
{
	for (;;) {
		const enum cs_err rc = channel_receive(fd, out, passed);
		if (rc != CS_EAGAIN)
			return rc;
		CS_TRY(wait_for(fd, POLLIN, deadline_ms));
	}
}
