#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "proto/wire/control.h"
#include "proto/wire/packet.h"
#include "proto/wire/sign.h"

static void tables_say_what_the_schemas_say(void **state)
{
	(void)state;
	assert_int_equal(wire_self_check(), CS_OK);
}

static void a_message_survives_the_round_trip(void **state)
{
	(void)state;
	const struct wire_object objects[] = {
		{ .kind = OBJECT_NODE, .id = "p1", .seq = 7, .payload = cs_bytes_of("payload") },
		{ .kind = OBJECT_SETTING, .id = "x", .seq = 8, .tombstone = true },
	};
	struct wire_piece in = {
		.sid = 1, .epoch = 2, .history = cs_bytes_of("0123456789abcdef"), .from = 6, .to = 8
	};
	in.objects.v = objects;
	in.objects.n = 2;
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	assert_int_equal(wire_pack(PACKET_piece, &in, &buf), CS_OK);
	assert_int_equal(wire_unpack(cs_buf_view(&buf), &packet), CS_OK);
	assert_int_equal(packet.id, PACKET_piece);
	const struct wire_piece *out = packet.body;
	assert_int_equal(out->to, 8);
	assert_int_equal(out->objects.n, 2);
	assert_string_equal(out->objects.v[0].id, "p1");
	assert_true(cs_bytes_equal(out->objects.v[0].payload, cs_bytes_of("payload")));
	assert_true(out->objects.v[1].tombstone);
	assert_true(cs_bytes_equal(out->history, in.history));
}

static void fields_over_their_cap_are_refused_both_ways(void **state)
{
	(void)state;
	char id[CS_ID_MAX + 2];
	memset(id, 'a', sizeof(id));
	id[CS_ID_MAX + 1] = '\0';
	const struct wire_object o = { .kind = 1, .id = id };
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(4096);

	assert_int_equal(wire_encode(&wire_object_type, &o, &buf), CS_ETOOBIG);
	uint8_t raw[2 + sizeof(id)] = { 0x12, CS_ID_MAX + 1 }; /* field 2, length */
	memcpy(raw + 2, id, CS_ID_MAX + 1);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_object back;
	assert_int_equal(cs_arena_new(CS_UNPACK_MAX, &arena), CS_OK);
	const struct cs_bytes bytes = { raw, 2 + CS_ID_MAX + 1 };
	assert_int_equal(wire_decode(&wire_object_type, bytes, arena, &back), CS_EMALFORMED);
}

static void every_truncation_is_refused_or_shorter_never_worse(void **state)
{
	(void)state;
	const struct wire_bye in = { .sid = 300, .reason = "because" };
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(4096);
	assert_int_equal(wire_pack(PACKET_bye, &in, &buf), CS_OK);
	for (size_t n = 0; n < buf.n; n++) {
		struct wire_packet packet;
		if (wire_unpack((struct cs_bytes){ buf.p, n }, &packet) == CS_OK)
			wire_packet_free(&packet);
	}
}

static void a_flood_of_unknown_fields_ends_at_the_memory_cap(void **state)
{
	(void)state;
	static uint8_t raw[CS_MESSAGE_MAX];
	raw[0] = PACKET_bye;
	for (size_t i = 1; i + 2 < sizeof(raw); i += 3) { /* field 100, varint 0 */
		raw[i] = 0xa0;
		raw[i + 1] = 0x06;
		raw[i + 2] = 0;
	}
	struct wire_packet packet;
	assert_int_not_equal(
	        wire_unpack((struct cs_bytes){ raw, sizeof(raw) - 3 }, &packet), CS_OK);
}

static void unknown_and_empty_packets_are_told_apart(void **state)
{
	(void)state;
	struct wire_packet packet;
	assert_int_equal(wire_unpack((struct cs_bytes){ (const uint8_t *)"\xff", 1 }, &packet),
	        CS_EUNSUPPORTED);
	assert_int_equal(wire_unpack((struct cs_bytes){ NULL, 0 }, &packet), CS_EEMPTY);
}

static void sign_requests_pack_many_in_one_packet(void **state)
{
	(void)state;
	static uint8_t packet[SIGN_PACKET_MAX];
	struct sign_request r = { .tag = 1,
		.scheme = 0x0403,
		.tls13 = 1,
		.key = "00112233445566aa",
		.text_len = 146 },
	                    back;
	size_t n = 0, count = 0;
	for (size_t next; (next = sign_request_put(packet, n, &r)) != 0; n = next, r.tag++)
		count++;
	struct cs_bytes left = { packet, n };
	for (size_t i = 1; i <= count; i++) {
		assert_int_equal(sign_request_take(&left, &back), CS_OK);
		assert_int_equal(back.tag, i);
	}
	assert_int_equal(sign_request_take(&left, &back), CS_ENOTFOUND);
	left = (struct cs_bytes){ packet, 40 };
	assert_int_equal(sign_request_take(&left, &back), CS_EMALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_say_what_the_schemas_say),
		cmocka_unit_test(a_message_survives_the_round_trip),
		cmocka_unit_test(fields_over_their_cap_are_refused_both_ways),
		cmocka_unit_test(every_truncation_is_refused_or_shorter_never_worse),
		cmocka_unit_test(a_flood_of_unknown_fields_ends_at_the_memory_cap),
		cmocka_unit_test(unknown_and_empty_packets_are_told_apart),
		cmocka_unit_test(sign_requests_pack_many_in_one_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
