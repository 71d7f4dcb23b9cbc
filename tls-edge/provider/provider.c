#include "tls-edge/provider/provider.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include "tls-edge/provider/remote.h"

#define NAME "certspan"
#define OURS "provider=" NAME

/* OSSL_PROVIDER_add_builtin has no argument of the caller's; a process has one keyd. */
static struct keyline *the_keyd;

static OSSL_PROVIDER *loaded[2];

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	/* The names by which libssl finds its certificate slots. No decoder: plain d2i_X509 would
	 * take it. */
	static const OSSL_ALGORITHM keymgmts[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, remote_rsa_keymgmt, NULL },
		{ "EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, remote_ec_keymgmt, NULL },
		{ NULL, NULL, NULL, NULL },
	};
	static const OSSL_ALGORITHM signatures[] = {
		{ REMOTE_SIGNATURE, OURS, remote_signature, NULL }, { NULL, NULL, NULL, NULL }
	};

	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keymgmts;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
        void **provider)
{
	static const OSSL_DISPATCH table[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query }, { 0, NULL }
	};

	(void)core;
	(void)in;
	*out = table;
	*provider = the_keyd;
	return 1;
}

/* "?": only preferred. A mandatory query of either provider breaks the other's half of a handshake.
 */
enum cs_err provider_load(struct keyline *keyd)
{
	the_keyd = keyd;
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	        OSSL_PROVIDER_add_builtin(NULL, NAME, init) != 1)
		return CS_ECRYPTO;
	loaded[0] = OSSL_PROVIDER_load(NULL, "default");
	loaded[1] = OSSL_PROVIDER_load(NULL, NAME);
	if (loaded[0] == NULL || loaded[1] == NULL ||
	        EVP_set_default_properties(NULL, "?provider=default") != 1)
		return CS_ECRYPTO;
	return CS_OK;
}

void provider_unload(void)
{
	for (size_t i = 0; i < CS_COUNT(loaded); i++) {
		if (loaded[i] != NULL)
			OSSL_PROVIDER_unload(loaded[i]);
		loaded[i] = NULL;
	}
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, OURS);
	EVP_PKEY *key = NULL;

	if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

enum cs_err provider_key(EVP_PKEY *public, const char *id, EVP_PKEY **out)
{
	OSSL_PARAM ours[] = { OSSL_PARAM_construct_utf8_string(
		                      REMOTE_PARAM_ID, (char *)(uintptr_t)id, 0),
		OSSL_PARAM_END };
	OSSL_PARAM *theirs = NULL, *all = NULL;

	*out = NULL;
	if (EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &theirs) == 1)
		all = OSSL_PARAM_merge(theirs, ours);
	if (EVP_PKEY_is_a(public, "RSA") == 1)
		*out = from_params("RSA", all);
	else if (EVP_PKEY_is_a(public, "EC") == 1)
		*out = from_params("EC", all);
	OSSL_PARAM_free(all); /* borrows from theirs */
	OSSL_PARAM_free(theirs);
	ERR_clear_error();
	return *out != NULL ? CS_OK : CS_EUNSUPPORTED;
}
