#include "replicator/enrol/mac.h"
#include <sodium.h>

static enum cs_err mac(
        const struct wire_type *type, const void *bare, const uint8_t secret[16], uint8_t out[32])
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	crypto_auth_hmacsha256_state state;

	CS_TRY(wire_encode(type, bare, &buf));
	crypto_auth_hmacsha256_init(&state, secret, 16);
	crypto_auth_hmacsha256_update(&state, buf.p, buf.n);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
	return CS_OK;
}

enum cs_err enrol_mac(const struct wire_enrol *message, const uint8_t secret[16], uint8_t out[32])
{
	struct wire_enrol bare = *message;

	bare.hmac = (struct cs_bytes){ NULL, 0 };
	return mac(&wire_enrol_type, &bare, secret, out);
}

enum cs_err enrolled_mac(
        const struct wire_enrolled *message, const uint8_t secret[16], uint8_t out[32])
{
	struct wire_enrolled bare = *message;

	bare.hmac = (struct cs_bytes){ NULL, 0 };
	return mac(&wire_enrolled_type, &bare, secret, out);
}

bool mac_equal(const uint8_t a[32], struct cs_bytes b)
{
	return b.n == 32 && sodium_memcmp(a, b.p, 32) == 0;
}
