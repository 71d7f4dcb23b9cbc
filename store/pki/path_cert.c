/* store/pki/path_cert.c: what the path builder must know of one certificate. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/sha.h>
#include "store/pki/path_parts.h"
#include "store/pki/show.h"

#define LINKS_MAX 256 /* remembered upward links of one certificate */
#define URL_MAX 1024

OSSL_FREE(aia, AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free)

void path_cert_free(struct path_cert **self)
{
	struct path_cert *c = *self;

	if (c == NULL)
		return;
	X509_free(c->x);
	AUTHORITY_KEYID_free(c->akid);
	NAME_CONSTRAINTS_free(c->constraints);
	free((void *)(uintptr_t)c->der.p);
	free(c->links);
	free(c);
	*self = NULL;
}

static enum cs_err read_time(const ASN1_TIME *from, int64_t *out)
{
	struct tm tm;

	if (from == NULL || ASN1_TIME_to_tm(from, &tm) != 1)
		return CS_EMALFORMED;
	*out = timegm(&tm);
	return CS_OK;
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

static bool weak_signature(X509 *x)
{
	static const int weak[] = { NID_md2, NID_md4, NID_md5, NID_sha1, NID_mdc2 };
	int md = NID_undef;

	X509_get_signature_info(x, &md, NULL, NULL, NULL);
	for (size_t i = 0; i < CS_COUNT(weak); i++)
		if (md == weak[i])
			return true;
	return false;
}

/* An extension that is there, yet unreadable or twice, spoils the certificate. */
static void *extension(struct path_cert *self, int nid)
{
	int found = 0;
	void *value = X509_get_ext_d2i(self->x, nid, &found, NULL);

	if (value == NULL && found != -1)
		self->fault = "has an extension that cannot be read";
	return value;
}

static void read_names(struct path_cert *self)
{
	CS_AUTO(ossl_names_free) GENERAL_NAMES *san = extension(self, NID_subject_alt_name);
	const int n = san != NULL ? sk_GENERAL_NAME_num(san) : 0;

	self->names = (size_t)n;
	for (int i = 0; i < n; i++)
		self->has_dns |= sk_GENERAL_NAME_value(san, i)->type == GEN_DNS;
}

static void read_rules(struct path_cert *self)
{
	const uint32_t flags = X509_get_extension_flags(self->x);
	const uint32_t eku = X509_get_extended_key_usage(self->x);

	self->akid = extension(self, NID_authority_key_identifier);
	self->constraints = extension(self, NID_name_constraints);
	read_names(self);
	self->path_length = X509_get_pathlen(self->x);
	const int ca = X509_check_ca(self->x);
	self->ca = ca == 1;
	self->old_ca = ca == 3;
	self->self_issued = (flags & EXFLAG_SI) != 0;
	self->self_signed = self->self_issued && X509_self_signed(self->x, 1) == 1;
	if ((flags & EXFLAG_XKUSAGE) != 0 && (eku & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
		self->fault = "does not allow TLS servers (extended key usage)";
	if ((flags & EXFLAG_CRITICAL) != 0)
		self->fault = "has a critical extension of an unknown kind";
	if ((flags & EXFLAG_INVALID) != 0)
		self->fault = "has an extension that cannot be read";
	if (!self->ca)
		self->no_issuer = "is no CA certificate";
	else if ((X509_get_key_usage(self->x) & KU_KEY_CERT_SIGN) == 0)
		self->no_issuer = "may not sign certificates (key usage)";
	else if (X509_get0_pubkey(self->x) == NULL)
		self->no_issuer = "has a key of an unknown kind";
}

static enum cs_err fill(struct path_cert *self, struct cs_bytes der)
{
	uint8_t *copy = malloc(der.n);

	if (copy == NULL)
		return CS_ENOMEM;
	memcpy(copy, der.p, der.n);
	self->der = (struct cs_bytes){ copy, der.n };
	SHA256(der.p, der.n, self->sha256);
	CS_TRY(read_spki(self->x, self->spki));
	CS_TRY(read_time(X509_get0_notBefore(self->x), &self->not_before));
	CS_TRY(read_time(X509_get0_notAfter(self->x), &self->not_after));
	self->weak_link = weak_signature(self->x);
	read_rules(self);
	self->ski = ossl_bytes(X509_get0_subject_key_id(self->x));
	self->aki = ossl_bytes(X509_get0_authority_key_id(self->x));
	int good = 1, all = 1;
	self->subject = X509_NAME_hash_ex(X509_get_subject_name(self->x), NULL, NULL, &good);
	all &= good;
	self->issuer = X509_NAME_hash_ex(X509_get_issuer_name(self->x), NULL, NULL, &good);
	return (all & good) == 1 ? CS_OK : CS_EMALFORMED;
}

enum cs_err path_cert_read(struct cs_bytes der, struct path_cert **out)
{
	const uint8_t *p = der.p;

	*out = NULL;
	if (der.n == 0)
		return CS_EMALFORMED;
	if (der.n > CS_DER_MAX)
		return CS_ETOOBIG;
	CS_AUTO(path_cert_free) struct path_cert *self = calloc(1, sizeof(*self));
	if (self == NULL)
		return CS_ENOMEM;
	ERR_set_mark();
	self->x = d2i_X509(NULL, &p, (long)der.n);
	enum cs_err rc = self->x == NULL      ? CS_EMALFORMED
	                 : p != der.p + der.n ? CS_ETRAILING
	                                      : fill(self, der);
	ERR_pop_to_mark();
	if (rc == CS_OK)
		*out = CS_STEAL(self);
	return rc;
}

bool path_cert_issued_by(const struct path_cert *self, const struct path_cert *issuer)
{
	return self->issuer == issuer->subject &&
	       X509_NAME_cmp(X509_get_issuer_name(self->x), X509_get_subject_name(issuer->x)) == 0;
}

bool path_cert_agrees(const struct path_cert *self, const struct path_cert *issuer)
{
	return self->akid == NULL || X509_check_akid(issuer->x, self->akid) == X509_V_OK;
}

static const struct path_link *known(const struct path_cert *self, const struct path_cert *issuer)
{
	for (size_t i = 0; i < self->link_count; i++)
		if (self->links[i].issuer == issuer)
			return &self->links[i];
	return NULL;
}

/* Only a memory: when there is no room, the next one verifies again. */
static void remember(struct path_cert *self, const struct path_cert *issuer, bool good)
{
	if (self->home == NULL || self->home != issuer->home || self->link_count == LINKS_MAX)
		return;
	if (self->link_count == self->link_room) {
		const size_t room = self->link_room != 0 ? 2 * self->link_room : 4;
		struct path_link *more = realloc(self->links, room * sizeof(*more));
		if (more == NULL)
			return;
		self->links = more;
		self->link_room = room;
	}
	self->links[self->link_count++] = (struct path_link){ issuer, good };
}

bool path_cert_signed_by(struct path_cert *self, struct path_cert *issuer, unsigned *fresh)
{
	const struct path_link *link = known(self, issuer);

	if (link != NULL)
		return link->good;
	++*fresh;
	ERR_set_mark();
	EVP_PKEY *key = X509_get0_pubkey(issuer->x);
	const bool good = key != NULL && X509_verify(self->x, key) == 1;
	ERR_pop_to_mark();
	remember(self, issuer, good);
	return good;
}

const char *path_cert_issuer_text(const struct path_cert *self, struct cs_arena *arena)
{
	CS_AUTO(ossl_bio_free) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio == NULL || X509_NAME_print_ex(bio, X509_get_issuer_name(self->x), 0,
	                           XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0)
		return "?";
	const long n = BIO_get_mem_data(bio, &text);
	const char *shown = pki_show_bytes(arena,
	        (struct cs_bytes){ (const uint8_t *)text, n > 0 ? (size_t)n : 0 }, CS_TEXT_MAX);
	return shown != NULL ? shown : "?";
}

const char *path_cert_url(const struct path_cert *self, struct cs_arena *arena)
{
	CS_AUTO(ossl_aia_free)
	AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(self->x, NID_info_access, NULL, NULL);
	const int n = aia != NULL ? sk_ACCESS_DESCRIPTION_num(aia) : 0;

	for (int i = 0; i < n; i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(aia, i);
		if (OBJ_obj2nid(d->method) != NID_ad_ca_issuers || d->location->type != GEN_URI)
			continue;
		const struct cs_bytes url = ossl_bytes(d->location->d.uniformResourceIdentifier);
		const char *shown =
		        url.n > 0 && url.n <= URL_MAX ? pki_show_bytes(arena, url, URL_MAX) : NULL;
		if (shown != NULL)
			return shown;
	}
	return "";
}
