#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "node/door/door.h"
#include "node/door/frame.h"
#include "proto/base/clock.h"
#include "proto/wire/packet.h"
#include "tests/unit/fixture.h"

#define WAIT_MS 5000

static struct {
	int listener;
	char dir[64], path[96];
	bool silent; /* the importer dies before it answers */
	size_t got;
} door;

static void *importer(void *unused)
{
	const struct wire_door_reply reply = { .status = 201, .body = "{\"id\":\"x\"}" };
	struct cs_buf in = cs_buf_new(DOOR_REQUEST_MAX), out = cs_buf_new(DOOR_REPLY_MAX);
	const int64_t deadline = cs_clock_mono_ms() + WAIT_MS;
	const int fd = accept(door.listener, NULL, NULL);

	(void)unused;
	if (fd >= 0 && !door.silent && door_frame_read(fd, deadline, &in) == CS_OK &&
	        wire_pack(PACKET_door_reply, &reply, &out) == CS_OK)
		(void)!door_frame_write(fd, cs_buf_view(&out), deadline);
	door.got = in.n;
	close(fd);
	cs_buf_free(&in);
	cs_buf_free(&out);
	return NULL;
}

static int setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	snprintf(door.path, sizeof(door.path), "%s/door.sock", fx_mkdir(door.dir));
	memcpy(address.sun_path, door.path, strlen(door.path) + 1);
	door.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind(door.listener, (struct sockaddr *)&address, sizeof(address)) |
	       listen(door.listener, 4);
}

static int teardown(void **state)
{
	(void)state;
	close(door.listener);
	fx_rmdir(door.dir);
	return 0;
}

static enum cs_err call(size_t file_bytes, uint32_t *status, struct cs_buf *body)
{
	static uint8_t bytes[CS_UPLOAD_FILE_MAX];
	const struct wire_upload file = { "a.p12", { bytes, file_bytes } };
	const struct wire_door request = { .verb = "import",
		.has_passphrase = true,
		.passphrase = cs_bytes_of("p"),
		.files = { &file, 1 },
		.options = "{}" };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, importer, NULL), 0);
	const enum cs_err rc =
	        door_call(door.path, &request, cs_clock_mono_ms() + WAIT_MS, status, body);
	pthread_join(thread, NULL);
	return rc;
}

static void carries_upload_and_answer(void **state)
{
	struct cs_buf body = cs_buf_new(DOOR_REPLY_MAX);
	uint32_t status;

	(void)state;
	door.silent = false;
	assert_int_equal(call(CS_UPLOAD_FILE_MAX, &status, &body), CS_OK);
	assert_int_equal(status, 201);
	assert_string_equal(cs_buf_text(&body), "{\"id\":\"x\"}");
	assert_true(door.got > CS_UPLOAD_FILE_MAX);
	cs_buf_free(&body);
}

static void says_when_the_importer_died(void **state)
{
	struct cs_buf body = cs_buf_new(DOOR_REPLY_MAX);
	uint32_t status;

	(void)state;
	door.silent = true;
	assert_int_equal(call(CS_UPLOAD_FILE_MAX, &status, &body), CS_ECLOSED);
	assert_non_null(strstr(door_reason(CS_ECLOSED), "nothing was imported"));
	cs_buf_free(&body);
}

static void says_when_nobody_listens(void **state)
{
	const struct wire_door request = { .verb = "import", .options = "{}" };
	struct cs_buf body = cs_buf_new(DOOR_REPLY_MAX);
	uint32_t status;

	(void)state;
	assert_int_equal(door_call("/nonexistent/door.sock", &request, cs_clock_mono_ms() + 100,
	                         &status, &body),
	        CS_EUNREACHABLE);
	cs_buf_free(&body);
}

static void frames_are_bounded(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t n;
		enum cs_err expect;
		const char *why;
	} table[] = {
		{ { 0x40, 0, 0, 0 }, 4, CS_ETOOBIG, "1 GiB announced is refused at once" },
		{ { 0, 0, 0, 0 }, 4, CS_EEMPTY, "an empty packet" },
		{ { 0, 0, 0, 9, 1 }, 5, CS_ECLOSED, "a cut packet" },
		{ { 0, 0 }, 2, CS_ECLOSED, "a cut length" },
		{ { 0, 0, 0, 2, 7, 8 }, 6, CS_OK, "a whole one" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct cs_buf out = cs_buf_new(1024);
		int ends[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		assert_int_equal(write(ends[0], table[i].bytes, table[i].n), table[i].n);
		close(ends[0]);
		const enum cs_err rc = door_frame_read(ends[1], cs_clock_mono_ms() + WAIT_MS, &out);
		if (rc != table[i].expect)
			fail_msg("%s: %s", table[i].why, cs_err_name(rc));
		close(ends[1]);
		cs_buf_free(&out);
	}
}

static void a_silent_peer_ends_in_a_timeout(void **state)
{
	struct cs_buf out = cs_buf_new(1024);
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(door_frame_read(ends[1], cs_clock_mono_ms() + 20, &out), CS_ETIMEOUT);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(carries_upload_and_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(says_when_the_importer_died, setup, teardown),
		cmocka_unit_test(says_when_nobody_listens),
		cmocka_unit_test(frames_are_bounded),
		cmocka_unit_test(a_silent_peer_ends_in_a_timeout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
