#include "node/door/frame.h"
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include "proto/base/clock.h"

#define READ_STEP 65536u /* memory follows what has come, never what was announced */

static enum cs_err wait_for(int fd, short event, int64_t deadline_ms)
{
	const int64_t left = deadline_ms - cs_clock_mono_ms();
	struct pollfd p = { .fd = fd, .events = event };

	if (left <= 0)
		return CS_ETIMEOUT;
	const int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
	return n >= 0 || errno == EINTR ? CS_OK : cs_err_errno(errno);
}

/* *DONE: how much of it went; an interrupted or premature call moves nothing and is no error. */
static enum cs_err send_some(int fd, const uint8_t *p, size_t n, size_t *done)
{
	const ssize_t sent = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	*done = sent > 0 ? (size_t)sent : 0;
	if (sent >= 0 || errno == EAGAIN || errno == EINTR)
		return CS_OK;
	return errno == EPIPE || errno == ECONNRESET ? CS_ECLOSED : cs_err_errno(errno);
}

static enum cs_err receive_some(int fd, uint8_t *p, size_t n, size_t *done)
{
	const ssize_t got = recv(fd, p, n, MSG_DONTWAIT);

	*done = got > 0 ? (size_t)got : 0;
	if (got == 0)
		return CS_ECLOSED;
	if (got > 0 || errno == EAGAIN || errno == EINTR)
		return CS_OK;
	return errno == ECONNRESET ? CS_ECLOSED : cs_err_errno(errno);
}

static enum cs_err write_all(int fd, const uint8_t *p, size_t n, int64_t deadline_ms)
{
	size_t done;

	for (; n > 0; p += done, n -= done) {
		CS_TRY(wait_for(fd, POLLOUT, deadline_ms));
		CS_TRY(send_some(fd, p, n, &done));
	}
	return CS_OK;
}

static enum cs_err read_all(int fd, uint8_t *p, size_t n, int64_t deadline_ms)
{
	size_t done;

	for (; n > 0; p += done, n -= done) {
		CS_TRY(wait_for(fd, POLLIN, deadline_ms));
		CS_TRY(receive_some(fd, p, n, &done));
	}
	return CS_OK;
}

enum cs_err door_frame_write(int fd, struct cs_bytes packet, int64_t deadline_ms)
{
	const size_t n = packet.n;
	const uint8_t head[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n };

	if (n == 0 || n > DOOR_REQUEST_MAX)
		return CS_ETOOBIG;
	CS_TRY(write_all(fd, head, sizeof(head), deadline_ms));
	return write_all(fd, packet.p, n, deadline_ms);
}

enum cs_err door_frame_read(int fd, int64_t deadline_ms, struct cs_buf *out)
{
	uint8_t head[4];

	CS_TRY(read_all(fd, head, sizeof(head), deadline_ms));
	size_t left =
	        (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (left == 0)
		return CS_EEMPTY;
	if (left > out->max - out->n)
		return CS_ETOOBIG;
	while (left > 0) {
		const size_t step = left < READ_STEP ? left : READ_STEP;
		CS_TRY(cs_buf_reserve(out, step));
		CS_TRY(read_all(fd, out->p + out->n, step, deadline_ms));
		out->n += step;
		left -= step;
	}
	return CS_OK;
}
