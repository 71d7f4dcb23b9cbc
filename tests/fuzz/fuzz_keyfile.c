/* The node's two key files, whatever they hold: read as written, or wiped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/role/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/tmp/certspan-fuzz-key-XXXXXX";
static int file = -1;

static void forget(void)
{
	unlink(path);
}

static void put(const uint8_t *data, size_t size)
{
	if (file < 0) {
		file = mkstemp(path);
		if (file < 0 || atexit(forget) != 0)
			abort();
	}
	if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct replicator_key no_replicator;
	static const struct keyd_key no_keyd;
	struct replicator_key replicator;
	struct keyd_key keyd;

	put(data, size);
	if (replicator_key_read(path, &replicator) != CS_OK &&
	        memcmp(&replicator, &no_replicator, sizeof(replicator)) != 0)
		abort();
	if (keyd_key_read(path, &keyd) != CS_OK && memcmp(&keyd, &no_keyd, sizeof(keyd)) != 0)
		abort();
	return 0;
}
