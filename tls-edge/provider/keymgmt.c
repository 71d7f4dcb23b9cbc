#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include "tls-edge/provider/remote.h"

static void *key_new(void *provider, bool rsa)
{
	struct remote_key *self = calloc(1, sizeof(*self));

	if (self != NULL) {
		self->keyd = provider;
		self->rsa = rsa;
	}
	return self;
}

static void *rsa_new(void *provider)
{
	return key_new(provider, true);
}

static void *ec_new(void *provider)
{
	return key_new(provider, false);
}

static void key_free(void *key)
{
	free(key);
}

/* libssl asks whether the private half is there; it is, at keyd. */
static int key_has(const void *key, int selection)
{
	(void)selection;
	return key != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
	const struct remote_key *x = a, *y = b;

	(void)selection;
	return x->rsa == y->rsa &&
	       memcmp(x->public_digest, y->public_digest, sizeof(x->public_digest)) == 0;
}

static int digest_public(struct remote_key *self, const void *bytes, size_t n)
{
	return n != 0 && EVP_Digest(bytes, n, self->public_digest, NULL, EVP_sha256(), NULL) == 1;
}

static int import_rsa(struct remote_key *self, const OSSL_PARAM params[])
{
	const OSSL_PARAM *n = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
	BIGNUM *modulus = NULL;
	uint8_t bytes[SIGN_SIGNATURE_MAX];

	if (n == NULL || OSSL_PARAM_get_BN(n, &modulus) != 1)
		return 0;
	self->bits = BN_num_bits(modulus);
	self->security_bits = BN_security_bits(self->bits, -1);
	self->size = (self->bits + 7) / 8;
	const int ok = self->size <= (int)sizeof(bytes) &&
	               BN_bn2bin(modulus, bytes) == self->size &&
	               digest_public(self, bytes, (size_t)self->size);
	BN_free(modulus);
	return ok;
}

/* keyd signs with these two; sizes are those of a DER ECDSA signature. */
static const struct {
	const char *group;
	int bits, security, size;
} curves[] = { { SN_X9_62_prime256v1, 256, 128, 72 }, { SN_secp384r1, 384, 192, 104 } };

static int import_ec(struct remote_key *self, const OSSL_PARAM params[])
{
	const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
	const OSSL_PARAM *point = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	const void *bytes;
	size_t n;
	char *name = self->group;

	if (group == NULL || OSSL_PARAM_get_utf8_string(group, &name, sizeof(self->group)) != 1)
		return 0;
	if (point == NULL || OSSL_PARAM_get_octet_string_ptr(point, &bytes, &n) != 1)
		return 0;
	for (size_t i = 0; i < CS_COUNT(curves); i++) {
		if (strcmp(curves[i].group, self->group) != 0)
			continue;
		self->bits = curves[i].bits;
		self->security_bits = curves[i].security;
		self->size = curves[i].size;
		return digest_public(self, bytes, n);
	}
	return 0;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct remote_key *self = key;
	const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, REMOTE_PARAM_ID);
	char *text = self->id;

	(void)selection;
	if (id != NULL && OSSL_PARAM_get_utf8_string(id, &text, sizeof(self->id)) != 1)
		return 0;
	return self->rsa ? import_rsa(self, params) : import_ec(self, params);
}

static const OSSL_PARAM *rsa_import_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(REMOTE_PARAM_ID, NULL, 0), OSSL_PARAM_END };

	(void)selection;
	return types;
}

static const OSSL_PARAM *ec_import_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_utf8_string(
		                                    OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_utf8_string(REMOTE_PARAM_ID, NULL, 0), OSSL_PARAM_END };

	(void)selection;
	return types;
}

static int set_int(OSSL_PARAM params[], const char *name, int value)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return p == NULL || OSSL_PARAM_set_int(p, value) == 1;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
	const struct remote_key *self = key;
	OSSL_PARAM *group = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);

	if (group != NULL && (self->rsa || OSSL_PARAM_set_utf8_string(group, self->group) != 1))
		return 0;
	return set_int(params, OSSL_PKEY_PARAM_BITS, self->bits) &&
	       set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, self->security_bits) &&
	       set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, self->size);
}

static const OSSL_PARAM *rsa_gettable(void *provider)
{
	static const OSSL_PARAM list[] = { OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL), OSSL_PARAM_END };

	(void)provider;
	return list;
}

static const OSSL_PARAM *ec_gettable(void *provider)
{
	static const OSSL_PARAM list[] = { OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END };

	(void)provider;
	return list;
}

static const char *operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? REMOTE_SIGNATURE : NULL;
}

#define FN(function) ((void (*)(void))(function))
#define KEYMGMT(kind)                                                                              \
	{                                                                                          \
		{ OSSL_FUNC_KEYMGMT_NEW, FN(kind##_new) },                                         \
		        { OSSL_FUNC_KEYMGMT_FREE, FN(key_free) },                                  \
		        { OSSL_FUNC_KEYMGMT_HAS, FN(key_has) },                                    \
		        { OSSL_FUNC_KEYMGMT_MATCH, FN(key_match) },                                \
		        { OSSL_FUNC_KEYMGMT_IMPORT, FN(key_import) },                              \
		        { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FN(kind##_import_types) },               \
		        { OSSL_FUNC_KEYMGMT_GET_PARAMS, FN(key_get_params) },                      \
		        { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FN(kind##_gettable) },                \
		        { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(operation_name) },            \
		{                                                                                  \
			0, NULL                                                                    \
		}                                                                                  \
	}

const OSSL_DISPATCH remote_rsa_keymgmt[] = KEYMGMT(rsa);
const OSSL_DISPATCH remote_ec_keymgmt[] = KEYMGMT(ec);
