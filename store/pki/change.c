#include "store/pki/change.h"
#include <string.h>
#include <strings.h>

const char *pki_change_name(enum pki_change change)
{
	static const char *const names[] = {
		[PKI_CHANGE_FIRST] = "first",
		[PKI_CHANGE_RENEWAL] = "renewal",
		[PKI_CHANGE_REKEY] = "re-key",
		[PKI_CHANGE_REISSUE] = "re-issue",
		[PKI_CHANGE_REPLACEMENT] = "replacement",
		[PKI_CHANGE_SAME] = "same",
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
