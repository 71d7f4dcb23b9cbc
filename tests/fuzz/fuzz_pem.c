/* PEM as an admin would hand it over. The first byte picks whether a passphrase came with it. */
#include "tests/fuzz/fuzz_intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char seed[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n"
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
        "AES-128-CBC,00\n\nMA==\n"
        "-----END RSA PRIVATE KEY-----\n-----BEGIN TRUSTED CERTIFICATE-----\nMA==\n-----END "
        "TRUSTED CERTIFICATE-----\n"
        "-----BEGIN PKCS7-----\nMA==\n-----END PKCS7-----\n-----BEGIN EC PRIVATE "
        "KEY-----\n\n-----END EC PRIVATE KEY-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) { /* libFuzzer begins with an empty input: the words of the format, once */
		fuzz_intake(cs_bytes_of(seed), "x");
		return 0;
	}
	fuzz_intake((struct cs_bytes){ data + 1, size - 1 }, data[0] % 2 != 0 ? "x" : NULL);
	return 0;
}
