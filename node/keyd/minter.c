#include "node/keyd/minter.h"
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sodium.h>
#include "proto/base/limits.h"
#include "store/pki/csr.h"
#include "store/pki/p12.h"

#define FIRST_VERSION 1
#define LIFE_MAX_S (3660ull * 86400)

static struct pki_fields fields_of(const struct wire_mint *mint)
{
	return (struct pki_fields){ { mint->country, mint->state, mint->locality,
		                            mint->organization, mint->unit, mint->common_name },
		mint->dns.v, mint->dns.n, mint->ip.v, mint->ip.n };
}

enum cs_err minter_check(const struct wire_mint *mint, char *reason, size_t size)
{
	const struct pki_fields fields = fields_of(mint);

	CS_TRY(pki_fields_check(&fields, reason, size));
	if (!mint->self_signed || (mint->not_after > mint->not_before &&
	                                  mint->not_after - mint->not_before <= LIFE_MAX_S))
		return CS_OK;
	snprintf(reason, size, "a self-signed certificate lives from one day to ten years");
	return CS_EMALFORMED;
}

static enum cs_err export_key(EVP_PKEY *key, struct cs_buf *out)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	const int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : 0;
	enum cs_err rc = n > 0 ? cs_buf_reserve(out, (size_t)n) : CS_ECRYPTO;

	if (rc == CS_OK) {
		uint8_t *p = out->p + out->n;
		i2d_PKCS8_PRIV_KEY_INFO(info, &p);
		out->n += (size_t)n;
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	return rc;
}

static enum cs_err seal_key(
        const uint8_t *secret, const struct wire_mint *mint, struct minter_result *out)
{
	char passphrase[44];

	CS_TRY(p12_bundle_passphrase(secret, out->id, FIRST_VERSION, passphrase));
	const enum cs_err rc =
	        p12_seal_key(cs_buf_view(&out->pkcs8), mint->name, passphrase, &out->sealed);
	sodium_memzero(passphrase, sizeof(passphrase));
	return rc;
}

static enum cs_err make_request(struct vault *vault, const struct wire_mint *mint,
        const struct pki_fields *fields, EVP_PKEY *key, struct minter_result *out)
{
	const uint8_t *secret;
	uint32_t epoch;

	CS_TRY(pki_csr_make(fields, key, &out->der));
	CS_TRY(pki_key_spki(key, out->spki));
	pki_csr_fingerprint(cs_buf_view(&out->der), out->id);
	CS_TRY(vault_newest(vault, &epoch, &secret));
	CS_TRY(seal_key(secret, mint, out));
	out->request = (struct wire_request){ .name = mint->name,
		.version = FIRST_VERSION,
		.secret_epoch = epoch,
		.csr = cs_buf_view(&out->der),
		.spki_sha256 = { out->spki, sizeof(out->spki) },
		.sealed = cs_buf_view(&out->sealed),
		.same_key = mint->same_key,
		.created_by = "" };
	out->reply.request = &out->request;
	return CS_OK;
}

static enum cs_err make_cert(struct vault *vault, const struct wire_mint *mint,
        const struct pki_fields *fields, EVP_PKEY *key, struct minter_result *out)
{
	CS_TRY(pki_selfsigned_make(
	        fields, key, (int64_t)mint->not_before, (int64_t)mint->not_after, &out->der));
	const struct wire_seal seal = { .pkcs8 = cs_buf_view(&out->pkcs8),
		.leaf = cs_buf_view(&out->der),
		.name = mint->name };
	const enum cs_err rc = sealer_seal(vault, &seal, &out->seal);
	if (rc != CS_OK) {
		snprintf(out->reason, sizeof(out->reason), "%s", out->seal.reason);
		return rc;
	}
	memcpy(out->id, out->seal.id, sizeof(out->id));
	out->bundle = out->seal.bundle;
	out->reply.bundle = &out->bundle;
	return CS_OK;
}

static enum cs_err make(
        struct vault *vault, const struct wire_mint *mint, EVP_PKEY *key, struct minter_result *out)
{
	const struct pki_fields fields = fields_of(mint);

	CS_TRY(minter_check(mint, out->reason, sizeof(out->reason)));
	CS_TRY(export_key(key, &out->pkcs8));
	return mint->self_signed ? make_cert(vault, mint, &fields, key, out)
	                         : make_request(vault, mint, &fields, key, out);
}

static const char *reason_of(enum cs_err err)
{
	switch (err) {
	case CS_ELOCKED:
		return "the cluster secret has not come to this node's key process yet";
	case CS_ETOOBIG:
		return "there are too many names for one certificate";
	default:
		return cs_err_text(err);
	}
}

enum cs_err minter_make(
        struct vault *vault, const struct wire_mint *mint, EVP_PKEY *key, struct minter_result *out)
{
	*out = (struct minter_result){ .der = cs_buf_new(CS_DER_MAX),
		.pkcs8 = cs_buf_new(CS_KEY_MAX),
		.sealed = cs_buf_new(CS_OBJECT_MAX) };
	const enum cs_err rc = make(vault, mint, key, out);
	ERR_clear_error();
	if (rc != CS_OK && out->reason[0] == '\0')
		snprintf(out->reason, sizeof(out->reason), "%s", reason_of(rc));
	out->reply.tag = mint->tag;
	out->reply.error = rc != CS_OK ? cs_err_name(rc) : "";
	out->reply.reason = out->reason;
	out->reply.id = rc == CS_OK ? out->id : "";
	return rc;
}

void minter_result_free(struct minter_result *self)
{
	sealer_result_free(&self->seal);
	cs_buf_free(&self->der);
	cs_buf_free(&self->pkcs8);
	cs_buf_free(&self->sealed);
}
