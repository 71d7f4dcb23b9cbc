#include "node/keyd/tbs.h"
#include <string.h>

enum { SHA_256, SHA_384, SHA_512 };

/* In TLS 1.2 the hash is free for every curve (RFC 5246 7.4.1.4.1), in TLS 1.3 the scheme names it;
 * PKCS#1 v1.5 is 1.2 only. */
static const struct tbs_scheme schemes[] = {
	{ 0x0403, false, false, PKI_KEY_P256, SHA_256 }, /* ecdsa_secp256r1_sha256 */
	{ 0x0503, false, false, PKI_KEY_P384, SHA_384 }, /* ecdsa_secp384r1_sha384 */
	{ 0x0603, false, false, PKI_KEY_OTHER, SHA_512 }, /* ecdsa with SHA-512 */
	{ 0x0804, true, true, PKI_KEY_RSA, SHA_256 }, /* rsa_pss_rsae_sha256 */
	{ 0x0805, true, true, PKI_KEY_RSA, SHA_384 }, /* rsa_pss_rsae_sha384 */
	{ 0x0806, true, true, PKI_KEY_RSA, SHA_512 }, /* rsa_pss_rsae_sha512 */
	{ 0x0401, true, false, PKI_KEY_OTHER, SHA_256 }, /* rsa_pkcs1_sha256 */
	{ 0x0501, true, false, PKI_KEY_OTHER, SHA_384 }, /* rsa_pkcs1_sha384 */
	{ 0x0601, true, false, PKI_KEY_OTHER, SHA_512 }, /* rsa_pkcs1_sha512 */
};

const char *tbs_digest(uint8_t digest)
{
	static const char *const names[TBS_DIGESTS] = { "SHA256", "SHA384", "SHA512" };

	return names[digest];
}

const struct tbs_scheme *tbs_scheme(uint16_t code)
{
	for (size_t i = 0; i < CS_COUNT(schemes); i++)
		if (schemes[i].code == code)
			return &schemes[i];
	return NULL;
}

/* RFC 8446 4.4.3: 64 spaces, the context, a zero, the transcript's hash: SHA-256 or SHA-384 in
 * every suite of TLS 1.3. */
static bool is_tls13(struct cs_bytes text)
{
	static const uint8_t context[] =
	        "                                                                "
	        "TLS 1.3, server CertificateVerify"; /* with its NUL: the separator */
	const size_t head = sizeof(context);

	return (text.n == head + 32 || text.n == head + 48) && memcmp(text.p, context, head) == 0;
}

/* RFC 8422 5.4: two randoms of 32 bytes, named_curve (3), the curve, the point with its length, and
 * the end. */
static bool is_tls12(struct cs_bytes text)
{
	static const struct {
		uint16_t curve;
		uint8_t point;
		bool uncompressed;
	} curves[] = { { 23, 65, true }, { 24, 97, true }, { 29, 32, false } };

	if (text.n < 68 || text.p[64] != 3)
		return false;
	const unsigned curve = (unsigned)text.p[65] << 8 | text.p[66];
	for (size_t i = 0; i < CS_COUNT(curves); i++)
		if (curves[i].curve == curve)
			return text.p[67] == curves[i].point && text.n == 68u + curves[i].point &&
			       (!curves[i].uncompressed || text.p[68] == 4);
	return false;
}

enum cs_err tbs_check(
        const struct tbs_scheme *scheme, bool tls13, enum pki_key key, struct cs_bytes text)
{
	if (scheme == NULL || scheme->rsa != (key == PKI_KEY_RSA) ||
	        (tls13 && scheme->tls13 != key))
		return CS_EREFUSED;
	return (tls13 ? is_tls13(text) : is_tls12(text)) ? CS_OK : CS_EREFUSED;
}
