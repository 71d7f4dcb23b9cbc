#include "tls-edge/tls/hello.h"
#include <string.h>
#include <openssl/objects.h>
#include "store/pki/choice.h"

#define SCHEMES_MAX 64 /* more are not read; real clients send about 20 */

static bool take_u16(struct cs_bytes *in, size_t *out)
{
	if (in->n < 2)
		return false;
	*out = (size_t)in->p[0] << 8 | in->p[1];
	in->p += 2;
	in->n -= 2;
	return true;
}

enum cs_err hello_sni_read(struct cs_bytes extension, struct hello_sni *out)
{
	size_t list, name;

	*out = (struct hello_sni){ 0 };
	if (!take_u16(&extension, &list) || list != extension.n || list == 0)
		return CS_EMALFORMED;
	if (extension.p[0] != TLSEXT_NAMETYPE_host_name)
		return CS_EMALFORMED;
	extension.p++;
	extension.n--;
	if (!take_u16(&extension, &name) ||
	        name != extension.n) /* one name alone: RFC 6066 allows one a type, and there is one
	                                type */
		return CS_EMALFORMED;
	if (name > sizeof(out->name))
		return CS_ETOOBIG;
	out->sent = true;
	out->n = (uint16_t)name;
	memcpy(out->name, extension.p, name);
	return CS_OK;
}

enum { P256 = 1, P384 = 2, RSA_PSS = 4, RSA_PKCS1 = 8 };
static const struct {
	uint16_t scheme;
	uint8_t is;
} known[] = { { 0x0403, P256 }, { 0x0503, P384 }, { 0x0804, RSA_PSS }, { 0x0805, RSA_PSS },
	{ 0x0806, RSA_PSS }, { 0x0401, RSA_PKCS1 }, { 0x0501, RSA_PKCS1 }, { 0x0601, RSA_PKCS1 } };

static unsigned seen(const struct hello_offer *offer)
{
	unsigned mask = 0;

	for (size_t i = 0; i < offer->scheme_count; i++)
		for (size_t k = 0; k < CS_COUNT(known); k++)
			if (known[k].scheme == offer->schemes[i])
				mask |= known[k].is;
	return mask;
}

unsigned hello_can_verify(const struct hello_offer *offer)
{
	const unsigned s = seen(offer);
	unsigned mask = 0;

	if (offer->tls13) /* the scheme names the curve; PKCS#1 signs certificates alone */
		return ((s & P256) != 0 ? CHOICE_P256 : 0) | ((s & P384) != 0 ? CHOICE_P384 : 0) |
		       ((s & RSA_PSS) != 0 ? CHOICE_RSA : 0);
	if ((s & (P256 | P384)) != 0 &&
	        offer->ecdsa_cipher) /* any hash with any curve of the groups (RFC 5246, 8422) */
		mask |= (offer->p256 ? CHOICE_P256 : 0) | (offer->p384 ? CHOICE_P384 : 0);
	if ((s & (RSA_PSS | RSA_PKCS1)) != 0 && offer->rsa_cipher)
		mask |= CHOICE_RSA;
	return mask;
}

static size_t read_schemes(SSL *ssl, uint16_t out[SCHEMES_MAX])
{
	const int n = SSL_get_sigalgs(ssl, -1, NULL, NULL, NULL, NULL, NULL);
	size_t count = 0;

	for (int i = 0; i < n && count < SCHEMES_MAX; i++) {
		uint8_t low = 0, high = 0;
		if (SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &low, &high) > 0)
			out[count++] = (uint16_t)(high << 8 | low);
	}
	return count;
}

static void read_ciphers(SSL *ssl, struct hello_offer *offer)
{
	STACK_OF(SSL_CIPHER) *list = SSL_get_client_ciphers(ssl);

	for (int i = 0; list != NULL && i < sk_SSL_CIPHER_num(list); i++) {
		const int auth = SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(list, i));
		offer->rsa_cipher |= auth == NID_auth_rsa;
		offer->ecdsa_cipher |= auth == NID_auth_ecdsa;
	}
}

static void read_groups(SSL *ssl, struct hello_offer *offer)
{
	int groups[64];
	const int n = (int)SSL_get1_groups(ssl, NULL);

	offer->p256 = offer->p384 = n <= 0 || n > (int)CS_COUNT(groups);
	if (offer->p256)
		return;
	(void)SSL_get1_groups(ssl, groups);
	for (int i = 0; i < n; i++) {
		offer->p256 |= groups[i] == NID_X9_62_prime256v1;
		offer->p384 |= groups[i] == NID_secp384r1;
	}
}

unsigned hello_can_verify_ssl(SSL *ssl)
{
	uint16_t schemes[SCHEMES_MAX];
	struct hello_offer offer = { .tls13 = SSL_version(ssl) >= TLS1_3_VERSION,
		.schemes = schemes };

	offer.scheme_count = read_schemes(ssl, schemes);
	if (!offer.tls13) {
		read_ciphers(ssl, &offer);
		read_groups(ssl, &offer);
	}
	return hello_can_verify(&offer);
}
