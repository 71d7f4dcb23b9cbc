#include "node/keyd/sealer.h"
#include <string.h>
#include <openssl/evp.h>
#include <sodium.h>
#include "proto/base/limits.h"
#include "store/pki/cert.h"
#include "store/pki/p12.h"

#define FIRST_VERSION 1

static enum cs_err check_key(const struct wire_seal *request, struct sealer_result *out)
{
	CS_AUTO(signkey_free) struct signkey *key = NULL;

	out->reason = "only RSA keys of 2048 to 4096 bits with two primes and EC keys on P-256 or "
	              "P-384 are served";
	CS_TRY(signkey_from_pkcs8(request->pkcs8, &key));
	out->reason = "the private key is not the one of the certificate";
	CS_TRY(signkey_prove(key, request->leaf));
	out->reason = "";
	return CS_OK;
}

static enum cs_err name_it(struct cs_bytes leaf, struct sealer_result *out)
{
	uint8_t sha256[32];
	unsigned n = 0;

	if (EVP_Digest(leaf.p, leaf.n, sha256, &n, EVP_sha256(), NULL) != 1)
		return CS_ECRYPTO;
	pki_cert_id(sha256, out->id);
	return CS_OK;
}

static enum cs_err seal(
        const struct wire_seal *request, const uint8_t *secret, struct sealer_result *out)
{
	char passphrase[44];

	CS_TRY(p12_bundle_passphrase(secret, out->id, FIRST_VERSION, passphrase));
	const enum cs_err rc = p12_seal(request->leaf, request->pkcs8, request->chain.v,
	        request->chain.n, request->name, passphrase, &out->sealed);
	sodium_memzero(passphrase, sizeof(passphrase));
	return rc;
}

/* REQUEST as it is, or with the key of the open certificate request that LEAF answers. */
static enum cs_err complete(
        struct vault *vault, struct wire_seal *request, struct sealer_result *out)
{
	if (request->pkcs8.n > 0)
		return CS_OK;
	out->reason = "no private key came with the certificate, and it answers no open request";
	CS_TRY(vault_request_key(vault, request->leaf, out->csr, &out->pkcs8));
	request->pkcs8 = cs_buf_view(&out->pkcs8);
	return CS_OK;
}

static enum cs_err make(
        struct vault *vault, const struct wire_seal *asked, struct sealer_result *out)
{
	struct wire_seal whole = *asked, *request = &whole;

	const uint8_t *secret;
	uint32_t epoch;

	CS_TRY(complete(vault, request, out));
	CS_TRY(check_key(request, out));
	out->reason = "the cluster secret has not come to this node's key process yet";
	CS_TRY(vault_newest(vault, &epoch, &secret));
	out->reason = "leaf, key and chain together are too large for one bundle, or cannot be "
	              "written as PKCS#12";
	CS_TRY(name_it(request->leaf, out));
	CS_TRY(seal(request, secret, out));
	out->bundle = (struct wire_bundle){ FIRST_VERSION, epoch, request->leaf, request->chain,
		cs_buf_view(&out->sealed) };
	out->reason = "";
	return CS_OK;
}

enum cs_err sealer_seal(
        struct vault *vault, const struct wire_seal *request, struct sealer_result *out)
{
	*out = (struct sealer_result){
		.sealed = cs_buf_new(CS_OBJECT_MAX), .pkcs8 = cs_buf_new(CS_KEY_MAX), .reason = ""
	};
	const enum cs_err rc = make(vault, request, out);
	if (rc != CS_OK)
		out->id[0] = '\0';
	return rc;
}

void sealer_result_free(struct sealer_result *self)
{
	cs_buf_free(&self->sealed);
	cs_buf_free(&self->pkcs8);
}
