#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/rsa.h>
#include "tls-edge/provider/remote.h"

/* The blanks before the context text of a TLS 1.3 CertificateVerify (RFC 8446 4.4.3). A TLS 1.2
 * text begins with two randoms, half of them ours: it cannot look so. */
#define BLANKS 64

struct signing {
	const struct remote_key *key;
	int hash; /* index into schemes, -1 */
	bool pss;
};

static const struct {
	const char *md, *alias;
	uint16_t ecdsa, pkcs1, pss; /* TLS SignatureScheme */
} schemes[] = {
	{ "SHA256", "SHA2-256", 0x0403, 0x0401, 0x0804 },
	{ "SHA384", "SHA2-384", 0x0503, 0x0501, 0x0805 },
	{ "SHA512", "SHA2-512", 0, 0x0601, 0x0806 },
};

static void *signing_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return calloc(1, sizeof(struct signing));
}

static void signing_free(void *signing)
{
	free(signing);
}

static int hash_of(const char *md)
{
	for (int i = 0; md != NULL && i < (int)CS_COUNT(schemes); i++)
		if (strcasecmp(md, schemes[i].md) == 0 || strcasecmp(md, schemes[i].alias) == 0)
			return i;
	return -1;
}

/* The padding comes as an integer or as text, by the way that the caller took. */
static int set_params(void *signing, const OSSL_PARAM params[])
{
	struct signing *self = signing;
	const OSSL_PARAM *p =
	        params != NULL ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)
	                       : NULL;
	int mode = RSA_PKCS1_PADDING;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		mode = p->data != NULL && strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
		               ? RSA_PKCS1_PSS_PADDING
		               : mode;
	else if (OSSL_PARAM_get_int(p, &mode) != 1)
		return 0;
	self->pss = mode == RSA_PKCS1_PSS_PADDING;
	return 1;
}

static const OSSL_PARAM *settable(void *signing, void *provider)
{
	static const OSSL_PARAM list[] = { OSSL_PARAM_utf8_string(
		                                   OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0), OSSL_PARAM_END };

	(void)signing;
	(void)provider;
	return list;
}

static int sign_init(void *signing, const char *md, void *key, const OSSL_PARAM params[])
{
	struct signing *self = signing;

	*self = (struct signing){ .key = key, .hash = hash_of(md) };
	return self->key != NULL && self->key->id[0] != '\0' && self->hash >= 0 &&
	       set_params(self, params);
}

static uint16_t scheme_of(const struct signing *self)
{
	if (!self->key->rsa)
		return schemes[self->hash].ecdsa;
	return self->pss ? schemes[self->hash].pss : schemes[self->hash].pkcs1;
}

static bool is_tls13(const uint8_t *text, size_t n)
{
	if (n <= BLANKS)
		return false;
	for (size_t i = 0; i < BLANKS; i++)
		if (text[i] != ' ')
			return false;
	return true;
}

/* Called twice: without SIGNATURE to learn its greatest size. */
static int digest_sign(void *signing, uint8_t *signature, size_t *n, size_t room,
        const uint8_t *text, size_t text_n)
{
	const struct signing *self = signing;
	const struct keyline_ask ask = { self->key->id, scheme_of(self), is_tls13(text, text_n),
		{ text, text_n } };

	*n = signature == NULL ? (size_t)self->key->size : room;
	if (signature == NULL)
		return 1;
	if (ask.scheme != 0 && keyline_sign(self->key->keyd, &ask, signature, n) == CS_OK)
		return 1;
	ERR_raise(ERR_LIB_PROV, PROV_R_FAILED_TO_SIGN);
	return 0;
}

#define FN(function) ((void (*)(void))(function))
const OSSL_DISPATCH remote_signature[] = {
	{ OSSL_FUNC_SIGNATURE_NEWCTX, FN(signing_new) },
	{ OSSL_FUNC_SIGNATURE_FREECTX, FN(signing_free) },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FN(sign_init) },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FN(digest_sign) },
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FN(set_params) },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FN(settable) },
	{ 0, NULL },
};
