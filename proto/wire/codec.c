#include "proto/wire/codec.h"
#include <stdlib.h>
#include <string.h>
#include <protobuf-c/protobuf-c.h>
#include "proto/base/log.h"

/* What protobuf-c allocates while it unpacks or while we build its structs comes from the arena. */
static void *arena_alloc(void *data, size_t n)
{
	return cs_arena_take(data, n);
}

static void arena_ignore(void *data, void *p)
{
	(void)data; /* the arena goes as a whole */
	(void)p;
}

static const ProtobufCFieldDescriptor *pb_field(const struct wire_type *type, size_t i)
{
	const ProtobufCMessageDescriptor *d = type->descriptor;

	return &d->fields[i];
}

static void *pb_at(void *message, size_t offset)
{
	return (uint8_t *)message + offset;
}

#define PLAIN_AT(plain, field, T) ((T *)(void *)((uint8_t *)(uintptr_t)(plain) + (field)->offset))
#define LIST_OF(T)                                                                                 \
	struct {                                                                                   \
		T *v;                                                                              \
		size_t n;                                                                          \
	}
typedef LIST_OF(const uint8_t) any_list; /* same layout as every list of messages */

static enum cs_err to_pb(
        const struct wire_type *type, const void *plain, struct cs_arena *arena, void **out);

static enum cs_err text_check(const char *text, size_t max)
{
	return text == NULL || strlen(text) <= max ? CS_OK : CS_ETOOBIG;
}

static enum cs_err list_to_pb(const struct wire_field *f, const void *plain,
        const ProtobufCFieldDescriptor *pb, void *message, struct cs_arena *arena)
{
	const any_list list = *PLAIN_AT(plain, f, any_list);

	if (list.n > WIRE_LIST_MAX)
		return CS_ETOOBIG;
	void **v = cs_arena_take(arena, list.n * sizeof(*v) + 1);
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < list.n; i++)
		CS_TRY(to_pb(f->sub, list.v + i * f->sub->size, arena, &v[i]));
	*(size_t *)pb_at(message, pb->quantifier_offset) = list.n;
	*(void ***)pb_at(message, pb->offset) = v;
	return CS_OK;
}

static enum cs_err texts_to_pb(const struct wire_field *f, const void *plain,
        const ProtobufCFieldDescriptor *pb, void *message)
{
	const struct wire_texts list = *PLAIN_AT(plain, f, struct wire_texts);

	if (list.n > WIRE_LIST_MAX)
		return CS_ETOOBIG;
	for (size_t i = 0; i < list.n; i++)
		CS_TRY(text_check(list.v[i], f->max));
	*(size_t *)pb_at(message, pb->quantifier_offset) = list.n;
	*(const char *const **)pb_at(message, pb->offset) = list.v;
	return CS_OK;
}

static enum cs_err blobs_to_pb(const struct wire_field *f, const void *plain,
        const ProtobufCFieldDescriptor *pb, void *message, struct cs_arena *arena)
{
	const struct wire_blobs list = *PLAIN_AT(plain, f, struct wire_blobs);

	if (list.n > WIRE_LIST_MAX)
		return CS_ETOOBIG;
	ProtobufCBinaryData *v = cs_arena_take(arena, list.n * sizeof(*v) + 1);
	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].n > f->max)
			return CS_ETOOBIG;
		v[i] = (ProtobufCBinaryData){ list.v[i].n, (uint8_t *)(uintptr_t)list.v[i].p };
	}
	*(size_t *)pb_at(message, pb->quantifier_offset) = list.n;
	*(ProtobufCBinaryData **)pb_at(message, pb->offset) = v;
	return CS_OK;
}

static enum cs_err field_to_pb(const struct wire_field *f, const void *plain,
        const ProtobufCFieldDescriptor *pb, void *message, struct cs_arena *arena)
{
	switch (f->kind) {
	case WIRE_K_u32:
		*(uint32_t *)pb_at(message, pb->offset) = *PLAIN_AT(plain, f, uint32_t);
		return CS_OK;
	case WIRE_K_u64:
		*(uint64_t *)pb_at(message, pb->offset) = *PLAIN_AT(plain, f, uint64_t);
		return CS_OK;
	case WIRE_K_flag:
		*(protobuf_c_boolean *)pb_at(message, pb->offset) = *PLAIN_AT(plain, f, bool);
		return CS_OK;
	case WIRE_K_text: {
		const char *text = *PLAIN_AT(plain, f, const char *);
		CS_TRY(text_check(text, f->max));
		if (text != NULL)
			*(const char **)pb_at(message, pb->offset) = text;
		return CS_OK;
	}
	case WIRE_K_bytes: {
		const struct cs_bytes b = *PLAIN_AT(plain, f, struct cs_bytes);
		if (b.n > f->max)
			return CS_ETOOBIG;
		*(ProtobufCBinaryData *)pb_at(message, pb->offset) =
		        (ProtobufCBinaryData){ b.n, (uint8_t *)(uintptr_t)b.p };
		return CS_OK;
	}
	case WIRE_K_msg: {
		const void *sub = *PLAIN_AT(plain, f, const void *);
		if (sub == NULL)
			return CS_OK;
		return to_pb(f->sub, sub, arena, pb_at(message, pb->offset));
	}
	case WIRE_K_list:
		return list_to_pb(f, plain, pb, message, arena);
	case WIRE_K_texts:
		return texts_to_pb(f, plain, pb, message);
	case WIRE_K_blobs:
		return blobs_to_pb(f, plain, pb, message, arena);
	}
	return CS_EBUG;
}

