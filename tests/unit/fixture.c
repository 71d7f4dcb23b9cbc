#include "tests/unit/fixture.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CHECK(ok)                                                                                  \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fprintf(stderr, "fixture: %s failed\n", #ok);                              \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static EVP_PKEY *key_of(const struct fx_cert *cert)
{
	const uint8_t *p = cert->pkcs8;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)cert->pkcs8_len);

	CHECK(key != NULL);
	return key;
}

static EVP_PKEY *key_new(const char *kind)
{
	if (kind == NULL || strcmp(kind, "P-256") == 0)
		return EVP_EC_gen("P-256");
	if (strcmp(kind, "P-384") == 0)
		return EVP_EC_gen("P-384");
	if (strcmp(kind, "ED25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atol(strchr(kind, '-') + 1));
}

static void extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	CHECK(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void name(X509_NAME *n, const char *cn)
{
	CHECK(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) ==
	        1);
}

static X509 *x509_of(const struct fx_cert *cert)
{
	const uint8_t *p = cert->der;
	X509 *x = d2i_X509(NULL, &p, (long)cert->der_len);

	CHECK(x != NULL);
	return x;
}

struct fx_cert fx_cert(struct fx_spec s)
{
	struct fx_cert out = { .der_len = 0 };
	EVP_PKEY *key = s.same_key != NULL ? key_of(s.same_key) : key_new(s.key);
	X509 *x = X509_new(), *issuer = s.issuer != NULL ? x509_of(s.issuer) : NULL;
	EVP_PKEY *signer = s.issuer != NULL ? key_of(s.issuer) : key;
	static long serial;

	CHECK(key != NULL && x != NULL && X509_set_version(x, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), (long)getpid() * 1000 + ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), 86400 * (s.days_from != 0 ? s.days_from : -1));
	X509_gmtime_adj(X509_getm_notAfter(x), 86400 * (s.days_to != 0 ? s.days_to : 90));
	name(X509_get_subject_name(x), s.cn != NULL ? s.cn : "fixture");
	X509_set_issuer_name(
	        x, issuer != NULL ? X509_get_subject_name(issuer) : X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	extension(x, issuer != NULL ? issuer : x, NID_subject_key_identifier, "hash");
	if (issuer != NULL)
		extension(x, issuer, NID_authority_key_identifier, "keyid");
	if (s.ca)
		extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
	if (s.san != NULL)
		extension(x, x, NID_subject_alt_name, s.san);
	if (s.eku != NULL)
		extension(x, x, NID_ext_key_usage, s.eku);
	if (s.aia != NULL)
		extension(x, x, NID_info_access, s.aia);
	if (s.feature != NULL)
		extension(x, x, NID_tlsfeature, s.feature);
	const EVP_MD *md = EVP_get_digestbyname(s.digest != NULL ? s.digest : "SHA256");
	const bool pure = EVP_PKEY_is_a(signer, "ED25519") == 1;
	CHECK(X509_sign(x, signer, pure ? NULL : md) > 0);

	uint8_t *p = out.der;
	CHECK(i2d_X509(x, NULL) <= (int)sizeof(out.der));
	out.der_len = (size_t)i2d_X509(x, &p);
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	p = out.pkcs8;
	CHECK(p8 != NULL && i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) <= (int)sizeof(out.pkcs8));
	out.pkcs8_len = (size_t)i2d_PKCS8_PRIV_KEY_INFO(p8, &p);
	PKCS8_PRIV_KEY_INFO_free(p8);
	if (issuer != NULL)
		EVP_PKEY_free(signer);
	EVP_PKEY_free(key);
	X509_free(issuer);
	X509_free(x);
	return out;
}

struct cs_bytes fx_der(const struct fx_cert *cert)
{
	return (struct cs_bytes){ cert->der, cert->der_len };
}

struct cs_bytes fx_key(const struct fx_cert *cert)
{
	return (struct cs_bytes){ cert->pkcs8, cert->pkcs8_len };
}

const char *fx_mkdir(char out[64])
{
	snprintf(out, 64, "/tmp/certspan-unit-XXXXXX");
	CHECK(mkdtemp(out) != NULL);
	return out;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void fx_rmdir(const char *dir)
{
	CHECK(strncmp(dir, "/tmp/certspan-unit-", 19) == 0);
	nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
}
