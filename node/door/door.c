#include "node/door/door.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "node/door/frame.h"
#include "proto/wire/packet.h"

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static enum cs_err reach(const char *path, int *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t n = strlen(path);

	if (n >= sizeof(address.sun_path))
		return CS_ETOOBIG;
	memcpy(address.sun_path, path, n + 1);
	CS_AUTO(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cs_err_errno(errno);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return errno == EACCES || errno == EPERM ? CS_EDENIED : CS_EUNREACHABLE;
	*out = fd;
	fd = -1;
	return CS_OK;
}

static enum cs_err send_request(int fd, const struct wire_door *request, int64_t deadline_ms)
{
	CS_AUTO(cs_buf_free) struct cs_buf packet = cs_buf_new(DOOR_REQUEST_MAX);

	CS_TRY(wire_pack(PACKET_door, request, &packet));
	return door_frame_write(fd, cs_buf_view(&packet), deadline_ms);
}

static enum cs_err read_reply(
        int fd, int64_t deadline_ms, uint32_t *status, struct cs_buf *body, struct cs_buf *file)
{
	CS_AUTO(cs_buf_free) struct cs_buf frame = cs_buf_new(DOOR_REPLY_MAX);
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	CS_TRY(door_frame_read(fd, deadline_ms, &frame));
	CS_TRY(wire_unpack(cs_buf_view(&frame), &packet));
	if (packet.id != PACKET_door_reply)
		return CS_EMALFORMED;
	const struct wire_door_reply *reply = packet.body;
	*status = reply->status;
	if (file != NULL && reply->file.n > 0)
		CS_TRY(cs_buf_add(file, reply->file.p, reply->file.n));
	return cs_buf_add(body, reply->body, strlen(reply->body));
}

enum cs_err door_call(const char *socket_path, const struct wire_door *request, int64_t deadline_ms,
        uint32_t *status, struct cs_buf *body)
{
	return door_fetch(socket_path, request, deadline_ms, status, body, NULL);
}

enum cs_err door_fetch(const char *socket_path, const struct wire_door *request,
        int64_t deadline_ms, uint32_t *status, struct cs_buf *body, struct cs_buf *file)
{
	CS_AUTO(fd_close) int fd = -1;

	*status = 0;
	CS_TRY(reach(socket_path, &fd));
	/* An importer that refuses early answers and closes while we still send: its answer counts,
	 * not our EPIPE. */
	const enum cs_err sent = send_request(fd, request, deadline_ms);
	if (sent != CS_OK && sent != CS_ECLOSED)
		return sent;
	return read_reply(fd, deadline_ms, status, body, file);
}

const char *door_reason(enum cs_err err)
{
	switch (err) {
	case CS_EUNREACHABLE:
		return "no certspand answers at the door. Start it, or check "
		       "node.runtime-directory in its configuration.";
	case CS_EDENIED:
		return "this user may not use the door. Run the command as root or as a member of "
		       "the certspan group.";
	case CS_ETOOBIG:
		return "the files are too large together. Import at most 1 MiB a file and 4 MiB in "
		       "one go.";
	case CS_ECLOSED:
		return "the importer ended without an answer: the files took more than 5 s or 512 "
		       "MiB to read, or it crashed; "
		       "nothing was imported. Look at them with `certspan cert inspect`, and at "
		       "the log of certspand.";
	case CS_ETIMEOUT:
		return "no answer in time; the import may have been done. Look with `certspan cert "
		       "list` before a second try.";
	default:
		return cs_err_text(err);
	}
}