static enum cs_err to_pb(
        const struct wire_type *type, const void *plain, struct cs_arena *arena, void **out)
{
	const ProtobufCMessageDescriptor *d = type->descriptor;
	void *message = cs_arena_take(arena, d->sizeof_message);

	if (message == NULL)
		return CS_ENOMEM;
	protobuf_c_message_init(d, message);
	for (size_t i = 0; i < type->count; i++)
		CS_TRY(field_to_pb(&type->fields[i], plain, pb_field(type, i), message, arena));
	*out = message;
	return CS_OK;
}

enum cs_err wire_encode(const struct wire_type *type, const void *plain, struct cs_buf *out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	void *message = NULL;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(to_pb(type, plain, arena, &message));
	const size_t n = protobuf_c_message_get_packed_size(message);
	if (n == 0) /* all fields have their default: an empty buffer has no memory yet */
		return CS_OK;
	CS_TRY(cs_buf_reserve(out, n));
	out->n += protobuf_c_message_pack(message, out->p + out->n);
	return CS_OK;
}

static enum cs_err from_pb(
        const struct wire_type *type, void *message, struct cs_arena *arena, void *plain);

/* protobuf-c takes a NUL inside a string and then shows the shorter text; it gives no length, so
 * text that came from the wire with one is simply shorter: no check of ours looks at more than what
 * is used. */
static enum cs_err text_from_pb(const struct wire_field *f, const char *text, const char **out)
{
	*out = text != NULL ? text : "";
	return text_check(text, f->max) == CS_OK ? CS_OK : CS_EMALFORMED;
}

