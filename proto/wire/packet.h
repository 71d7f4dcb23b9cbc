/* proto/wire/packet.h: one byte that names the message, then its protobuf. What ZeroMQ frames and
 * local channels carry. */
#pragma once
#include "proto/wire/codec.h"

/* clang-format off */
/* name of the message, its number: on the wire, never reuse one.
 * 5 LIST, 6 GET, 11 POLL, 12 POLLED, 13 CLAIM, 14 CLAIMED, 15 OFFER, 16 PULL are kept for them. */
#define WIRE_PACKETS(X)                                                                            \
	X(hello, 1) X(welcome, 2) X(piece, 3) X(mark, 4) X(ack, 7) X(head, 8) X(status, 9)         \
	X(bye, 10) X(enrol, 17) X(enrolled, 18)                                                    \
	X(start, 40) X(fd, 41) X(ready, 42) X(stop, 43) X(roles, 44) X(config, 45)                 \
	X(open, 50) X(opened, 51) X(reseal, 52) X(resealed, 53) X(keyd_state, 54)                  \
	X(since, 60) X(changes, 61) X(write, 62) X(outcome, 63) X(wait, 64) X(ask_facts, 65)       \
	X(facts, 66) X(token_add, 67) X(ask_identity, 68) X(identity, 69) X(ask_probe, 70)         \
	X(probe_round, 75) X(probed, 76)                                                           \
	X(door, 80) X(door_reply, 81) X(seal, 82) X(sealed, 83) X(submit, 84)              \
	X(permit, 85) X(permitted, 86) X(take_out, 87) X(taken_out, 88) X(key_order, 89)           \
	X(key_done, 90) X(mint, 110) X(minted, 111)
/* clang-format on */

#define WIRE_PACKET_ENUM(name, number) PACKET_##name = number,
enum wire_packet_id { WIRE_PACKETS(WIRE_PACKET_ENUM) PACKET_END = 256 };
#undef WIRE_PACKET_ENUM

const struct wire_type *wire_packet_type(unsigned id); /* NULL if unknown */

/* A received packet: body is a `const struct wire_NAME *` of PACKET_NAME; all memory is the
 * arena's. */
struct wire_packet {
	unsigned id;
	const void *body;
	struct cs_arena *arena;
};
/* Appends the packet to OUT. */
CS_MUST enum cs_err wire_pack(unsigned id, const void *body, struct cs_buf *out);
/* On CS_OK the caller owns *OUT (wire_packet_free). Unknown ids are CS_EUNSUPPORTED. IN need not
 * outlive the call. */
CS_MUST enum cs_err wire_unpack(struct cs_bytes in, struct wire_packet *out);
void wire_packet_free(struct wire_packet *self);
