/* A join token as a person pastes it: read to the end, or all zero. */
#include <stdlib.h>
#include <string.h>
#include "node/cli/token.h"
#include "store/pki/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct join_token zero;
	struct join_token token;
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (join_token_read(text, &token) != CS_OK) {
		if (memcmp(&token, &zero, sizeof(zero)) != 0)
			abort();
	} else if (token.name[0] == '\0' || !pki_hostname_ok(token.public_host)) {
		abort();
	}
	free(text);
	return 0;
}
