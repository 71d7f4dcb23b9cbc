#include "proto/wire/packet.h"
#include "proto/wire/control.h"

#define DOOR_MAX (CS_UPLOAD_TOTAL_MAX + 65536) /* the one message that carries whole files */

static const struct wire_type *const types[PACKET_END] = {
#define ROW(name, number) [number] = &wire_##name##_type,
	WIRE_PACKETS(ROW)
#undef ROW
};

const struct wire_type *wire_packet_type(unsigned id)
{
	return id < PACKET_END ? types[id] : NULL;
}

enum cs_err wire_pack(unsigned id, const void *body, struct cs_buf *out)
{
	const struct wire_type *type = wire_packet_type(id);
	const uint8_t byte = (uint8_t)id;

	if (type == NULL)
		return CS_EBUG;
	CS_TRY(cs_buf_add(out, &byte, 1));
	return wire_encode(type, body, out);
}

enum cs_err wire_unpack(struct cs_bytes in, struct wire_packet *out)
{
	*out = (struct wire_packet){ 0 };
	if (in.n == 0)
		return CS_EEMPTY;
	const struct wire_type *type = wire_packet_type(in.p[0]);
	if (type == NULL)
		return CS_EUNSUPPORTED;

	const bool door = in.p[0] == PACKET_door;
	if (in.n > (door ? DOOR_MAX : CS_MESSAGE_MAX))
		return CS_ETOOBIG;

	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_TRY(cs_arena_new(door ? 2 * DOOR_MAX : CS_UNPACK_MAX, &arena));
	void *body = cs_arena_take(arena, type->size);
	if (body == NULL)
		return CS_ENOMEM;
	CS_TRY(wire_decode(type, (struct cs_bytes){ in.p + 1, in.n - 1 }, arena, body));
	*out = (struct wire_packet){ in.p[0], body, CS_STEAL(arena) };
	return CS_OK;
}

void wire_packet_free(struct wire_packet *self)
{
	cs_arena_free(&self->arena);
	*self = (struct wire_packet){ 0 };
}
