/* certspan chain set|show: which issuers are served with a certificate. */
#include <string.h>
#include <openssl/evp.h>
#include "node/cli/api.h"
#include "node/cli/file.h"
#include "node/cli/table.h"
#include "proto/base/limits.h"
#include "store/pki/pem_list.h"

static enum cs_err add_base64(void *data, struct cs_bytes der)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(2 * CS_UPLOAD_FILE_MAX);

	CS_TRY(cs_buf_reserve(&text, der.n / 3 * 4 + 5));
	text.n = (size_t)EVP_EncodeBlock(text.p, der.p, (int)der.n);
	return json_array_append_new(data, json_string(cs_buf_text(&text))) == 0 ? CS_OK
	                                                                         : CS_ENOMEM;
}

static int read_pem(struct cli *cli, const char *path, json_t *fields)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(CS_UPLOAD_FILE_MAX);
	json_t *list = json_array();

	json_object_set_new(fields, "certificates", list);
	enum cs_err rc = file_read(path, &file);
	if (rc == CS_OK)
		rc = pem_list(cs_buf_view(&file), add_base64, list);
	if (rc == CS_OK && json_array_size(list) == 0)
		rc = CS_EEMPTY;
	if (rc == CS_OK)
		return 0;
	return cli_fail(cli, rc,
	        rc == CS_ENOTFOUND ? "check the path" : "give the issuers' certificates as PEM",
	        "%.300s: %s", path,
	        rc == CS_ENOTFOUND  ? "no such file"
	        : rc == CS_EREFUSED ? "a private key is in it; it was not sent"
	        : rc == CS_EEMPTY   ? "no certificate is in it"
	                            : cs_err_text(rc));
}

int cli_chain_set(struct cli *cli)
{
	const char *file = cli_value(cli, "file");
	const bool automatic = cli_flag(cli, "auto"), current = cli_flag(cli, "current");
	char path[4096];
	json_t *doc = NULL;

	if (automatic + current + (file != NULL) != 1)
		return cli_fail(cli, CS_EUSAGE, "certspan chain set ID --auto",
		        "one of --auto, --current and --file PEM is wanted");
	const char *mode = automatic ? "automatic" : current ? "current" : "manual";
	json_t *fields = json_pack("{s:s}", "mode", mode);
	int rc = file != NULL ? read_pem(cli, file, fields) : 0;
	if (rc != 0) {
		json_decref(fields);
		return rc;
	}
	snprintf(path, sizeof(path), "/v1/certs/%s/chain", api_escape(cli->operands[0]));
	rc = api_write(cli, "PUT", path, fields, &doc);
	return doc == NULL ? rc
	                   : api_outcome(cli, doc, "chain of %s: %s", table_safe(cli->operands[0]),
	                             mode);
}

static const char *role_of(const json_t *member)
{
	return true_at(member, "self_signed") ? "root" : "issuer";
}

static void print_chain(const json_t *doc)
{
	const json_t *missing = json_object_get(doc, "missing");
	size_t i;
	json_t *item;

	printf("cert      %s\nmode      %s%s\ncomplete  %s\n", table_safe(text_at(doc, "cert")),
	        table_safe(text_at(doc, "mode")), true_at(doc, "chosen") ? "" : " (by default)",
	        true_at(doc, "complete") ? "yes" : "no");
	json_array_foreach(json_object_get(doc, "chain"), i, item)
	        printf("%-9s %s%s\n          until %s\n", role_of(item),
	                table_safe(text_at(item, "subject")),
	                true_at(item, "self_signed") ? "  (not served: clients have it)" : "",
	                table_safe(text_at(item, "not_after")));
	if (i == 0)
		printf("issuers   none\n");
	if (!json_is_object(missing))
		return;
	printf("missing   %s\n          %s\n", table_safe(text_at(missing, "issuer")),
	        table_safe(text_at(missing, "reason")));
	if (text_at(missing, "url")[0] != '\0')
		printf("fetch     %s\n", table_safe(text_at(missing, "url")));
}

int cli_chain_show(struct cli *cli)
{
	json_t *doc = NULL;
	const int rc = api_get(cli, &doc, "/v1/certs/%s/chain", api_escape(cli->operands[0]));

	if (rc != 0 || cli->output == CLI_JSON)
		return rc != 0 ? rc : cli_print(cli, doc, 0);
	print_chain(doc);
	json_decref(doc);
	return 0;
}
