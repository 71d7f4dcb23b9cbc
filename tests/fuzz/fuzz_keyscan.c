/* The search for keys, over any bytes; and what is prefixed or shifted is found all the same. */
#include <stdlib.h>
#include <string.h>
#include "store/pki/keyscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An EC key: the shortest thing that must be found. */
static const uint8_t sec1[] = { 0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9,
	10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
	0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool out_of_memory = false;

	(void)pki_keyscan((struct cs_bytes){ data, size }, &out_of_memory);
	uint8_t *both = malloc(size + sizeof(sec1));
	if (both == NULL)
		return 0;
	if (size > 0)
		memcpy(both, data, size);
	memcpy(both + size, sec1, sizeof(sec1));
	if (pki_keyscan((struct cs_bytes){ both, size + sizeof(sec1) }, &out_of_memory) == NULL)
		__builtin_trap();
	free(both);
	return 0;
}
