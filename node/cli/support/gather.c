#include "node/cli/support/gather.h"
#include <stdlib.h>
#include <string.h>
#include "store/pki/export.h"

static void failed(struct gather *self, enum cs_err err)
{
	if (self->err == CS_OK)
		self->err = err;
}

void gather_bytes(struct gather *self, const char *name, struct cs_bytes bytes)
{
	const enum cs_err rc = archive_add(self->archive, name, bytes);

	if (rc != CS_OK && rc != CS_EEXISTS)
		failed(self, rc);
}

void gather_json(struct gather *self, const char *name, json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));

	json_decref(json);
	if (text == NULL)
		failed(self, CS_ENOMEM);
	else
		gather_bytes(self, name, cs_bytes_of(text));
	free(text);
}

void gather_missing(struct gather *self, const char *what, const char *why)
{
	json_array_append_new(self->missing, json_pack("{s:s, s:s}", "what", what, "why", why));
}

void gather_cert(struct gather *self, const char *id, struct cs_bytes leaf,
        const struct cs_bytes *chain, size_t chain_count)
{
	CS_AUTO(cs_buf_free) struct cs_buf p7b = cs_buf_new(ARCHIVE_BYTES_MAX);
	const struct pki_export_item item = { leaf, chain, chain_count };
	const struct pki_export what = { .format = PKI_FORMAT_P7B,
		.include = PKI_WITH_CERTIFICATE | PKI_WITH_CHAIN,
		.items = &item,
		.count = 1 };
	char name[128];

	snprintf(name, sizeof(name), "certs/%.64s.cer", id);
	gather_bytes(self, name, leaf);
	snprintf(name, sizeof(name), "certs/%.64s.p7b", id);
	if (pki_export(&what, &p7b) == CS_OK)
		gather_bytes(self, name, cs_buf_view(&p7b));
	else
		gather_missing(self, name, "the chain cannot be read");
}
