/* certspan cert inspect: what import would say of some files, offline (design section 7). */
#include <string.h>
#include "node/cli/against.h"
#include "node/cli/api.h"
#include "node/cli/file.h"
#include "node/cli/files.h"
#include "node/cli/trust.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "store/pki/intake.h"
#include "store/pki/warnings.h"

static json_t *time_json(int64_t at)
{
	char text[32];

	return json_string(cs_time_text(at, text, sizeof(text)));
}

/* Certificates hold any bytes; JSON holds UTF-8. */
static json_t *text_json(const char *text)
{
	char shown[CS_TEXT_MAX];
	json_t *json = json_string(text);

	if (json != NULL)
		return json;
	cs_show(text, shown, sizeof(shown));
	for (char *c = shown; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(shown);
}

static json_t *certificate_json(const struct pki_cert *c)
{
	char sha256[65];
	json_t *names = json_array();

	for (size_t i = 0; i < c->dns_count; i++)
		json_array_append_new(names, text_json(c->dns[i]));
	cs_hex(c->sha256, sizeof(c->sha256), sha256);
	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:b}", "sha256", sha256, "subject",
	        text_json(c->subject), "issuer", text_json(c->issuer), "serial", c->serial,
	        "not_before", time_json(c->not_before), "not_after", time_json(c->not_after),
	        "dns_names", names, "is_ca", c->is_ca);
}

static void add_certificate(json_t *list, const struct pki_cert *cert)
{
	size_t i;
	json_t *other, *own = certificate_json(cert);

	json_array_foreach(list, i, other)
	{
		if (json_equal(json_object_get(other, "sha256"), json_object_get(own, "sha256")) ==
		        0)
			continue;
		json_decref(own);
		return;
	}
	json_array_append_new(list, own);
}

static void add_der(json_t *list, struct cs_bytes der)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;

	if (pki_cert_read(der, &cert) == CS_OK)
		add_certificate(list, cert);
}

static void add_warning(json_t *list, const char *code, const char *text)
{
	json_array_append_new(list, json_pack("{s:s, s:s}", "code", code, "text", text));
}

static void add_leaf_warning(json_t *list, const struct pki_warning *w)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s}", "code", w->code, "severity",
	                                    w->info ? "info" : "warning", "text",
	                                    text_json(w->text), "next", w->remedy));
}

static void leaf_warnings(json_t *list, const struct intake *in, const struct intake_pair *pair)
{
	struct pki_warning warnings[PKI_WARNINGS_MAX];
	const int64_t now = cs_clock_wall_s();
	const struct pki_surroundings around = { .trust = trust_of_pair(in, pair, now, NULL) };
	const size_t n = pki_warnings_among(pair->leaf, pair->chain, pair->chain_count, now,
	        &around, warnings, PKI_WARNINGS_MAX);

	for (size_t i = 0; i < n; i++)
		add_leaf_warning(list, &warnings[i]);
	if (pair->pkcs8.n == 0)
		add_warning(list, "no-key",
		        "no private key came with this certificate; it cannot be served");
}

static json_t *document(const struct intake *in)
{
	const struct intake_pair *pairs = NULL;
	const struct cs_bytes *cas = NULL;
	const struct intake_finding *findings = NULL;
	const size_t pair_count = intake_pairs(in, &pairs), ca_count = intake_cas(in, &cas),
	             n = intake_findings(in, &findings);
	json_t *certificates = json_array(), *warnings = json_array(), *found = json_array();
	char leaf[65] = "";
	bool has_key = false;

	for (size_t i = 0; i < pair_count; i++) {
		add_certificate(certificates, pairs[i].leaf);
		for (size_t k = 0; k < pairs[i].chain_count; k++)
			add_der(certificates, pairs[i].chain[k]);
		leaf_warnings(warnings, in, &pairs[i]);
		has_key = has_key || pairs[i].pkcs8.n > 0;
	}
	const struct pki_cert *subject = intake_leaf(in);
	if (subject != NULL)
		cs_hex(subject->sha256, 32, leaf);
	for (size_t i = 0; i < ca_count; i++)
		add_der(certificates, cas[i]);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(found,
		        json_pack("{s:o, s:s, s:s, s:o}", "file", text_json(findings[i].file),
		                "what", findings[i].what, "error",
		                findings[i].err == CS_OK ? "" : cli_code(findings[i].err), "reason",
		                text_json(findings[i].reason)));
	if (pair_count == 0 && json_array_size(certificates) > 0)
		add_warning(
		        warnings, "no-key", "CA certificates alone: nothing that could be served");
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "schema", "certspan.inspect/1",
	        "leaf_sha256", leaf, "has_key", has_key, "certificates", certificates, "warnings",
	        warnings, "findings", found);
}

