#include "store/pki/cert.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/cert_parts.h"
#include "store/pki/ossl.h"
#include "store/pki/show.h"

#define SUBJECT_MAX 4096 /* text of a whole distinguished name */
#define SPKI_MAX (4u << 10)

/* What callers see stands first; the memory behind it is ours. */
struct owned {
	struct pki_cert cert;
	struct cs_arena *arena;
};

static const char *const key_names[] = {
	[PKI_KEY_OTHER] = "other",
	[PKI_KEY_RSA] = "RSA",
	[PKI_KEY_P256] = "P-256",
	[PKI_KEY_P384] = "P-384",
	[PKI_KEY_ED25519] = "Ed25519",
	[PKI_KEY_P521] = "P-521",
};

const char *pki_key_name(enum pki_key key)
{
	return (size_t)key < CS_COUNT(key_names) ? key_names[key] : "other";
}

void pki_cert_id(const uint8_t sha256[32], char *out)
{
	cs_hex(sha256, 8, out);
}

static enum cs_err copy(struct cs_arena *arena, struct cs_bytes from, struct cs_bytes *to)
{
	*to = (struct cs_bytes){ NULL, 0 };
	if (from.n == 0)
		return CS_OK;
	to->p = (const uint8_t *)cs_arena_text(arena, (const char *)from.p, from.n);
	to->n = to->p != NULL ? from.n : 0;
	return to->p != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err keep(const char *text, const char **out)
{
	*out = text != NULL ? text : "";
	return text != NULL ? CS_OK : CS_ENOMEM;
}

/* A distinguished name as text. UTF-8 where it is harmless, else every byte above 0x7f escaped,
 * else a dump. */
enum cs_err pki_part_name(struct cs_arena *arena, const X509_NAME *name, const char **out)
{
	static const unsigned long forms[] = {
		XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB,
		XN_FLAG_RFC2253,
		XN_FLAG_RFC2253 | ASN1_STRFLGS_DUMP_ALL,
	};

	for (size_t i = 0; i < CS_COUNT(forms); i++) {
		CS_AUTO(ossl_bio_free) BIO *bio = BIO_new(BIO_s_mem());
		if (bio == NULL)
			return CS_ENOMEM;
		char *text = NULL;
		if (X509_NAME_print_ex(bio, name, 0, forms[i]) < 0)
			continue;
		const long n = BIO_get_mem_data(bio, &text);
		if (n > SUBJECT_MAX)
			return CS_ETOOBIG;
		const char *copied = cs_arena_text(arena, text, n > 0 ? (size_t)n : 0);
		if (copied == NULL)
			return CS_ENOMEM;
		*out = copied;
		if (strlen(copied) == (size_t)n && pki_show_harmless(copied))
			return CS_OK;
	}
	return keep(cs_arena_text(arena, "?", 1), out);
}

/* The most specific common name; "" if there is none. */
static enum cs_err name_cn(struct cs_arena *arena, const X509_NAME *name, const char **out)
{
	int last = -1;

