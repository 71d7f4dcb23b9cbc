#include "node/cli/against.h"
#include <string.h>
#include "node/cli/api.h"
#include "node/cli/file.h"
#include "node/cli/table.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/change.h"

/* The other certificate with its chain, as PEM or whatever the file has. */
static enum cs_err read_what(struct cli *cli, const char *what, struct cs_buf *out, int *exit_code)
{
	json_t *doc = NULL;
	const enum cs_err rc = file_read(what, out);

	if (rc != CS_ENOTFOUND) {
		if (rc != CS_OK)
			*exit_code = cli_fail(cli, rc, "--against ID or FILE", "%s: %s",
			        table_safe(what), cs_err_text(rc));
		return rc;
	}
	*exit_code = api_get(cli, &doc, "/v1/certs/%s", api_escape(what));
	if (*exit_code != 0)
		return CS_ENOTFOUND;
	const json_t *cert = json_object_get(doc, "cert");
	const enum cs_err added =
	        cs_buf_printf(out, "%s%s", text_at(cert, "pem"), text_at(cert, "chain_pem"));
	json_decref(doc);
	return added;
}

/* The pair of an intake's leaf, NULL when it has only CA certificates. */
static const struct intake_pair *pair_of(const struct intake *in)
{
	const struct intake_pair *pairs = NULL;

	return intake_pairs(in, &pairs) > 0 ? &pairs[0] : NULL;
}

static json_t *lost_json(const struct pki_cert *from, const struct pki_cert *to)
{
	const char *lost[64];
	const size_t n = pki_change_lost(from, to, lost, CS_COUNT(lost));
	json_t *list = json_array();

	for (size_t i = 0; i < n && i < CS_COUNT(lost); i++)
		json_array_append_new(list, json_string(lost[i]));
	return list;
}

static const char *verdict(const struct intake_pair *old, const struct intake_pair *new)
{
	const enum pki_change change = pki_change_of_chains(
	        old->leaf, old->chain, old->chain_count, new->leaf, new->chain, new->chain_count);
	const bool other = change != PKI_CHANGE_SAME && change != PKI_CHANGE_INTERMEDIATE;

	if (other && pki_change_overlap(old->leaf, new->leaf) == 0)
		return "additional"; /* no name in common: it replaces nothing */
	return pki_change_name(change);
}

static json_t *compare(const struct intake_pair *old, const struct intake_pair *new)
{
	char key[80], sha256[65];
	const struct pki_cert *a = old->leaf, *b = new->leaf;

	cs_hex(a->sha256, 32, sha256);
	pki_change_key_text(a, b, key, sizeof(key));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:b}", "against", sha256, "verdict",
	        verdict(old, new), "names_lost", lost_json(a, b), "names_gained", lost_json(b, a),
	        "key_change", key[0] != '\0' ? json_string(key) : json_null(), "other_issuer",
	        !cs_bytes_equal(a->issuer_der, b->issuer_der), "twin",
	        pki_change_overlap(a, b) > 0 && !pki_change_key_family(a, b));
}

json_t *against_json(struct cli *cli, const struct intake *in, const char *what,
        const char *passphrase, int *exit_code)
{
	CS_AUTO(cs_buf_free) struct cs_buf bytes = cs_buf_new(CS_UPLOAD_FILE_MAX);
	CS_AUTO(intake_free) struct intake *other = NULL;
	const char *reason = "";

	if (read_what(cli, what, &bytes, exit_code) != CS_OK)
		return NULL;
	enum cs_err rc = intake_new(&other);
	if (rc == CS_OK)
		rc = intake_add(other, what, cs_buf_view(&bytes), passphrase);
	if (rc == CS_OK) {
		rc = intake_finish(other, &reason);
		rc = rc == CS_ENOKEY ? CS_OK : rc;
	}
	const struct intake_pair *old = rc == CS_OK ? pair_of(other) : NULL, *new = pair_of(in);
	if (old != NULL && new != NULL)
		return compare(old, new);
	*exit_code = cli_fail(cli, rc != CS_OK ? rc : CS_EEMPTY,
	        "give a server's certificate on both sides", "%s: %s", table_safe(what),
	        reason[0] != '\0' ? reason : "no server certificate to compare with");
	return NULL;
}

static void print_names(const char *label, const json_t *list)
{
	size_t i;
	json_t *name;

	json_array_foreach(list, i, name)
	        printf("%-8s %s\n", i == 0 ? label : "", table_safe(json_string_value(name)));
}

void against_print(const json_t *against)
{
	const char *key = text_at(against, "key_change");

	printf("change   %s%s beside %.16s\n", text_at(against, "verdict"),
	        true_at(against, "twin") ? " (twin: another key type; both may serve)" : "",
	        text_at(against, "against"));
	print_names("lost", json_object_get(against, "names_lost"));
	print_names("gained", json_object_get(against, "names_gained"));
	if (key[0] != '\0')
		printf("key      %s\n", key);
	if (true_at(against, "other_issuer"))
		printf("issuer   another CA\n");
}
