#include "store/pki/csr.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/cert_parts.h"
#include "store/pki/names.h"

#define ARENA_MAX (1u << 20)

OSSL_FREE(req, X509_REQ, X509_REQ_free)

typedef STACK_OF(X509_EXTENSION) extension_stack;

static void extensions_free(extension_stack **list)
{
	sk_X509_EXTENSION_pop_free(*list, X509_EXTENSION_free);
	*list = NULL;
}

const struct pki_keyspec pki_keyspecs[] = {
	{ "P-256", PKI_KEY_P256, 256,
	        "the fastest handshakes; every client of the last ten years takes it" },
	{ "P-384", PKI_KEY_P384, 384,
	        "a handshake costs about 30 times the processor time of P-256" },
	{ "RSA-2048", PKI_KEY_RSA, 2048,
	        "for very old clients; about 15 times P-256, and the first to become too weak" },
	{ "RSA-3072", PKI_KEY_RSA, 3072, "about 80 times P-256" },
	{ "RSA-4096", PKI_KEY_RSA, 4096, "about 200 times P-256; making the key takes seconds" },
};
const size_t pki_keyspec_count = CS_COUNT(pki_keyspecs);

const struct pki_keyspec *pki_keyspec_of(const char *name)
{
	for (size_t i = 0; i < pki_keyspec_count; i++)
		if (strcasecmp(pki_keyspecs[i].name, name) == 0)
			return &pki_keyspecs[i];
	return NULL;
}

const struct pki_keyspec *pki_keyspec_like(enum pki_key kind, uint32_t bits)
{
	for (size_t i = 0; i < pki_keyspec_count; i++)
		if (pki_keyspecs[i].kind == kind && pki_keyspecs[i].bits == bits)
			return &pki_keyspecs[i];
	return NULL;
}

/* Only what pki_hostin lets through, looked at again: whoever signs trusts no caller. */
static bool dns_ok(const char *name)
{
	const bool wildcard = strncmp(name, "*.", 2) == 0;
	const char *rest = wildcard ? name + 2 : name;

	for (const char *c = name; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			return false;
	return strlen(name) <= CS_NAME_MAX && pki_hostname_ok(rest) &&
	       (!wildcard || strchr(rest, '.') != NULL);
}

enum cs_err pki_fields_check(const struct pki_fields *self, char *reason, size_t size)
{
	char shown[128];

	CS_TRY(pki_subject_check(&self->subject, reason, size));
	if (self->dns_count + self->ip_count == 0) {
		snprintf(reason, size, "it names no host; clients look at nothing else");
		return CS_EMALFORMED;
	}
	if (self->dns_count + self->ip_count > CS_REQUEST_NAMES_MAX) {
		snprintf(reason, size, "at most %d names are allowed", CS_REQUEST_NAMES_MAX);
		return CS_ETOOBIG;
	}
	for (size_t i = 0; i < self->dns_count; i++) {
		if (dns_ok(self->dns[i]))
			continue;
		snprintf(reason, size, "%s: it is no host name",
		        cs_show(self->dns[i], shown, sizeof(shown)));
		return CS_EMALFORMED;
	}
	for (size_t i = 0; i < self->ip_count; i++)
		if (self->ip[i].n != 4 && self->ip[i].n != 16) {
			snprintf(reason, size, "an address has 4 or 16 bytes");
			return CS_EMALFORMED;
		}
	return CS_OK;
}

static enum cs_err push_name(GENERAL_NAMES *list, int type, struct cs_bytes value)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *text =
	        ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);

	if (name == NULL || text == NULL || ASN1_STRING_set(text, value.p, (int)value.n) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(text);
		return CS_ENOMEM;
	}
	GENERAL_NAME_set0_value(name, type, text);
	if (sk_GENERAL_NAME_push(list, name) > 0)
		return CS_OK;
	GENERAL_NAME_free(name);
	return CS_ENOMEM;
}

