/* Every wire message: what unpacks must pack again, and unpack to the same packet. */
#include <stdlib.h>
#include "proto/wire/control.h"
#include "proto/wire/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 }, again = { 0 };
	CS_AUTO(cs_buf_free) struct cs_buf one = cs_buf_new(8 << 20);
	CS_AUTO(cs_buf_free) struct cs_buf two = cs_buf_new(8 << 20);

	if (wire_unpack((struct cs_bytes){ data, size }, &packet) != CS_OK)
		return 0;
	if (wire_pack(packet.id, packet.body, &one) != CS_OK)
		return 0; /* lists near the cap may need more than the arena when packed */
	if (wire_unpack(cs_buf_view(&one), &again) != CS_OK ||
	        wire_pack(again.id, again.body, &two) != CS_OK)
		abort();
	if (!cs_bytes_equal(cs_buf_view(&one), cs_buf_view(&two)))
		abort();
	return 0;
}
