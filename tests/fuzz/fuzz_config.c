/* Any bytes as a configuration file: accepted or refused with one line, never more. */
#include <stdlib.h>
#include <string.h>
#include "node/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(8192);
	struct wire_config config;

	if (cs_arena_new(CS_UNPACK_MAX, &arena) != CS_OK)
		return 0;
	const enum cs_err rc =
	        config_parse("/f.yaml", (struct cs_bytes){ data, n }, arena, &config, &complaint);
	if (rc == CS_OK &&
	        (config.name == NULL || config.workers == 0 || config.edge_listen.n == 0))
		abort();
	if (rc == CS_ECONFIG &&
	        (complaint.n == 0 || memchr(complaint.p, '\n', complaint.n) != NULL))
		abort();
	return 0;
}
