#include "node/cli/demo/mint.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define ROUNDS 2048
#define DAY 86400L
#define CA_DAYS 3650

struct mint {
	EVP_PKEY *ca_key, *key;
	X509 *ca;
};

static bool extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	const bool ok = e != NULL && X509_add_ext(x509, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool serial(X509 *x509)
{
	uint8_t bytes[8];
	BIGNUM *n = NULL;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 1;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	const bool ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x509)) != NULL;
	BN_free(n);
	return ok;
}

/* All but extensions and signature. */
static X509 *frame(EVP_PKEY *key, const char *cn, X509 *issuer, long days)
{
	X509 *x509 = X509_new();

	if (x509 != NULL && X509_set_version(x509, X509_VERSION_3) == 1 && serial(x509) &&
	        X509_set_pubkey(x509, key) == 1 &&
	        X509_gmtime_adj(X509_getm_notBefore(x509), -3600) != NULL &&
	        X509_gmtime_adj(X509_getm_notAfter(x509), days * DAY) != NULL &&
	        X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
	                (const unsigned char *)cn, -1, -1, 0) == 1 &&
	        X509_set_issuer_name(x509, X509_get_subject_name(issuer != NULL ? issuer : x509)) ==
	                1)
		return x509;
	X509_free(x509);
	return NULL;
}

static X509 *make_ca(EVP_PKEY *key)
{
	X509 *ca = frame(key, "certspan demo CA", NULL, CA_DAYS);

	if (ca != NULL && extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") &&
	        extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	        extension(ca, ca, NID_subject_key_identifier, "hash") &&
	        X509_sign(ca, key, EVP_sha256()) > 0)
		return ca;
	X509_free(ca);
	return NULL;
}

static X509 *make_leaf(struct mint *self, const char *san, long days)
{
	X509 *leaf = frame(self->key, "certspan demo", self->ca, days);

	if (leaf != NULL && extension(leaf, self->ca, NID_basic_constraints, "critical,CA:FALSE") &&
	        extension(leaf, self->ca, NID_key_usage, "critical,digitalSignature") &&
	        extension(leaf, self->ca, NID_ext_key_usage, "serverAuth") &&
	        extension(leaf, self->ca, NID_subject_key_identifier, "hash") &&
	        extension(leaf, self->ca, NID_authority_key_identifier, "keyid") &&
	        extension(leaf, self->ca, NID_subject_alt_name, san) &&
	        X509_sign(leaf, self->ca_key, EVP_sha256()) > 0)
		return leaf;
	X509_free(leaf);
	return NULL;
}

enum cs_err mint_new(struct mint **out)
{
	struct mint *self = *out = calloc(1, sizeof(*self));

	if (self == NULL)
		return CS_ENOMEM;
	self->ca_key = EVP_EC_gen("P-256");
	self->key = EVP_EC_gen("P-256");
	if (self->ca_key != NULL && self->key != NULL)
		self->ca = make_ca(self->ca_key);
	if (self->ca != NULL)
		return CS_OK;
	mint_free(out);
	return CS_ECRYPTO;
}

static FILE *open_new(const char *file, int mode)
{
	const int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (out == NULL && fd >= 0)
		close(fd);
	return out;
}

static enum cs_err write_p12(const char *file, PKCS12 *p12)
{
	FILE *out = open_new(file, 0600);

	if (out == NULL)
		return CS_EIO;
	const bool ok = i2d_PKCS12_fp(out, p12) == 1;
	return fclose(out) == 0 && ok ? CS_OK : CS_EIO;
}

enum cs_err mint_p12(struct mint *self, const char *san, long days, const char *passphrase,
        const char *file, uint8_t sha256[32])
{
	X509 *leaf = make_leaf(self, san, days);
	STACK_OF(X509) *chain = sk_X509_new_null();
	PKCS12 *p12 = NULL;
	enum cs_err rc = CS_ECRYPTO;

	if (leaf != NULL && chain != NULL && sk_X509_push(chain, self->ca) > 0 &&
	        X509_digest(leaf, EVP_sha256(), sha256, NULL) == 1)
		p12 = PKCS12_create(
		        passphrase, "demo", self->key, leaf, chain, 0, 0, ROUNDS, ROUNDS, 0);
	if (p12 != NULL)
		rc = write_p12(file, p12);
	PKCS12_free(p12);
	sk_X509_free(chain);
	X509_free(leaf);
	return rc;
}

enum cs_err mint_ca_pem(struct mint *self, const char *file)
{
	FILE *out = open_new(file, 0644);

	if (out == NULL)
		return CS_EIO;
	const bool ok = PEM_write_X509(out, self->ca) == 1;
	return fclose(out) == 0 && ok ? CS_OK : CS_EIO;
}

void mint_free(struct mint **self)
{
	if (*self == NULL)
		return;
	EVP_PKEY_free((*self)->ca_key);
	EVP_PKEY_free((*self)->key);
	X509_free((*self)->ca);
	free(*self);
	*self = NULL;
}
