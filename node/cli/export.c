/* certspan cert export, cert exports: public parts by the API, keys through the door. */
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "node/cli/choose.h"
#include "node/cli/doorway.h"
#include "node/cli/outfile.h"
#include "node/cli/view.h"
#include "proto/base/limits.h"
#include "store/pki/export.h"

#define PUBLIC_MAX (4u << 20)

struct wish {
	unsigned include;
	enum pki_format format;
	bool legacy, unencrypted;
};

static int take_wish(struct cli *cli, struct wish *out)
{
	static const char next[] = "certspan help cert export";
	const char *include = cli_value(cli, "include"), *format = cli_value(cli, "format"),
	           *compat = cli_value(cli, "compat");

	*out = (struct wish){ .unencrypted = cli_flag(cli, "unencrypted") };
	if (pki_with_of(include != NULL ? include : "certificate", &out->include) != CS_OK)
		return cli_fail(cli, CS_EUSAGE, next,
		        "--include takes certificate, key and chain, with commas");
	out->format = format != NULL ? pki_format_of(format)
	                             : pki_format_for(out->include, cli->operand_count);
	const char *objection = pki_format_objection(out->format, out->include, cli->operand_count);
	if (objection != NULL)
		return cli_fail(cli, CS_EUSAGE, next, "%s", objection);
	if (compat != NULL && strcmp(compat, "legacy") != 0)
		return cli_fail(cli, CS_EUSAGE, next, "--compat knows legacy");
	out->legacy = compat != NULL;
	if ((out->include & PKI_WITH_KEY) == 0 && (out->legacy || out->unencrypted))
		return cli_fail(cli, CS_EUSAGE, next,
		        "--compat and --unencrypted are about private keys; there is none here");
	if (out->unencrypted && (out->legacy || out->format == PKI_FORMAT_P12))
		return cli_fail(cli, CS_EUSAGE, next,
		        "--unencrypted goes with p8 and pem, and without --compat");
	return 0;
}

/* Where the file itself goes to standard output, there is no room for words on it. */
static bool streams(const struct cli *cli)
{
	return strcmp(cli_value(cli, "out"), "-") == 0;
}

static int report(struct cli *cli, json_t *doc, const struct wish *wish, int rc)
{
	const char *out = cli_value(cli, "out");

	if (streams(cli)) {
		json_decref(doc);
		return rc;
	}
	json_object_set_new(doc, "file", json_string(out));
	if (cli->output == CLI_JSON)
		return cli_print(cli, doc, rc);
	printf("%s   %s%s   %s   mode 0600\n", table_safe(out), pki_format_name(wish->format),
	        cli->dry_run ? " (dry run, not written)" : "", pki_with_text(wish->include));
	json_decref(doc);
	return rc;
}

static json_t *public_document(struct cli *cli, const struct wish *wish, int *rc)
{
	CS_AUTO(cs_buf_free) struct cs_buf ids = cs_buf_new(CLI_OPERANDS_MAX);
	json_t *doc = NULL;

	for (size_t i = 0; i < cli->operand_count; i++)
		if (cs_buf_printf(&ids, "%s%s", i > 0 ? "," : "", api_escape(cli->operands[i])) !=
		        CS_OK) {
			*rc = cli_fail(cli, CS_ETOOBIG, "export fewer at once",
			        "too many certificates for one file");
			return NULL;
		}
	*rc = api_get(cli, &doc, "/v1/export?ids=%s&include=%s&format=%s", cs_buf_text(&ids),
	        pki_with_text(wish->include), pki_format_name(wish->format));
	return doc;
}

static int export_public(struct cli *cli, const struct wish *wish)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(PUBLIC_MAX);
	int rc = 0;
	json_t *doc = public_document(cli, wish, &rc);

	if (doc == NULL)
		return rc;
	const char *text = text_at(doc, "bytes");
	const size_t n = strlen(text);
	if (cs_buf_reserve(&file, n + 1) != CS_OK ||
	        sodium_base642bin(file.p, n + 1, text, n, NULL, &file.n, NULL,
	                sodium_base64_VARIANT_ORIGINAL) != 0) {
		json_decref(doc);
		return cli_fail(
		        cli, CS_EMALFORMED, "certspan version", "the daemon answered no file");
	}
	json_object_del(doc, "bytes");
	if (!cli->dry_run)
		rc = outfile_write(cli, cs_buf_view(&file));
	if (rc == 0)
		return report(cli, doc, wish, 0);
	json_decref(doc);
	return rc;
}

