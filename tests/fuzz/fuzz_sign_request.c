/* What a hostile edge may send to keyd: packets of sign requests; then the check of what may be
 * signed. */
#include <stdlib.h>
#include <string.h>
#include "node/keyd/tbs.h"
#include "proto/wire/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What passes must be one of the two texts, whatever else it says. */
static void hold(const struct sign_request *request, enum pki_key key)
{
	const struct cs_bytes text = { request->text, request->text_len };

	if (tbs_check(tbs_scheme(request->scheme), request->tls13 != 0, key, text) != CS_OK)
		return;
	const bool tls13 =
	        text.n > 98 && text.p[0] == ' ' && memcmp(text.p + 64, "TLS 1.3, server", 15) == 0;
	const bool tls12 = text.n >= 100 && text.p[64] == 3 && text.p[67] == text.n - 68;
	if (request->tls13 != 0 ? !tls13 : !tls12)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_bytes packet = { data, size };
	struct sign_request request;

	while (sign_request_take(&packet, &request) == CS_OK) {
		if (request.text_len > SIGN_TEXT_MAX ||
		        strnlen(request.key, SIGN_KEY_ID) == SIGN_KEY_ID)
			abort();
		hold(&request, PKI_KEY_RSA);
		hold(&request, PKI_KEY_P256);
		hold(&request, PKI_KEY_P384);
	}
	return 0;
}
