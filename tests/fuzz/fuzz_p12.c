/* PKCS#12: bytes as they come, and mutations of a sealed bundle made at the first call, so that the
 * inside is reached. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include "store/pki/p12.h"
#include "tests/fuzz/fuzz_intake.h"

#define PASS "x"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cs_buf seed;

static void make_seed(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	uint8_t leaf[2048], pkcs8[512], *p = leaf, *q = pkcs8;
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);

	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	const int n = i2d_X509(x, &p), m = i2d_PKCS8_PRIV_KEY_INFO(p8, &q);
	seed = cs_buf_new(65536);
	if (p12_seal((struct cs_bytes){ leaf, (size_t)n }, (struct cs_bytes){ pkcs8, (size_t)m },
	            NULL, 0, "n", PASS, &seed) != CS_OK)
		abort();
	PKCS8_PRIV_KEY_INFO_free(p8);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* Each three bytes of the input change one byte of the seed: where (two), to what. */
static void mutate(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(seed.n);

	memcpy(copy, seed.p, seed.n);
	for (size_t i = 0; i + 2 < size; i += 3)
		copy[((size_t)data[i] << 8 | data[i + 1]) % seed.n] = data[i + 2];
	fuzz_intake((struct cs_bytes){ copy, seed.n }, PASS);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p12_content content;

	if (seed.n == 0)
		make_seed();
	if (size > 0 && data[0] % 2 == 0) {
		mutate(data + 1, size - 1);
		return 0;
	}
	if (p12_open((struct cs_bytes){ data, size }, PASS, false, &content) == CS_OK)
		p12_content_free(&content);
	return 0;
}