static void warn(struct cli *cli, json_t *doc, const struct chosen *chosen)
{
	size_t i;
	json_t *warning;

	for (const char *p = chosen->secret.text; p != NULL && *p != '\0'; p++)
		if ((*p & 0x80) != 0) {
			json_t *list = json_object_get(doc, "warnings");
			json_array_append_new(list,
			        json_pack("{s:s, s:s}", "code", "non-ascii-passphrase", "text",
			                "the passphrase has letters beyond ASCII: Java's keytool "
			                "cannot open such a file"));
			break;
		}
	json_array_foreach(json_object_get(doc, "warnings"), i, warning)
	        fprintf(stderr, "warning: %s\n", table_safe(text_at(warning, "text")));
	if (int_at(doc, "exit") != 0)
		cli_say(cli, "certspan: %s\nnext: %s\n", table_safe(text_at(doc, "text")),
		        table_safe(text_at(doc, "next")));
}

static json_t *options_of(const struct cli *cli, const struct wish *wish)
{
	json_t *options = json_pack("{s:s, s:s, s:s}", "id", cli->operands[0], "include",
	        pki_with_text(wish->include), "format", pki_format_name(wish->format));

	if (wish->legacy)
		json_object_set_new(options, "legacy", json_true());
	if (wish->unencrypted)
		json_object_set_new(options, "unencrypted", json_true());
	return options;
}

static int export_with_key(struct cli *cli, const struct wish *wish, struct chosen *chosen)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_EXPORT_MAX);
	json_t *doc = NULL;

	int rc = doorway_ask(
	        cli, "export", options_of(cli, wish), &chosen->secret, NULL, &file, &doc);
	if (rc != 0)
		return rc;
	if (file.n > 0)
		rc = outfile_write(cli, cs_buf_view(&file));
	else if (!cli->dry_run)
		rc = cli_fail(cli, CS_EBUG, "look at the log of certspand", "no file came");
	if (rc != 0) {
		json_decref(doc);
		return rc;
	}
	warn(cli, doc, chosen);
	if (!cli->dry_run)
		choose_reveal(chosen, cli_value(cli, "out"));
	return report(cli, doc, wish, (int)int_at(doc, "exit"));
}

int cli_cert_export(struct cli *cli)
{
	struct chosen chosen = { .generated = false };
	struct wish wish;

	int rc = take_wish(cli, &wish);
	if (rc == 0)
		rc = outfile_check(cli, (wish.include & PKI_WITH_KEY) != 0);
	if (rc != 0)
		return rc;
	if ((wish.include & PKI_WITH_KEY) == 0)
		return export_public(cli, &wish);
	if (wish.unencrypted || choose_passphrase(cli, "", false, "the exported key", &chosen, &rc))
		rc = export_with_key(cli, &wish, &chosen);
	choose_end(&chosen, rc != 0 && rc != cs_err_exit(CS_EPENDING));
	return rc;
}

int cli_cert_exports(struct cli *cli)
{
	json_t *doc = NULL, *row;
	size_t i;
	const char *id = cli->operand_count > 0 ? cli->operands[0] : NULL;
	const int rc = id != NULL ? api_get(cli, &doc, "/v1/exports?cert=%s", api_escape(id))
	                          : api_get(cli, &doc, "/v1/exports");

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	CS_AUTO(table_free)
	struct table *table = table_new("AT|WHO|NODE|CERT|NAME|FORMAT|INCLUDED|PROTECTION|+RECORD",
	        cli->output == CLI_WIDE);
	json_array_foreach(json_object_get(doc, "exports"), i, row) table_row(table,
	        strcmp(text_at(row, "protection"), "none") == 0 ? TABLE_WARN : TABLE_PLAIN,
	        "%s|%s|%s|%s|%s|%s|%s|%s|%s", text_at(row, "at"), table_safe(text_at(row, "actor")),
	        table_safe(text_at(row, "node")), table_safe(text_at(row, "cert")),
	        table_safe(text_at(row, "name")), table_safe(text_at(row, "format")),
	        table_safe(text_at(row, "include")), table_safe(text_at(row, "protection")),
	        table_safe(text_at(row, "record")));
	table_print(table, stdout, cli_color(cli));
	if (i == 0)
		cli_say(cli, "no private key has left this cluster\n");
	json_decref(doc);
	return 0;
}
