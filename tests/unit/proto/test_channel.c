#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "proto/base/clock.h"
#include "proto/role/channel.h"
#include "proto/wire/control.h"

static void say(int fd, const char *text, int pass)
{
	const struct wire_ready body = { .note = text };

	assert_int_equal(channel_send(fd, PACKET_ready, &body, pass), CS_OK);
}

static void hear(int fd, const char *text)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	assert_int_equal(channel_receive(fd, &packet, NULL), CS_OK);
	assert_string_equal(((const struct wire_ready *)packet.body)->note, text);
}

static void what_was_sent_before_the_end_still_arrives(void **state)
{
	(void)state;
	struct wire_packet packet;
	int ends[2];

	assert_int_equal(channel_pair(ends), CS_OK);
	say(ends[0], "one", -1);
	say(ends[0], "two", -1);
	say(ends[1], "never read", -1); /* makes the end of ends[0] a reset */
	close(ends[0]);
	hear(ends[1], "one");
	hear(ends[1], "two");
	assert_int_equal(channel_receive(ends[1], &packet, NULL), CS_ECLOSED);
	const struct wire_ready body = { .note = "" };
	assert_int_equal(channel_send(ends[1], PACKET_ready, &body, -1), CS_ECLOSED);
	close(ends[1]);
}

static void a_descriptor_travels_with_its_packet(void **state)
{
	(void)state;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	int ends[2], pipe_ends[2], passed;
	char byte = 0;

	assert_int_equal(channel_pair(ends), CS_OK);
	assert_int_equal(pipe(pipe_ends), 0);
	say(ends[0], "take this", pipe_ends[1]);
	close(pipe_ends[1]);
	assert_int_equal(channel_receive(ends[1], &packet, &passed), CS_OK);
	assert_int_equal(write(passed, "x", 1), 1);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	close(passed);

	close(pipe_ends[0]);
	assert_int_equal(pipe(pipe_ends), 0);
	say(ends[0], "nobody wants it", pipe_ends[1]);
	close(pipe_ends[1]);
	hear(ends[1], "nobody wants it");
	assert_int_equal(read(pipe_ends[0], &byte, 1), 0); /* it was closed, not kept */
	close(pipe_ends[0]);
	close(ends[0]);
	close(ends[1]);
}

static void a_peer_that_does_not_read_never_blocks_us(void **state)
{
	(void)state;
	struct wire_packet packet;
	int ends[2];
	enum cs_err rc = CS_OK;

	assert_int_equal(channel_pair(ends), CS_OK);
	assert_int_equal(channel_receive(ends[1], &packet, NULL), CS_EAGAIN);
	const int64_t until = cs_clock_mono_ms() + 30;
	assert_int_equal(channel_receive_wait(ends[1], until, &packet, NULL), CS_ETIMEOUT);
	assert_true(cs_clock_mono_ms() >= until);
	const struct wire_ready body = { .note = "again" };
	for (size_t i = 0; i < 1000000 && rc == CS_OK; i++)
		rc = channel_send(ends[0], PACKET_ready, &body, -1);
	assert_int_equal(rc, CS_EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sent_before_the_end_still_arrives),
		cmocka_unit_test(a_descriptor_travels_with_its_packet),
		cmocka_unit_test(a_peer_that_does_not_read_never_blocks_us),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
