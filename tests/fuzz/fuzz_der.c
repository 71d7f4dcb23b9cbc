/* One DER object: certificates, keys, requests, PKCS#7. What was read once is read the same again.
 */
#include <string.h>
#include "store/pki/names.h"
#include "tests/fuzz/fuzz_intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cs_bytes der = { data, size };
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	CS_AUTO(pki_cert_free) struct pki_cert *again = NULL;

	fuzz_intake(der, NULL);
	if (pki_cert_read(der, &cert) != CS_OK)
		return 0;
	if (pki_cert_read(cert->der, &again) != CS_OK || strcmp(cert->subject, again->subject) != 0)
		abort();
	for (const unsigned char *c = (const unsigned char *)cert->subject; *c != '\0'; c++)
		if (*c < 0x20 || *c == 0x7f)
			abort();
	for (size_t i = 0; i < cert->dns_count; i++)
		pki_cert_covers(cert, cs_bytes_of(cert->dns[i]), NULL);
	return 0;
}
