/* A recovery file as an admin would hand it over. What is taken must be the one way to write it. */
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "proto/role/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char cheap[] = "\nkdf argon2id 1 65536\n";

static void open_it(struct cs_bytes file)
{
	struct recovery look, opened;

	if (recovery_look(file, &look) != CS_OK)
		return;
	if (file.n > RECOVERY_FILE_MAX || file.p[file.n - 1] != '\n' || look.count != 0)
		abort();
	if (memmem(file.p, file.n, cheap, strlen(cheap)) != NULL &&
	        recovery_read(file, cs_bytes_of("p"), &opened) == CS_OK && opened.count == 0)
		abort();
}

/* A good file with the input written over a part of it and its sum made right again: past the
 * checksum, into what lies behind. */
static void forge(const uint8_t *data, size_t size)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(RECOVERY_FILE_MAX);
	struct recovery what = { .made = 1795560000, .count = 1, .secrets = { { .epoch = 1 } } };
	uint8_t sum[16];
	char hex[33];

	if (recovery_write(&what, cs_bytes_of("p"), false, &file) != CS_OK || size < 2)
		return;
	const size_t body = file.n - 37; /* "sum ", 32 digits, a newline */
	const size_t at = (data[0] | (size_t)data[1] << 8) % body;
	const size_t n = size - 2 < body - at ? size - 2 : body - at;
	memcpy(file.p + at, data + 2, n);
	crypto_generichash(sum, sizeof(sum), file.p, body, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), sum, sizeof(sum));
	memcpy(file.p + body + 4, hex, 32);
	open_it(cs_buf_view(&file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (sodium_init() < 0 || size == 0)
		return 0;
	if (data[0] % 2 == 0)
		open_it((struct cs_bytes){ data + 1, size - 1 });
	else
		forge(data + 1, size - 1);
	return 0;
}