static enum cs_err list_from_pb(const struct wire_field *f, const ProtobufCFieldDescriptor *pb,
        void *message, struct cs_arena *arena, void *plain)
{
	const size_t n = *(size_t *)pb_at(message, pb->quantifier_offset);
	void **v = *(void ***)pb_at(message, pb->offset);

	if (n > WIRE_LIST_MAX)
		return CS_EMALFORMED;
	uint8_t *items = cs_arena_take(arena, n * f->sub->size + 1);
	if (items == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		CS_TRY(from_pb(f->sub, v[i], arena, items + i * f->sub->size));
	*PLAIN_AT(plain, f, any_list) = (any_list){ items, n };
	return CS_OK;
}

static enum cs_err texts_from_pb(
        const struct wire_field *f, const ProtobufCFieldDescriptor *pb, void *message, void *plain)
{
	const size_t n = *(size_t *)pb_at(message, pb->quantifier_offset);
	char **v = *(char ***)pb_at(message, pb->offset);

	if (n > WIRE_LIST_MAX)
		return CS_EMALFORMED;
	for (size_t i = 0; i < n; i++)
		if (text_check(v[i], f->max) != CS_OK)
			return CS_EMALFORMED;
	*PLAIN_AT(plain, f, struct wire_texts) = (struct wire_texts){ (const char *const *)v, n };
	return CS_OK;
}

static enum cs_err blobs_from_pb(const struct wire_field *f, const ProtobufCFieldDescriptor *pb,
        void *message, struct cs_arena *arena, void *plain)
{
	const size_t n = *(size_t *)pb_at(message, pb->quantifier_offset);
	const ProtobufCBinaryData *v = *(ProtobufCBinaryData **)pb_at(message, pb->offset);

	if (n > WIRE_LIST_MAX)
		return CS_EMALFORMED;
	struct cs_bytes *items = cs_arena_take(arena, n * sizeof(*items) + 1);
	if (items == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (v[i].len > f->max)
			return CS_EMALFORMED;
		items[i] = (struct cs_bytes){ v[i].data, v[i].len };
	}
	*PLAIN_AT(plain, f, struct wire_blobs) = (struct wire_blobs){ items, n };
	return CS_OK;
}

static enum cs_err msg_from_pb(const struct wire_field *f, const ProtobufCFieldDescriptor *pb,
        void *message, struct cs_arena *arena, void *plain)
{
	void *sub = *(void **)pb_at(message, pb->offset), *item = NULL;

	if (sub != NULL) {
		item = cs_arena_take(arena, f->sub->size);
		if (item == NULL)
			return CS_ENOMEM;
		CS_TRY(from_pb(f->sub, sub, arena, item));
	}
	*PLAIN_AT(plain, f, const void *) = item;
	return CS_OK;
}

static enum cs_err field_from_pb(const struct wire_field *f, const ProtobufCFieldDescriptor *pb,
        void *message, struct cs_arena *arena, void *plain)
{
	switch (f->kind) {
	case WIRE_K_u32:
		*PLAIN_AT(plain, f, uint32_t) = *(uint32_t *)pb_at(message, pb->offset);
		return CS_OK;
	case WIRE_K_u64:
		*PLAIN_AT(plain, f, uint64_t) = *(uint64_t *)pb_at(message, pb->offset);
		return CS_OK;
	case WIRE_K_flag:
		*PLAIN_AT(plain, f, bool) = *(protobuf_c_boolean *)pb_at(message, pb->offset) != 0;
		return CS_OK;
	case WIRE_K_text:
		return text_from_pb(
		        f, *(char **)pb_at(message, pb->offset), PLAIN_AT(plain, f, const char *));
	case WIRE_K_bytes: {
		const ProtobufCBinaryData b = *(ProtobufCBinaryData *)pb_at(message, pb->offset);
		*PLAIN_AT(plain, f, struct cs_bytes) = (struct cs_bytes){ b.data, b.len };
		return b.len <= f->max ? CS_OK : CS_EMALFORMED;
	}
	case WIRE_K_msg:
		return msg_from_pb(f, pb, message, arena, plain);
	case WIRE_K_list:
		return list_from_pb(f, pb, message, arena, plain);
	case WIRE_K_texts:
		return texts_from_pb(f, pb, message, plain);
	case WIRE_K_blobs:
		return blobs_from_pb(f, pb, message, arena, plain);
	}
	return CS_EBUG;
}

static enum cs_err from_pb(
        const struct wire_type *type, void *message, struct cs_arena *arena, void *plain)
{
	for (size_t i = 0; i < type->count; i++)
		CS_TRY(field_from_pb(&type->fields[i], pb_field(type, i), message, arena, plain));
	return CS_OK;
}

enum cs_err wire_decode(
        const struct wire_type *type, struct cs_bytes in, struct cs_arena *arena, void *plain)
{
	ProtobufCAllocator allocator = { arena_alloc, arena_ignore, arena };

	ProtobufCMessage *message =
	        protobuf_c_message_unpack(type->descriptor, &allocator, in.n, in.p);
	if (message == NULL)
		return CS_EMALFORMED;
	memset(plain, 0, type->size);
	return from_pb(type, message, arena, plain);
}

static bool kind_fits(const struct wire_field *f, const ProtobufCFieldDescriptor *pb)
{
	static const struct {
		ProtobufCType type;
		bool repeated;
	} want[] = {
		[WIRE_K_u32] = { PROTOBUF_C_TYPE_UINT32, false },
		[WIRE_K_u64] = { PROTOBUF_C_TYPE_UINT64, false },
		[WIRE_K_flag] = { PROTOBUF_C_TYPE_BOOL, false },
		[WIRE_K_text] = { PROTOBUF_C_TYPE_STRING, false },
		[WIRE_K_bytes] = { PROTOBUF_C_TYPE_BYTES, false },
		[WIRE_K_msg] = { PROTOBUF_C_TYPE_MESSAGE, false },
		[WIRE_K_list] = { PROTOBUF_C_TYPE_MESSAGE, true },
		[WIRE_K_texts] = { PROTOBUF_C_TYPE_STRING, true },
		[WIRE_K_blobs] = { PROTOBUF_C_TYPE_BYTES, true },
	};
	const bool repeated = pb->label == PROTOBUF_C_LABEL_REPEATED;

	if (pb->type != want[f->kind].type || repeated != want[f->kind].repeated)
		return false;
	return f->sub == NULL || f->sub->descriptor == pb->descriptor;
}

enum cs_err wire_type_check(const struct wire_type *type)
{
	const ProtobufCMessageDescriptor *d = type->descriptor;

	if (d->n_fields != type->count) {
		cs_error("wire: %s has %zu fields here and %u in the schema", type->name,
		        type->count, d->n_fields);
		return CS_EBUG;
	}
	for (size_t i = 0; i < type->count; i++) {
		if (strcmp(d->fields[i].name, type->fields[i].name) == 0 &&
		        kind_fits(&type->fields[i], &d->fields[i]))
			continue;
		cs_error("wire: %s.%s is not what the schema says", type->name,
		        type->fields[i].name);
		return CS_EBUG;
	}
	return CS_OK;
}
