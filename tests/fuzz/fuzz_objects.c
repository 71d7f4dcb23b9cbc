/* The payload of every replicated object: first byte the kind, then its protobuf. What decodes
 * encodes again. */
#include <stdlib.h>
#include "proto/base/limits.h"
#include "proto/wire/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct wire_type *type, struct cs_bytes in)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(8u << 20);
	void *body = calloc(1, type->size);

	if (body != NULL && cs_arena_new(2 * CS_UNPACK_MAX, &arena) == CS_OK &&
	        wire_decode(type, in, arena, body) == CS_OK) {
		const enum cs_err rc = wire_encode(type, body, &out);
		if (rc != CS_OK && rc != CS_ENOMEM && rc != CS_ETOOBIG)
			abort();
	}
	free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wire_type *const types[] = { &wire_bundle_type, &wire_certificate_type,
		&wire_ca_type, &wire_default_choice_type, &wire_node_type, &wire_setting_type,
		&wire_secret_type, &wire_activation_type, &wire_syncset_type, &wire_floor_type,
		&wire_export_type, &wire_recovery_type, &wire_position_type, &wire_reign_type,
		&wire_object_type, &wire_commit_type };

	if (size > 0)
		round_trip(
		        types[data[0] % CS_COUNT(types)], (struct cs_bytes){ data + 1, size - 1 });
	return 0;
}
