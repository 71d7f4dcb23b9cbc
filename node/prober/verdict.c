#include "node/prober/verdict.h"
#include <stdio.h>
#include <string.h>

enum probe_result verdict(struct cs_bytes want, struct cs_bytes got, struct cs_bytes fallback)
{
	if (got.n == 0)
		return PROBE_DOWN;
	if (want.n > 0 && cs_bytes_equal(want, got))
		return PROBE_MATCH;
	return fallback.n > 0 && cs_bytes_equal(fallback, got) ? PROBE_DEFAULT : PROBE_WRONG;
}

const char *verdict_dial(const char *listen, char *out)
{
	static const struct {
		const char *any, *loopback;
	} table[] = { { "0.0.0.0:", "127.0.0.1:" }, { "[::]:", "[::1]:" } };

	snprintf(out, CS_ENDPOINT_MAX + 1, "%s", listen);
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const size_t n = strlen(table[i].any);
		if (strncmp(listen, table[i].any, n) == 0)
			snprintf(out, CS_ENDPOINT_MAX + 1, "%s%s", table[i].loopback, listen + n);
	}
	return out;
}
