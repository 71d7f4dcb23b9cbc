/* node/admin/view_details.c: everything about one certificate. */
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "node/admin/reply.h"
#include "node/admin/views.h"

#define PEM_LINE 64u

static json_t *decimal(const char *hex)
{
	BIGNUM *n = NULL;

	if (BN_hex2bn(&n, hex) == 0)
		return json_null();
	char *text = BN_bn2dec(n);
	json_t *json = text != NULL ? json_string(text) : json_null();
	OPENSSL_free(text);
	BN_free(n);
	return json;
}

/* Appends a certificate in PEM. */
static enum cs_err pem_add(struct cs_buf *out, struct cs_bytes der)
{
	CS_TRY(cs_buf_printf(out, "-----BEGIN CERTIFICATE-----\n"));
	for (size_t at = 0; at < der.n; at += PEM_LINE / 4 * 3) {
		uint8_t line[PEM_LINE + 1];
		const size_t left = der.n - at,
		             n = left < PEM_LINE / 4 * 3 ? left : PEM_LINE / 4 * 3;
		EVP_EncodeBlock(line, der.p + at, (int)n);
		CS_TRY(cs_buf_printf(out, "%s\n", (const char *)line));
	}
	return cs_buf_printf(out, "-----END CERTIFICATE-----\n");
}

static json_t *pem_of(const struct cs_bytes *ders, size_t n)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(2u << 20);

	for (size_t i = 0; i < n; i++)
		if (pem_add(&buf, ders[i]) != CS_OK)
			return NULL;
	return json_string(cs_buf_text(&buf));
}

static json_t *chain_member(struct cs_bytes der)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	if (pki_cert_read(der, &cert) != CS_OK)
		return json_pack("{s:s}", "error", "cannot be read");
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "sha256",
	        json_hex((struct cs_bytes){ cert->sha256, 32 }), "subject",
	        json_show(cert->subject), "issuer", json_show(cert->issuer), "not_before",
	        json_time((uint64_t)cert->not_before), "not_after",
	        json_time((uint64_t)cert->not_after), "is_ca", cert->is_ca, "self_signed",
	        cert->self_signed);
}

json_t *view_chain(struct wire_blobs chain)
{
	json_t *list = json_array();

	for (size_t i = 0; i < chain.n; i++)
		json_array_append_new(list, chain_member(chain.v[i]));
	return list;
}

/* Authority Information Access and Certificate Transparency. */
static int add_extras(json_t *doc, const struct pki_cert *cert)
{
	const struct wire_texts issuers = { cert->aia_issuers, cert->aia_issuer_count },
	                        ocsp = { cert->aia_ocsp, cert->aia_ocsp_count };
	json_t *logs = json_array();

	for (size_t i = 0; i < cert->sct_count; i++)
		json_array_append_new(logs, json_hex(cert->sct_logs[i]));
	return json_object_update_new(
	        doc, json_pack("{s:{s:o, s:o}, s:{s:i, s:o}, s:b}", "aia", "issuers",
	                     view_texts(issuers), "ocsp", view_texts(ocsp), "scts", "count",
	                     (int)cert->sct_count, "logs", logs, "must_staple", cert->must_staple));
}

static json_t *covers_json(
        const struct scene *scene, const struct scene_cert *cert, struct cs_arena *arena)
{
	const struct cover_row *rows;
	size_t n;
	json_t *list = json_array();

	if (cover_rows(scene, (struct wire_texts){ 0 }, arena, &rows, &n) != CS_OK)
		return list;
	for (size_t i = 0; i < n; i++) {
		const enum pki_cover cover =
		        pki_cert_covers(cert->leaf, cs_bytes_of(rows[i].host), NULL);
		if (cover != PKI_COVER_NONE)
			json_array_append_new(
			        list, json_pack("{s:o, s:o, s:s}", "host", json_show(rows[i].host),
			                      "node",
			                      rows[i].node != NULL ? json_string(rows[i].node->name)
			                                           : json_null(),
			                      "cover", pki_cover_name(cover)));
	}
	return list;
}

json_t *view_cert_details(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life, const struct wire_bundle *bundle,
        struct cs_arena *arena)
{
	const struct pki_cert *leaf = cert->leaf;
	json_t *doc = view_cert(scene, cert, life);
	json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:i, "
	                         "s:o, s:o, s:o, s:o, s:o}",
	        "sha256", json_hex((struct cs_bytes){ leaf->sha256, 32 }), "spki_sha256",
	        json_hex((struct cs_bytes){ leaf->spki_sha256, 32 }), "serial",
	        json_show(leaf->serial), "serial_decimal", decimal(leaf->serial), "signature",
	        leaf->signature, "subject_cn", json_show(leaf->subject_cn), "issuer_cn",
	        json_show(leaf->issuer_cn), "imported_at", json_time(life->imported_at),
	        "imported_by", life->imported_by, "activated_at", json_time(life->activated_at),
	        "retired_at", json_time(life->retired_at), "kdf_iterations",
	        (int)life->kdf_iterations, "covers", covers_json(scene, cert, arena), "chain",
	        view_chain(bundle->chain), "warnings", view_warnings(scene, cert, bundle->chain),
	        "pem", pem_of(&bundle->leaf, 1), "chain_pem",
	        pem_of(bundle->chain.v, bundle->chain.n));
	int rc = doc != NULL && more != NULL ? json_object_update(doc, more) : -1;
	if (rc == 0)
		rc = add_extras(doc, leaf);

	json_decref(more);
	if (rc == 0)
		return doc;
	json_decref(doc);
	return NULL;
}

json_t *view_ca_details(const struct mirror_object *object, int64_t now)
{
	const struct pki_cert *cert = object->leaf;
	json_t *doc = view_ca(object, now);
	const int rc =
	        doc == NULL
	                ? -1
	                : json_object_update_new(doc,
	                          json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:[], s:[], s:o}",
	                                  "sha256", json_hex((struct cs_bytes){ cert->sha256, 32 }),
	                                  "spki_sha256",
	                                  json_hex((struct cs_bytes){ cert->spki_sha256, 32 }),
	                                  "serial", json_show(cert->serial), "serial_decimal",
	                                  decimal(cert->serial), "signature", cert->signature,
	                                  "subject_cn", json_show(cert->subject_cn), "issuer_cn",
	                                  json_show(cert->issuer_cn), "chain", "covers", "pem",
	                                  pem_of(&cert->der, 1)));

	if (rc == 0 && add_extras(doc, cert) == 0)
		return doc;
	json_decref(doc);
	return NULL;
}
