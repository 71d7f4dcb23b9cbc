#include <string.h>
#include <openssl/ct.h>
#include "proto/base/limits.h"
#include "store/pki/cert_parts.h"
#include "store/pki/show.h"

#define URI_MAX 1024
#define URIS_MAX 16
#define SCTS_MAX 32
#define STATUS_REQUEST 5 /* RFC 7633: the TLS extension that must come back */

OSSL_FREE(aia, AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free)
OSSL_FREE(scts, STACK_OF(SCT), SCT_LIST_free)
OSSL_FREE(feature, TLS_FEATURE, TLS_FEATURE_free)

/* The URIs that AIA gives for METHOD. */
static enum cs_err uris(struct cs_arena *arena, const AUTHORITY_INFO_ACCESS *aia, int method,
        const char *const **out, size_t *count)
{
	const char **list = cs_arena_take(arena, URIS_MAX * sizeof(*list));

	if (list == NULL)
		return CS_ENOMEM;
	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(aia) && *count < URIS_MAX; i++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(aia, i);
		if (OBJ_obj2nid(one->method) != method || one->location->type != GEN_URI)
			continue;
		const struct cs_bytes uri = ossl_bytes(one->location->d.uniformResourceIdentifier);
		list[*count] = pki_show_bytes(arena, uri, URI_MAX);
		if (list[(*count)++] == NULL)
			return CS_ENOMEM;
	}
	*out = list;
	return CS_OK;
}

static enum cs_err read_aia(struct cs_arena *arena, X509 *x, struct pki_cert *cert)
{
	CS_AUTO(ossl_aia_free)
	AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);

	if (aia == NULL)
		return CS_OK;
	CS_TRY(uris(arena, aia, NID_ad_ca_issuers, &cert->aia_issuers, &cert->aia_issuer_count));
	return uris(arena, aia, NID_ad_OCSP, &cert->aia_ocsp, &cert->aia_ocsp_count);
}

static enum cs_err read_scts(struct cs_arena *arena, X509 *x, struct pki_cert *cert)
{
	CS_AUTO(ossl_scts_free)
	STACK_OF(SCT) *list = X509_get_ext_d2i(x, NID_ct_precert_scts, NULL, NULL);

	if (list == NULL)
		return CS_OK;
	struct cs_bytes *logs = cs_arena_take(arena, SCTS_MAX * sizeof(*logs));
	if (logs == NULL)
		return CS_ENOMEM;
	for (int i = 0; i < sk_SCT_num(list) && cert->sct_count < SCTS_MAX; i++) {
		unsigned char *id = NULL;
		const size_t n = SCT_get0_log_id(sk_SCT_value(list, i), &id);
		if (n == 0)
			continue; /* of a version that we do not know */
		logs[cert->sct_count].p = (const uint8_t *)cs_arena_text(arena, (char *)id, n);
		if (logs[cert->sct_count].p == NULL)
			return CS_ENOMEM;
		logs[cert->sct_count++].n = n;
	}
	cert->sct_logs = logs;
	return CS_OK;
}

static void read_feature(X509 *x, struct pki_cert *cert)
{
	CS_AUTO(ossl_feature_free)
	TLS_FEATURE *list = X509_get_ext_d2i(x, NID_tlsfeature, NULL, NULL);

	for (int i = 0; list != NULL && i < sk_ASN1_INTEGER_num(list); i++)
		if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(list, i)) == STATUS_REQUEST)
			cert->must_staple = true;
}

enum cs_err cert_read_extras(struct cs_arena *arena, X509 *x, struct pki_cert *cert)
{
	CS_TRY(read_aia(arena, x, cert));
	CS_TRY(read_scts(arena, x, cert));
	read_feature(x, cert);
	return CS_OK;
}
