/* proto/wire/codec.h: plain structs <-> protobuf bytes, driven by one table a message.
 *
 * A message is declared once, as an X-macro list of its fields in tag order:
 *
 *	#define WIRE_POSITION(F) F(bytes, history, 16) F(u64, seq, 0) F(bytes, chain, 32)
 *	WIRE_STRUCT(position, WIRE_POSITION);
 *
 * which makes `struct wire_position` and `wire_position_type`. Kinds: u32, u64, flag (bool), text
 *(const char *, never NULL after decoding), bytes (struct cs_bytes), msg (const struct wire_ARG *,
 *may be NULL), list (struct { const struct wire_ARG *v; size_t n; }), texts (list of text), blobs
 *(list of bytes). ARG is the greatest length (text, bytes, texts, blobs: of one element) or, for
 *msg and list, the message's name. Lists hold at most WIRE_LIST_MAX elements. The .proto files
 *beside this one are the schema; their generated headers are seen by the codec alone, and a check
 *at start compares both, field by field.
 *
 * Decoding never trusts: size cap before the parse (packet.h), a capped arena for all memory
 *(protobuf-c 1.4.1 takes 29 times the message for unknown fields), no recursive types, every
 *field's own cap after it. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/base/limits.h"

#define WIRE_LIST_MAX 8192

enum wire_kind {
	WIRE_K_u32,
	WIRE_K_u64,
	WIRE_K_flag,
	WIRE_K_text,
	WIRE_K_bytes,
	WIRE_K_msg,
	WIRE_K_list,
	WIRE_K_texts,
	WIRE_K_blobs
};

struct wire_type;
struct wire_field {
	const char *name;
	enum wire_kind kind;
	size_t offset; /* in the plain struct */
	size_t max; /* greatest length, for text, bytes, texts, blobs */
	const struct wire_type *sub; /* for msg and list */
};
struct wire_type {
	const char *name;
	size_t size;
	const struct wire_field *fields;
	size_t count;
	const void *descriptor; /* the generated one */
};

struct wire_texts {
	const char *const *v;
	size_t n;
};
struct wire_blobs {
	const struct cs_bytes *v;
	size_t n;
};

#define WIRE_D_u32(name, arg) uint32_t name;
#define WIRE_D_u64(name, arg) uint64_t name;
#define WIRE_D_flag(name, arg) bool name;
#define WIRE_D_text(name, arg) const char *name;
#define WIRE_D_bytes(name, arg) struct cs_bytes name;
#define WIRE_D_msg(name, arg) const struct wire_##arg *name;
#define WIRE_D_list(name, arg)                                                                     \
	struct {                                                                                   \
		const struct wire_##arg *v;                                                        \
		size_t n;                                                                          \
	} name;
#define WIRE_D_texts(name, arg) struct wire_texts name;
#define WIRE_D_blobs(name, arg) struct wire_blobs name;
#define WIRE_DECLARE(kind, name, arg) WIRE_D_##kind(name, arg)
#define WIRE_STRUCT(name, FIELDS)                                                                  \
	struct wire_##name {                                                                       \
		FIELDS(WIRE_DECLARE)                                                               \
	};                                                                                         \
	extern const struct wire_type wire_##name##_type

/* Appends PLAIN, of TYPE, to OUT. CS_ETOOBIG when a field or OUT would pass its cap: our own
 * mistake. */
CS_MUST enum cs_err wire_encode(
        const struct wire_type *type, const void *plain, struct cs_buf *out);
/* Fills PLAIN (type->size bytes); everything it points to lives in ARENA. CS_EMALFORMED,
 * CS_ETOOBIG, CS_ENOMEM. */
CS_MUST enum cs_err wire_decode(
        const struct wire_type *type, struct cs_bytes in, struct cs_arena *arena, void *plain);
/* Compares one table with its schema; wire_self_check does so for all. */
CS_MUST enum cs_err wire_type_check(const struct wire_type *type);
/* Compares every table with its schema; CS_EBUG names the first difference in the log. Call once at
 * start. */
CS_MUST enum cs_err wire_self_check(void);
