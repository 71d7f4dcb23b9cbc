/* What another node says of its machine. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "node/admin/machine.h"
#include "proto/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[CS_FACTS_MAX + 2];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	json_t *json = machine_json(text);
	char *shown = json_dumps(json, JSON_ENCODE_ANY);
	if (json == NULL || shown == NULL)
		__builtin_trap(); /* it can always be shown */
	free(shown);
	json_decref(json);
	return 0;
}