static void print_text(const json_t *doc)
{
	size_t i, k;
	json_t *c, *name;

	json_array_foreach(json_object_get(doc, "certificates"), i, c)
	{
		printf("%s%s\n  issuer   %s\n  valid    %s .. %s\n  serial   %s\n  sha256   %s\n",
		        json_is_true(json_object_get(c, "is_ca")) ? "CA  " : "leaf  ",
		        text_at(c, "subject"), text_at(c, "issuer"), text_at(c, "not_before"),
		        text_at(c, "not_after"), text_at(c, "serial"), text_at(c, "sha256"));
		json_array_foreach(json_object_get(c, "dns_names"), k, name) printf(
		        "  %s%s", k == 0 ? "names    " : "         ", json_string_value(name)),
		        putchar('\n');
	}
	printf("key      %s\n",
	        json_is_true(json_object_get(doc, "has_key")) ? "there, and it matches" : "none");
	json_array_foreach(json_object_get(doc, "warnings"), i, c)
	        printf("warning  %s: %s\n", text_at(c, "code"), text_at(c, "text"));
}

/* Certificates alone are no error of an inspection. */
static bool usable(enum cs_err rc, const struct intake *in)
{
	const struct intake_pair *pairs = NULL;
	const struct cs_bytes *cas = NULL;

	return rc == CS_OK ||
	       (rc == CS_ENOKEY && (intake_pairs(in, &pairs) > 0 || intake_cas(in, &cas) > 0));
}

static const char *advice(enum cs_err err)
{
	static const struct {
		enum cs_err err;
		const char *next;
	} table[] = {
		{ CS_EPASSPHRASE, "give the passphrase that the file was exported with: "
		                  "--passphrase-file F" },
		{ CS_ENOPASSPHRASE, "give the passphrase: --passphrase-file F" },
		{ CS_ENOMAC, "export it again with a MAC: nothing would notice a changed byte" },
		{ CS_EITERATIONS,
		        "export it again with fewer rounds, as `openssl pkcs12 -export` does" },
		{ CS_ETRAILING, "fetch the file again: something was added to it" },
		{ CS_EMALFORMED, "fetch or export the file again" },
		{ CS_EMISMATCH, "give the key that belongs to the certificate" },
	};

	for (size_t i = 0; i < CS_COUNT(table); i++)
		if (table[i].err == err)
			return table[i].next;
	return "check that these are the right files";
}

static int answer(struct cli *cli, const struct intake *in, enum cs_err rc, const char *reason,
        const char *passphrase)
{
	const char *what = cli_value(cli, "against");
	int exit_code = 0;

	if (!usable(rc, in))
		return cli_fail(cli, rc, advice(rc), "%s",
		        reason != NULL && reason[0] != '\0' ? reason : cs_err_text(rc));
	json_t *against = what != NULL ? against_json(cli, in, what, passphrase, &exit_code) : NULL;
	if (what != NULL && against == NULL)
		return exit_code;
	json_t *doc = document(in);
	if (against != NULL)
		json_object_set_new(doc, "change", against);
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, 0);
	print_text(doc);
	if (against != NULL)
		against_print(against);
	json_decref(doc);
	return 0;
}

int cli_cert_inspect(struct cli *cli)
{
	CS_AUTO(cli_files_free) struct cli_files files = { .count = 0 };
	CS_AUTO(passphrase_free) struct passphrase secret = { NULL, 0 };
	CS_AUTO(intake_free) struct intake *in = NULL;
	const char *reason = NULL;
	int exit_code = 0;

	if (!cli_files_read(cli, &files, &exit_code) ||
	        !passphrase_read(cli, cli_files_may_need_passphrase(&files), cli->operands[0],
	                &secret, &exit_code))
		return exit_code;
	enum cs_err rc = intake_new(&in);
	for (size_t i = 0; i < files.count && rc == CS_OK; i++)
		rc = intake_add(in, files.names[i], cs_buf_view(&files.files[i]), secret.text);
	if (rc != CS_OK)
		return cli_fail(cli, rc, NULL, "%s", cs_err_text(rc));
	rc = intake_finish(in, &reason); /* before the call: it sets the reason */
	return answer(cli, in, rc, reason, secret.text);
}