static bool empty(const struct pki_subject *s)
{
	return s->country[0] == '\0' && s->state[0] == '\0' && s->locality[0] == '\0' &&
	       s->organization[0] == '\0' && s->unit[0] == '\0' && s->common_name[0] == '\0';
}

/* Critical where there is no subject (RFC 5280, 4.2.1.6). */
static enum cs_err add_names(const struct pki_fields *fields, extension_stack **out)
{
	CS_AUTO(ossl_names_free) GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	if (names == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < fields->dns_count; i++)
		CS_TRY(push_name(names, GEN_DNS, cs_bytes_of(fields->dns[i])));
	for (size_t i = 0; i < fields->ip_count; i++)
		CS_TRY(push_name(names, GEN_IPADD, fields->ip[i]));
	return X509V3_add1_i2d(out, NID_subject_alt_name, names, empty(&fields->subject),
	               X509V3_ADD_APPEND) == 1
	               ? CS_OK
	               : CS_ECRYPTO;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
	return EVP_PKEY_get_bits(key) == 384 ? EVP_sha384() : EVP_sha256();
}

static enum cs_err make_csr(const struct pki_fields *fields, EVP_PKEY *key, X509_REQ *req)
{
	CS_AUTO(extensions_free) extension_stack *extensions = NULL;
	X509_NAME *name = NULL;

	CS_TRY(pki_subject_name(&fields->subject, &name));
	const int named = X509_REQ_set_subject_name(req, name);
	X509_NAME_free(name);
	CS_TRY(add_names(fields, &extensions));
	if (named != 1 || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	        X509_REQ_set_pubkey(req, key) != 1 ||
	        X509_REQ_add_extensions(req, extensions) != 1 ||
	        X509_REQ_sign(req, key, digest_for(key)) <= 0)
		return CS_ECRYPTO;
	return CS_OK;
}

enum cs_err pki_csr_make(const struct pki_fields *fields, EVP_PKEY *key, struct cs_buf *out)
{
	CS_AUTO(ossl_req_free) X509_REQ *req = X509_REQ_new();
	uint8_t *der = NULL;

	if (req == NULL)
		return CS_ENOMEM;
	CS_TRY(make_csr(fields, key, req));
	const int n = i2d_X509_REQ(req, &der);
	if (n <= 0)
		return CS_ECRYPTO;
	const enum cs_err rc = cs_buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	return rc;
}

static enum cs_err add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	const int rc = extension != NULL ? X509_add_ext(x, extension, -1) : 0;
	X509_EXTENSION_free(extension);
	return rc == 1 ? CS_OK : CS_ECRYPTO;
}

static enum cs_err extend(const struct pki_fields *fields, const EVP_PKEY *key, X509 *x)
{
	CS_AUTO(extensions_free) extension_stack *names = NULL;
	const bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;

