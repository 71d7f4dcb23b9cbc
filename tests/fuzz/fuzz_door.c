/* What a client of the door may send: a DOOR packet, then its files through the importer's reading.
 */
#include "node/import/upload.h"
#include "proto/wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	CS_AUTO(upload_free) struct upload upload = { 0 };
	struct wire_blobs cas;

	if (wire_unpack((struct cs_bytes){ data, size }, &packet) != CS_OK ||
	        packet.id != PACKET_door)
		return 0;
	if (upload_read(packet.body, &upload) != CS_OK)
		return 0;
	for (size_t i = 0; i < upload.pair_count; i++)
		(void)!upload_cas(&upload, &upload.pairs[i], CS_OBJECT_MAX, &cas);
	return 0;
}
