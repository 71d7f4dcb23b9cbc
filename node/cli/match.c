/* certspan coverage match: whether one certificate file covers names; offline (design section 7).
 */
#include <string.h>
#include <openssl/pem.h>
#include "node/cli/file.h"
#include "node/cli/table.h"
#include "proto/base/limits.h"
#include "store/pki/names.h"

/* The first certificate of PEM text; DER passes as it is. */
static enum cs_err to_der(const struct cs_buf *file, struct cs_buf *der)
{
	char *name = NULL, *header = NULL;
	unsigned char *bytes = NULL;
	long n = 0;
	enum cs_err rc = CS_EMALFORMED;

	if (file->n > 0 && file->p[0] == 0x30)
		return cs_buf_add(der, file->p, file->n);
	BIO *bio = BIO_new_mem_buf(file->p, (int)file->n);
	while (bio != NULL && rc != CS_OK && PEM_read_bio(bio, &name, &header, &bytes, &n) == 1) {
		if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
			rc = cs_buf_add(der, bytes, (size_t)n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(bytes, (size_t)n);
	}
	BIO_free(bio);
	return rc;
}

/* A certificate whose names cannot be trusted (a SAN that does not decode, a NUL in a name): it
 * vouches for nothing. */
static bool certificate_at_least(struct cs_bytes der)
{
	const unsigned char *p = der.p;
	X509 *x509 = d2i_X509(NULL, &p, (long)der.n);
	const bool whole = x509 != NULL && p == der.p + der.n;

	X509_free(x509);
	return whole;
}

/* *OUT stays NULL for a certificate that vouches for nothing. */
static enum cs_err read_certificate(const char *path, struct pki_cert **out)
{
	CS_AUTO(cs_buf_free)
	struct cs_buf file = cs_buf_new(CS_UPLOAD_FILE_MAX), der = cs_buf_new(CS_UPLOAD_FILE_MAX);

	CS_TRY(file_read(path, &file));
	if (file.n == 0)
		return CS_EEMPTY;
	CS_TRY(to_der(&file, &der));
	const enum cs_err rc = pki_cert_read(cs_buf_view(&der), out);
	return rc == CS_EMALFORMED && certificate_at_least(cs_buf_view(&der)) ? CS_OK : rc;
}

/* A host as given may be no UTF-8: then each odd byte stands as U+FFFD. */
static json_t *host_json(const char *host)
{
	json_t *json = json_string(host);
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(4 * CS_TEXT_MAX * CLI_OPERANDS_MAX);

	if (json != NULL)
		return json;
	for (const char *c = host; *c != '\0'; c++)
		if (cs_buf_add(&out, (unsigned char)*c < 0x80 ? c : "\xef\xbf\xbd",
		            (unsigned char)*c < 0x80 ? 1 : 3) != CS_OK)
			break;
	return json_string(cs_buf_text(&out));
}

static int print_matches(struct cli *cli, const struct pki_cert *cert)
{
	json_t *matches = json_array();
	CS_AUTO(table_free) struct table *table = table_new("HOST|COVERED|BY", false);
	size_t missed = 0;

	if (cert == NULL)
		cli_say(cli,
		        "warning: the certificate's names are malformed; it vouches for none\n");
	for (size_t i = 0; i < cli->operand_count; i++) {
		const char *host = cli->operands[i], *by = NULL;
		const enum pki_cover cover = cert != NULL
		                                     ? pki_cert_covers(cert, cs_bytes_of(host), &by)
		                                     : PKI_COVER_NONE;
		missed += cover == PKI_COVER_NONE;
		json_array_append_new(
		        matches, json_pack("{s:o, s:b, s:o, s:s}", "host", host_json(host),
		                         "covered", cover != PKI_COVER_NONE, "by",
		                         host_json(cover == PKI_COVER_NONE || by == NULL ? "" : by),
		                         "cover", pki_cover_name(cover)));
		table_row(table, cover == PKI_COVER_NONE ? TABLE_BAD : TABLE_GOOD, "%s|%s|%s",
		        table_safe(host), pki_cover_name(cover),
		        cover == PKI_COVER_NONE ? "-" : table_safe(by));
	}
	const int exit_code = missed > 0 && cli_flag(cli, "exit-code") ? 1 : 0;
	if (cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:o}", "schema", "certspan.match/1", "matches", matches),
		        exit_code);
	table_print(table, stdout, cli_color(cli));
	json_decref(matches);
	return exit_code;
}

int cli_coverage_match(struct cli *cli)
{
	const char *path = cli_value(cli, "cert");
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	if (path == NULL)
		return cli_fail(cli, CS_EUSAGE, "certspan coverage match --cert FILE -- HOST...",
		        "--cert FILE is missing");
	const enum cs_err rc = read_certificate(path, &cert);
	if (rc == CS_OK)
		return print_matches(cli, cert);
	return cli_fail(cli, rc,
	        rc == CS_ENOTFOUND ? "check the path" : "give one certificate as PEM or DER",
	        "%.300s: %s", path, rc == CS_ENOTFOUND ? "no such file" : cs_err_text(rc));
}
