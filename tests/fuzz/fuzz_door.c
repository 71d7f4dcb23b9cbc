/* What a client of the door may send: a DOOR packet (first byte even), or the bytes of a file in
 * one (odd), through the importer's reading. */
#include "node/import/upload.h"
#include "proto/wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_upload(const struct wire_door *door)
{
	CS_AUTO(upload_free) struct upload upload = { 0 };
	struct wire_blobs cas;

	if (upload_read(door, &upload) != CS_OK)
		return;
	for (size_t i = 0; i < upload.pair_count; i++)
		(void)!upload_cas(&upload, &upload.pairs[i], CS_OBJECT_MAX, &cas);
	(void)!upload_cas(&upload, NULL, CS_OBJECT_MAX, &cas);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	if (size < 1)
		return 0;
	const struct cs_bytes rest = { data + 1, size - 1 };
	if (data[0] % 2 == 1) {
		const struct wire_upload file = { "file", rest };
		struct wire_door door = { .verb = "import",
			.options = "",
			.has_passphrase = true,
			.passphrase = cs_bytes_of("p") };
		door.files.v = &file;
		door.files.n = 1;
		read_upload(&door);
	} else if (wire_unpack(rest, &packet) == CS_OK && packet.id == PACKET_door) {
		read_upload(packet.body);
	}
	return 0;
}
