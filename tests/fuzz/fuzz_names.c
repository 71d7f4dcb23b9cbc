/* The matcher beside OpenSSL's: ours may be stricter, never looser. Input: pattern, NUL, host. */
#include <stdlib.h>
#include <string.h>
#include <openssl/x509v3.h>
#include "proto/base/limits.h"
#include "store/pki/names.h"

#define FLAGS (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool theirs(const char *pattern, const char *host)
{
	X509 *x = X509_new();
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	ASN1_STRING_set(text, pattern, -1);
	GENERAL_NAME_set0_value(g, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, g);
	X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
	const bool yes = X509_check_host(x, host, 0, FLAGS, NULL) == 1;
	GENERAL_NAMES_free(names);
	X509_free(x);
	return yes;
}

static void check(const char *pattern, struct cs_bytes host)
{
	char normal[CS_NAME_MAX + 1], wildcard[CS_NAME_MAX + 1];
	const enum pki_cover cover = pki_name_match(pattern, host);

	if (pki_name_normal(host, normal) != CS_OK) {
		if (cover != PKI_COVER_NONE)
			abort();
		return;
	}
	if (pki_hostname_ok(normal) && strlen(normal) > CS_NAME_MAX)
		abort();
	/* what the edge does, two exact lookups, and the matcher are the same thing */
	const bool wild = pki_name_wildcard(normal, wildcard) && strcasecmp(pattern, wildcard) == 0;
	if (cover == PKI_COVER_WILDCARD && !wild)
		abort();
	/* OpenSSL lets no underscore stand under a wildcard; there alone we say yes more often */
	if (cover != PKI_COVER_NONE && strchr(normal, '_') == NULL && !theirs(pattern, normal))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *split = size > 0 ? memchr(data, '\0', size) : NULL;

	if (split == NULL || size > 1024)
		return 0;
	check((const char *)data,
	        (struct cs_bytes){ split + 1, (size_t)(data + size - split - 1) });
	return 0;
}