	CS_TRY(add_extension(x, NID_basic_constraints, "critical,CA:FALSE"));
	CS_TRY(add_extension(x, NID_key_usage,
	        rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature"));
	CS_TRY(add_extension(x, NID_ext_key_usage, "serverAuth"));
	CS_TRY(add_extension(x, NID_subject_key_identifier, "hash"));
	CS_TRY(add_names(fields, &names));
	return X509_add_ext(x, sk_X509_EXTENSION_value(names, 0), -1) == 1 ? CS_OK : CS_ECRYPTO;
}

/* 127 random bits: unique, and positive in at most 20 bytes (RFC 5280, 4.1.2.2). */
static enum cs_err number(X509 *x)
{
	BIGNUM *serial = BN_new();
	const bool ok = serial != NULL &&
	                BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	                BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL;

	BN_free(serial);
	return ok ? CS_OK : CS_ECRYPTO;
}

static enum cs_err make_cert(const struct pki_fields *fields, EVP_PKEY *key, int64_t not_before,
        int64_t not_after, X509 *x)
{
	X509_NAME *name = NULL;

	CS_TRY(pki_subject_name(&fields->subject, &name));
	const bool named =
	        X509_set_subject_name(x, name) == 1 && X509_set_issuer_name(x, name) == 1;
	X509_NAME_free(name);
	if (!named || X509_set_version(x, X509_VERSION_3) != 1 ||
	        ASN1_TIME_set(X509_getm_notBefore(x), (time_t)not_before) == NULL ||
	        ASN1_TIME_set(X509_getm_notAfter(x), (time_t)not_after) == NULL ||
	        X509_set_pubkey(x, key) != 1)
		return CS_ECRYPTO;
	CS_TRY(number(x));
	CS_TRY(extend(fields, key, x));
	return X509_sign(x, key, digest_for(key)) > 0 ? CS_OK : CS_ECRYPTO;
}

enum cs_err pki_selfsigned_make(const struct pki_fields *fields, EVP_PKEY *key, int64_t not_before,
        int64_t not_after, struct cs_buf *out)
{
	CS_AUTO(ossl_x509_free) X509 *x = X509_new();
	uint8_t *der = NULL;

	if (x == NULL)
		return CS_ENOMEM;
	CS_TRY(make_cert(fields, key, not_before, not_after, x));
	const int n = i2d_X509(x, &der);
	if (n <= 0)
		return CS_ECRYPTO;
	const enum cs_err rc = cs_buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	return rc;
}

enum cs_err pki_key_spki(EVP_PKEY *key, uint8_t out[32])
{
	uint8_t *der = NULL;
	const int n = i2d_PUBKEY(key, &der);

	if (n <= 0)
		return CS_ECRYPTO;
	SHA256(der, (size_t)n, out);
	OPENSSL_free(der);
	return CS_OK;
}

void pki_csr_fingerprint(struct cs_bytes der, char *out)
{
	uint8_t digest[20];

	SHA1(der.p, der.n, digest);
	cs_hex(digest, sizeof(digest), out);
}

static enum cs_err fill(X509_REQ *req, struct pki_csr *out)
{
	CS_AUTO(extensions_free) extension_stack *extensions = X509_REQ_get_extensions(req);
	EVP_PKEY *key = X509_REQ_get0_pubkey(req);
	struct pki_part_names names;

	if (key == NULL || X509_REQ_verify(req, key) != 1)
		return CS_EMALFORMED;
	pki_part_key(key, &out->key, &out->key_bits);
	CS_TRY(pki_part_name(out->arena, X509_REQ_get_subject_name(req), &out->subject));
	CS_TRY(pki_part_names(out->arena, extensions, &names));
	out->dns = names.dns;
	out->dns_count = names.dns_count;
	out->ip_text = names.ip_text;
	out->ip_count = names.ip_count;
	return CS_OK;
}

enum cs_err pki_csr_read(struct cs_bytes der, struct pki_csr *out)
{
	const uint8_t *p = der.p;

	*out = (struct pki_csr){ .subject = "" };
	if (der.n == 0 || der.n > CS_DER_MAX)
		return der.n == 0 ? CS_EMALFORMED : CS_ETOOBIG;
	CS_TRY(cs_arena_new(ARENA_MAX, &out->arena));
	ERR_set_mark();
	CS_AUTO(ossl_req_free) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.n);
	enum cs_err rc = req == NULL          ? CS_EMALFORMED
	                 : p != der.p + der.n ? CS_ETRAILING
	                                      : fill(req, out);
	ERR_pop_to_mark();
	pki_csr_fingerprint(der, out->fingerprint);
	return rc;
}

void pki_csr_free(struct pki_csr *self)
{
	cs_arena_free(&self->arena);
	*self = (struct pki_csr){ .subject = "" };
}

enum cs_err pki_csr_pem(struct cs_bytes der, struct cs_buf *out)
{
	CS_AUTO(ossl_bio_free) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio == NULL)
		return CS_ENOMEM;
	if (PEM_write_bio(bio, PEM_STRING_X509_REQ, "", der.p, (long)der.n) <= 0)
		return CS_ECRYPTO;
	const long n = BIO_get_mem_data(bio, &text);
	return cs_buf_add(out, text, (size_t)n);
}
