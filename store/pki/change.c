#include "store/pki/change.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "store/pki/names.h"

const char *pki_change_name(enum pki_change change)
{
	static const char *const names[] = {
		[PKI_CHANGE_FIRST] = "first",
		[PKI_CHANGE_RENEWAL] = "renewal",
		[PKI_CHANGE_REKEY] = "re-key",
		[PKI_CHANGE_REISSUE] = "re-issue",
		[PKI_CHANGE_REPLACEMENT] = "replacement",
		[PKI_CHANGE_SAME] = "same",
		[PKI_CHANGE_INTERMEDIATE] = "intermediate-change",
	};

	return (size_t)change < CS_COUNT(names) ? names[change] : "unknown";
}

static size_t names_of(const struct pki_cert *cert)
{
	return cert->dns_count + cert->ip_count;
}

static bool has_dns(const struct pki_cert *cert, const char *name)
{
	for (size_t i = 0; i < cert->dns_count; i++)
		if (strcasecmp(cert->dns[i], name) == 0)
			return true;
	return false;
}

static bool has_ip(const struct pki_cert *cert, struct cs_bytes ip)
{
	for (size_t i = 0; i < cert->ip_count; i++)
		if (cs_bytes_equal(cert->ip[i], ip))
			return true;
	return false;
}

/* How many of A's names are B's too. */
static size_t common(const struct pki_cert *a, const struct pki_cert *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->dns_count; i++)
		n += has_dns(b, a->dns[i]);
	for (size_t i = 0; i < a->ip_count; i++)
		n += has_ip(b, a->ip[i]);
	return n;
}

unsigned pki_change_overlap(const struct pki_cert *before, const struct pki_cert *after)
{
	const size_t all = names_of(before);

	return all != 0 ? (unsigned)(100 * common(before, after) / all) : 0;
}

/* A self-signed certificate renews itself: its issuer is its own subject. */
static bool same_issuer(const struct pki_cert *a, const struct pki_cert *b)
{
	return a->self_signed == b->self_signed && cs_bytes_equal(a->issuer_der, b->issuer_der);
}

enum pki_change pki_change_of(const struct pki_cert *before, const struct pki_cert *after)
{
	if (before == NULL)
		return PKI_CHANGE_FIRST;
	if (memcmp(before->sha256, after->sha256, sizeof(before->sha256)) == 0)
		return PKI_CHANGE_SAME;
	if (!same_issuer(before, after))
		return PKI_CHANGE_REPLACEMENT;
	if (common(before, after) != names_of(before) || common(after, before) != names_of(after))
		return PKI_CHANGE_REISSUE;
	const bool same_key =
	        memcmp(before->spki_sha256, after->spki_sha256, sizeof(before->spki_sha256)) == 0;
	return same_key ? PKI_CHANGE_RENEWAL : PKI_CHANGE_REKEY;
}

static bool chains_equal(
        const struct cs_bytes *a, size_t a_count, const struct cs_bytes *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!cs_bytes_equal(a[i], b[i]))
			return false;
	return true;
}

enum pki_change pki_change_of_chains(const struct pki_cert *before,
        const struct cs_bytes *before_chain, size_t before_count, const struct pki_cert *after,
        const struct cs_bytes *after_chain, size_t after_count)
{
	const enum pki_change change = pki_change_of(before, after);

	if (change != PKI_CHANGE_SAME ||
	        chains_equal(before_chain, before_count, after_chain, after_count))
		return change;
	return PKI_CHANGE_INTERMEDIATE;
}

/* A wildcard is kept by the same wildcard alone; a host by any name that stands for it. */
static bool keeps_dns(const struct pki_cert *to, const char *name)
{
	return has_dns(to, name) ||
	       (name[0] != '*' && pki_cert_covers(to, cs_bytes_of(name), NULL) != PKI_COVER_NONE);
}

size_t pki_change_lost(
        const struct pki_cert *from, const struct pki_cert *to, const char **out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < from->dns_count; i++)
		if (!keeps_dns(to, from->dns[i]) && n++ < max)
			out[n - 1] = from->dns[i];
	for (size_t i = 0; i < from->ip_count; i++)
		if (!has_ip(to, from->ip[i]) && n++ < max)
			out[n - 1] = from->ip_text[i];
	return n;
}

bool pki_change_key_family(const struct pki_cert *a, const struct pki_cert *b)
{
	static const int families[] = {
		[PKI_KEY_OTHER] = 0,
		[PKI_KEY_RSA] = 1,
		[PKI_KEY_P256] = 2,
		[PKI_KEY_P384] = 2,
		[PKI_KEY_P521] = 2,
		[PKI_KEY_ED25519] = 3,
	};

	return families[a->key] == families[b->key];
}

static const char *key_text(const struct pki_cert *cert, char *out, size_t size)
{
	const bool sized = cert->key == PKI_KEY_RSA || cert->key == PKI_KEY_OTHER;

	if (sized)
		snprintf(out, size, "%s-%u", pki_key_name(cert->key), cert->key_bits);
	else
		snprintf(out, size, "%s", pki_key_name(cert->key));
	return out;
}

const char *pki_change_key_text(
        const struct pki_cert *before, const struct pki_cert *after, char *out, size_t size)
{
	char a[32], b[32];

	out[0] = '\0';
	if (before->key != after->key || before->key_bits != after->key_bits)
		snprintf(out, size, "%s to %s", key_text(before, a, sizeof(a)),
		        key_text(after, b, sizeof(b)));
	return out;
}