	for (int i = -1; (i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0;)
		last = i;
	if (last < 0)
		return keep(cs_arena_text(arena, "", 0), out);
	uint8_t *utf8 = NULL;
	const int n = ASN1_STRING_to_UTF8(
	        &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	const struct cs_bytes bytes = { utf8, n > 0 ? (size_t)n : 0 };
	const enum cs_err rc = keep(pki_show_bytes(arena, bytes, CS_FRIENDLY_MAX), out);
	OPENSSL_free(utf8);
	return rc;
}

static enum cs_err read_name(struct cs_arena *arena, const X509_NAME *name, const char **text,
        const char **cn, struct cs_bytes *der)
{
	const uint8_t *p = NULL;
	size_t n = 0;

	if (name == NULL || X509_NAME_get0_der(name, &p, &n) != 1)
		return CS_EMALFORMED;
	CS_TRY(copy(arena, (struct cs_bytes){ p, n }, der));
	CS_TRY(pki_part_name(arena, name, text));
	return name_cn(arena, name, cn);
}

static enum cs_err read_time(const ASN1_TIME *from, int64_t *out)
{
	struct tm tm;

	if (from == NULL || ASN1_TIME_to_tm(from, &tm) != 1)
		return CS_EMALFORMED;
	*out = timegm(&tm);
	return CS_OK;
}

static enum pki_key curve_of(EVP_PKEY *key)
{
	static const struct {
		const char *name;
		enum pki_key key;
	} curves[] = {
		{ "prime256v1", PKI_KEY_P256 },
		{ "secp384r1", PKI_KEY_P384 },
		{ "secp521r1", PKI_KEY_P521 },
	};
	char name[64] = "";
	int explicit_form = 0;

	/* Clients refuse curves that are spelled out, even if it is a known one. */
	if (EVP_PKEY_get_int_param(
	            key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_form) == 1 &&
	        explicit_form != 0)
		return PKI_KEY_OTHER;
	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return PKI_KEY_OTHER;
	for (size_t i = 0; i < CS_COUNT(curves); i++)
		if (strcmp(name, curves[i].name) == 0)
			return curves[i].key;
	return PKI_KEY_OTHER;
}

void pki_part_key(EVP_PKEY *key, enum pki_key *kind, uint32_t *bits)
{
	*kind = PKI_KEY_OTHER;
	*bits = 0;
	if (key == NULL)
		return; /* a type that this OpenSSL does not know */
	const int n = EVP_PKEY_get_bits(key);
	*bits = n > 0 ? (uint32_t)n : 0;
	if (EVP_PKEY_is_a(key, "RSA"))
		*kind = PKI_KEY_RSA;
	if (EVP_PKEY_is_a(key, "ED25519"))
		*kind = PKI_KEY_ED25519;
	if (EVP_PKEY_is_a(key, "EC"))
		*kind = curve_of(key);
}

static enum cs_err read_spki(X509 *x, uint8_t out[32])
{
	uint8_t *der = NULL;
	const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (n <= 0)
		return CS_EMALFORMED;
	SHA256(der, (size_t)n, out);
	OPENSSL_free(der);
	return CS_OK;
}

static enum cs_err read_signature(struct cs_arena *arena, X509 *x, struct pki_cert *cert)
{
	static const int weak[] = { NID_md2, NID_md4, NID_md5, NID_sha1, NID_mdc2 };
	const X509_ALGOR *alg = NULL;
	const ASN1_OBJECT *oid = NULL;
	char text[128] = "?";
	int md = NID_undef;

	X509_get0_signature(NULL, &alg, x);
	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	OBJ_obj2txt(text, sizeof(text), oid, 0);
	X509_get_signature_info(x, &md, NULL, NULL, NULL);
	for (size_t i = 0; i < CS_COUNT(weak); i++)
		cert->weak_hash |= md == weak[i];
	return keep(cs_arena_text(arena, text, strlen(text)), &cert->signature);
}

static enum cs_err read_serial(struct cs_arena *arena, X509 *x, const char **out)
{
	const struct cs_bytes serial = ossl_bytes(X509_get0_serialNumber(x));

	if (serial.n > 64)
		return CS_ETOOBIG;
	char hex[2 * 64 + 1] = "0";
	if (serial.n > 0)
		cs_hex(serial.p, serial.n, hex);
	const bool negative = (ASN1_STRING_type(X509_get0_serialNumber(x)) & V_ASN1_NEG) != 0;
	return keep(cs_arena_printf(arena, "%s%s", negative ? "-" : "", hex), out);
}

static void read_flags(X509 *x, struct pki_cert *cert)
{
	const uint32_t flags = X509_get_extension_flags(x), eku = X509_get_extended_key_usage(x);

	cert->is_ca = X509_check_ca(x) == 1;
	cert->self_signed = X509_self_signed(x, 1) == 1;
	cert->server_auth = (flags & EXFLAG_INVALID) == 0 || (flags & EXFLAG_XKUSAGE) != 0;
	if ((flags & EXFLAG_XKUSAGE) != 0)
		cert->server_auth = (eku & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0;
}

/* An inner NUL would make us see a shorter name than the one that the CA signed. */
static enum cs_err read_dns(struct cs_arena *arena, struct cs_bytes from, const char **out)
{
	if (from.n > 0 && memchr(from.p, '\0', from.n) != NULL)
		return CS_EMALFORMED;
	char *text = pki_show_bytes(arena, from, 4 * CS_NAME_MAX);
	for (char *c = text; c != NULL && *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return keep(text, out);
}

static enum cs_err read_ip(
        struct cs_arena *arena, struct cs_bytes from, struct cs_bytes *out, const char **text)
{
	char shown[INET6_ADDRSTRLEN] = "";

	if (from.n != 4 && from.n != 16)
		return CS_EMALFORMED;
	CS_TRY(copy(arena, from, out));
	inet_ntop(from.n == 4 ? AF_INET : AF_INET6, from.p, shown, sizeof(shown));
	return keep(cs_arena_text(arena, shown, strlen(shown)), text);
}

enum cs_err pki_part_names(
        struct cs_arena *arena, const STACK_OF(X509_EXTENSION) * list, struct pki_part_names *out)
{
	int found = 0;

	*out = (struct pki_part_names){ 0 };
	CS_AUTO(ossl_names_free)
	GENERAL_NAMES *san = X509V3_get_d2i(list, NID_subject_alt_name, &found, NULL);
	if (san == NULL && found != -1) /* there, yet unreadable or twice */
		return CS_EMALFORMED;
	const int n = san != NULL ? sk_GENERAL_NAME_num(san) : 0;
	if (n > CS_NAMES_MAX)
		return CS_ETOOBIG;
	const size_t room = (size_t)n + 1;
	const char **dns = cs_arena_take(arena, room * sizeof(*dns));
	const char **ip_text = cs_arena_take(arena, room * sizeof(*ip_text));
	struct cs_bytes *ip = cs_arena_take(arena, room * sizeof(*ip));
	if (dns == NULL || ip == NULL || ip_text == NULL)
		return CS_ENOMEM;
	for (int i = 0; i < n; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(san, i);
		if (g->type == GEN_DNS)
			CS_TRY(read_dns(arena, ossl_bytes(g->d.dNSName), &dns[out->dns_count++]));
		if (g->type != GEN_IPADD)
			continue;
		CS_TRY(read_ip(arena, ossl_bytes(g->d.iPAddress), &ip[out->ip_count],
		        &ip_text[out->ip_count]));
		out->ip_count++;
	}
	out->dns = dns;
	out->ip = ip;
	out->ip_text = ip_text;
	return CS_OK;
}

static enum cs_err read_san(struct cs_arena *arena, X509 *x, struct pki_cert *cert)
{
	struct pki_part_names names;

	CS_TRY(pki_part_names(arena, X509_get0_extensions(x), &names));
	cert->dns = names.dns;
	cert->dns_count = names.dns_count;
	cert->ip = names.ip;
	cert->ip_text = names.ip_text;
	cert->ip_count = names.ip_count;
	return CS_OK;
}

static enum cs_err fill(struct cs_arena *arena, X509 *x, struct cs_bytes der, struct pki_cert *cert)
{
	SHA256(der.p, der.n, cert->sha256);
	CS_TRY(copy(arena, der, &cert->der));
	CS_TRY(read_san(arena, x, cert));
	CS_TRY(read_name(arena, X509_get_subject_name(x), &cert->subject, &cert->subject_cn,
	        &cert->subject_der));
	CS_TRY(read_name(arena, X509_get_issuer_name(x), &cert->issuer, &cert->issuer_cn,
	        &cert->issuer_der));
	CS_TRY(read_time(X509_get0_notBefore(x), &cert->not_before));
	CS_TRY(read_time(X509_get0_notAfter(x), &cert->not_after));
	CS_TRY(read_serial(arena, x, &cert->serial));
	CS_TRY(read_spki(x, cert->spki_sha256));
	CS_TRY(read_signature(arena, x, cert));
	pki_part_key(X509_get0_pubkey(x), &cert->key, &cert->key_bits);
	read_flags(x, cert);
	CS_TRY(cert_read_extras(arena, x, cert));
	CS_TRY(copy(arena, ossl_bytes(X509_get0_subject_key_id(x)), &cert->ski));
	return copy(arena, ossl_bytes(X509_get0_authority_key_id(x)), &cert->aki);
}

enum cs_err pki_cert_read(struct cs_bytes der, struct pki_cert **out)
{
	const uint8_t *p = der.p;

	*out = NULL;
	if (der.n == 0)
		return CS_EMALFORMED;
	if (der.n > CS_DER_MAX)
		return CS_ETOOBIG;
	ERR_set_mark(); /* the caller's error queue stays as it was */
	CS_AUTO(ossl_x509_free) X509 *x = d2i_X509(NULL, &p, (long)der.n);
	struct owned *self = x != NULL ? calloc(1, sizeof(*self)) : NULL;
	enum cs_err rc = x == NULL ? CS_EMALFORMED : self == NULL ? CS_ENOMEM : CS_OK;
	if (rc == CS_OK && p != der.p + der.n)
		rc = CS_ETRAILING;
	if (rc == CS_OK)
		rc = cs_arena_new(64 * CS_DER_MAX, &self->arena);
	if (rc == CS_OK)
		rc = fill(self->arena, x, der, &self->cert);
	ERR_pop_to_mark();
	struct pki_cert *cert = self != NULL ? &self->cert : NULL;
	if (rc == CS_OK)
		*out = CS_STEAL(cert);
	pki_cert_free(&cert);
	return rc;
}

void pki_cert_free(struct pki_cert **self)
{
	struct owned *own = (struct owned *)*self;

	if (own == NULL)
		return;
	cs_arena_free(&own->arena);
	free(own);
	*self = NULL;
}
