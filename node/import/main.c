/* certspan-import: see README.md of this folder. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "node/door/frame.h"
#include "node/import/answer.h"
#include "node/import/cage.h"
#include "node/import/leave.h"
#include "node/import/submit.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "proto/role/role.h"

#define WIRING_MS 10000
#define UPLOAD_MS 30000
#define REPLY_MS 10000

struct ends {
	int door;
	struct submit_to to;
};

static enum cs_err take_fd(struct ends *ends, const struct wire_packet *packet, int passed)
{
	const struct wire_fd *fd = packet->body;

	if (packet->id != PACKET_fd || passed < 0)
		return CS_EMALFORMED;
	int *end = strcmp(fd->what, "door") == 0    ? &ends->door
	           : strcmp(fd->what, "keyd") == 0  ? &ends->to.keyd
	           : strcmp(fd->what, "admin") == 0 ? &ends->to.admin
	                                            : NULL;
	if (end == NULL || *end >= 0) {
		close(passed);
		return CS_EMALFORMED;
	}
	*end = passed;
	return CS_OK;
}

static enum cs_err gather(const struct role *role, struct ends *ends)
{
	const int64_t deadline = cs_clock_mono_ms() + WIRING_MS;

	while (ends->door < 0 || ends->to.keyd < 0 || ends->to.admin < 0) {
		CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
		int passed = -1;
		CS_TRY(channel_receive_wait(role->control, deadline, &packet, &passed));
		CS_TRY(take_fd(ends, &packet, passed));
	}
	struct ucred who;
	socklen_t n = sizeof(who);
	if (getsockopt(ends->door, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return cs_err_errno(errno);
	ends->to.uid = who.uid;
	return CS_OK;
}

static enum cs_err read_request(int door, struct wire_packet *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf frame = cs_buf_new(DOOR_REQUEST_MAX);

	CS_TRY(door_frame_read(door, cs_clock_mono_ms() + UPLOAD_MS, &frame));
	CS_TRY(wire_unpack(cs_buf_view(&frame), out));
	if (out->id != PACKET_door)
		return CS_EMALFORMED;
	const struct wire_door *request = out->body;
	return strcmp(request->verb, "import") == 0 || leave_knows(request->verb) ? CS_OK
	                                                                          : CS_EUNSUPPORTED;
}

static enum cs_err work(
        const struct ends *ends, uint32_t *status, struct cs_buf *body, struct cs_buf *file)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(upload_free) struct upload upload = { 0 };

	CS_TRY(read_request(ends->door, &packet));
	const struct wire_door *door = packet.body;
	if (leave_knows(door->verb))
		return leave_serve(&ends->to, door, status, body, file);
	CS_TRY(upload_read(packet.body, &upload));
	return submit_upload(&ends->to, packet.body, &upload, status, body);
}

struct failing {
	enum cs_err err;
	uint32_t status;
	const char *text, *next;
};

static const struct failing *failing(enum cs_err err)
{
	static const struct failing table[] = {
		{ CS_ECLOSED, 503,
		        "the key process or the admin process of this node went away; it is "
		        "started again by itself",
		        "certspan status" },
		{ CS_ETIMEOUT, 503, "no answer in time; the import may have been done",
		        "certspan cert list" },
		{ CS_ETOOBIG, 400, "the upload passes the limits: 1 MiB a file, 4 MiB in one go",
		        "" },
		{ CS_ENOMEM, 400, "reading the upload took more memory than an importer may use",
		        "certspan cert inspect FILE" },
		{ CS_EUNSUPPORTED, 400, "the command line speaks another version than the daemon",
		        "certspan version" },
		{ CS_EEMPTY, 400, "the upload is empty", "certspan cert import FILE..." },
		{ CS_EMALFORMED, 400, "the command line speaks another version than the daemon",
		        "certspan version" },
		{ CS_EBUG, 500, "the importer failed", "look at the log of certspand" },
	};
	size_t i = 0;

	while (i + 1 < CS_COUNT(table) && table[i].err != err)
		i++;
	return &table[i];
}

/* The API's error document. */
static enum cs_err explain(enum cs_err err, uint32_t *status, struct cs_buf *body)
{
	const struct failing *why = failing(err);

	*status = why->status;
	return answer_error(err, why->text, why->next, body);
}

static enum cs_err reply(int door, uint32_t status, struct cs_buf *body, const struct cs_buf *file)
{
	CS_AUTO(cs_buf_free) struct cs_buf packet = cs_buf_new(DOOR_REPLY_MAX);
	const struct wire_door_reply answer = {
		.status = status, .body = cs_buf_text(body), .file = cs_buf_view(file)
	};

	CS_TRY(wire_pack(PACKET_door_reply, &answer, &packet));
	return door_frame_write(door, cs_buf_view(&packet), cs_clock_mono_ms() + REPLY_MS);
}

static enum cs_err serve(const struct role *role)
{
	struct ends ends = { -1, { -1, -1, 0 } };
	CS_AUTO(cs_buf_free)
	struct cs_buf body = cs_buf_new(DOOR_REPLY_MAX), file = cs_buf_new(CS_EXPORT_MAX);
	uint32_t status = 0;
	bool seccomp;

	CS_TRY(gather(role, &ends));
	CS_TRY(cage_enter(&seccomp));
	if (!seccomp)
		cs_debug("seccomp is not active; the limits alone hold this upload");
	(void)!role_ready(role, seccomp ? "rlimits seccomp" : "rlimits no-seccomp");
	const enum cs_err rc = work(&ends, &status, &body, &file);
	if (rc != CS_OK) {
		cs_warning("an upload by user %u ended early: %s; nothing of it was taken further",
		        ends.to.uid, cs_err_text(rc));
		cs_buf_free(&file);
		CS_TRY(explain(rc, &status, &body));
	}
	return reply(ends.door, status, &body, &file);
}

int main(void)
{
	struct role role;

	enum cs_err rc = role_begin("import", &role);
	if (rc != CS_OK)
		return cs_err_exit(rc);
	rc = serve(&role);
	if (rc != CS_OK)
		cs_warning("no answer through the door: %s", cs_err_text(rc));
	role_end(&role);
	return cs_err_exit(rc);
}
