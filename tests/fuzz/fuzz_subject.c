/* Host names and subject fields as people may type them, separated by NUL: what passes the checks
 * can be encoded, and reads back as itself; and any bytes as a request. */
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/ec.h>
#include "proto/base/limits.h"
#include "store/pki/csr.h"
#include "store/pki/hostin.h"
#include "store/pki/names.h"

#define PARTS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_host(const char *text)
{
	char once[CS_NAME_MAX + 1], twice[CS_NAME_MAX + 1], reason[256];

	if (pki_hostin(text, once, reason, sizeof(reason)) != CS_OK)
		return;
	if (pki_hostin(once, twice, reason, sizeof(reason)) != CS_OK || strcmp(once, twice) != 0)
		abort();
	if (once[0] != '*' && pki_name_match(once, cs_bytes_of(once)) != PKI_COVER_EXACT)
		abort();
	pki_hostin_suffix(once);
}

static void check_fields(const char *const *part)
{
	static EVP_PKEY *key;
	CS_AUTO(cs_buf_free) struct cs_buf der = cs_buf_new(CS_DER_MAX);
	CS_AUTO(pki_csr_free) struct pki_csr csr = { .subject = "" };
	const struct pki_fields fields = { { part[0], part[1], part[2], part[3], part[4], part[5] },
		&part[6], 2, NULL, 0 };
	char reason[256];

	if (pki_fields_check(&fields, reason, sizeof(reason)) != CS_OK)
		return;
	if (key == NULL)
		key = EVP_EC_gen("P-256");
	if (pki_csr_make(&fields, key, &der) != CS_OK ||
	        pki_csr_read(cs_buf_view(&der), &csr) != CS_OK || strcmp(csr.dns[0], part[6]) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CS_AUTO(pki_csr_free) struct pki_csr csr = { .subject = "" };
	const char *part[PARTS];
	char *copy = malloc(n + 1), *at = copy;

	if (copy == NULL)
		return 0;
	if (n > 0)
		memcpy(copy, data, n);
	copy[n] = '\0';
	for (size_t i = 0; i < PARTS; i++) {
		part[i] = at;
		check_host(at);
		const size_t len = strlen(at);
		at += at + len < copy + n ? len + 1 : len;
	}
	check_fields(part);
	(void)!pki_csr_read((struct cs_bytes){ data, n }, &csr);
	free(copy);
	return 0;
}
