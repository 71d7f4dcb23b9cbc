/* node/admin/routes_export.c: public exports, the records of what left, how keys are kept. */
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "node/admin/custody.h"
#include "node/admin/routes.h"
#include "store/pki/export.h"

#define FILE_MAX (4u << 20)
#define CERTS_MAX 256

const struct arg_field fields_export_public[] = { { "ids", ARG_LIST, CS_FRIENDLY_MAX },
	{ "include", ARG_TEXT, 64 }, { "format", ARG_TEXT, 16 }, { NULL, 0, 0 } };
const struct arg_field fields_exports[] = { { "cert", ARG_TEXT, CS_FRIENDLY_MAX }, { NULL, 0, 0 } };

static enum cs_err wish(struct call *call, size_t count, struct pki_export *out)
{
	const char *format = arg_text(call->args, "format", NULL);

	if (pki_with_of(arg_text(call->args, "include", "certificate"), &out->include) != CS_OK ||
	        (out->include & PKI_WITH_KEY) != 0)
		return reply_fail(&call->reply, CS_EUSAGE, "certspan help cert export",
		        "include: certificate and chain are known here; a key leaves through the "
		        "door");
	out->format = format != NULL ? pki_format_of(format) : pki_format_for(out->include, count);
	const char *objection = pki_format_objection(out->format, out->include, count);
	if (objection == NULL && (count == 0 || count > CERTS_MAX))
		objection = "ids: 1 to 256 certificates are wanted";
	return objection == NULL ? CS_OK
	                         : reply_fail(&call->reply, CS_EUSAGE, "certspan help cert export",
	                                   "%s", objection);
}

static enum cs_err items_of(
        struct call *call, struct wire_texts ids, struct pki_export *out, json_t *certs)
{
	struct pki_export_item *items = cs_arena_take(call->arena, (ids.n + 1) * sizeof(*items));

	if (items == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < ids.n; i++) {
		const struct mirror_object *found;
		CS_TRY(route_find_cert(call, ids.v[i], &found));
		const struct wire_bundle *bundle = found->body;
		items[i] =
		        (struct pki_export_item){ bundle->leaf, bundle->chain.v, bundle->chain.n };
		json_array_append_new(certs, json_string(found->id));
	}
	out->items = items;
	out->count = ids.n;
	return CS_OK;
}

static enum cs_err answer_file(
        struct call *call, const struct pki_export *what, const struct cs_buf *file, json_t *certs)
{
	const size_t n = sodium_base64_encoded_len(file->n, sodium_base64_VARIANT_ORIGINAL);
	char *text = cs_arena_take(call->arena, n);

	if (text == NULL)
		return CS_ENOMEM;
	sodium_bin2base64(text, n, file->p, file->n, sodium_base64_VARIANT_ORIGINAL);
	return reply_with(
	        &call->reply, json_pack("{s:s, s:s, s:s, s:O, s:s}", "schema", "certspan.export/1",
	                              "format", pki_format_name(what->format), "include",
	                              pki_with_text(what->include), "certs", certs, "bytes", text));
}

static enum cs_err export_public(struct call *call, json_t *certs)
{
	CS_AUTO(cs_buf_free) struct cs_buf file = cs_buf_new(FILE_MAX);
	struct pki_export what = { .name = "" };
	struct wire_texts ids;

	CS_TRY(arg_list(call->args, "ids", call->arena, &ids));
	CS_TRY(wish(call, ids.n, &what));
	CS_TRY(call_lock(call));
	CS_TRY(items_of(call, ids, &what, certs));
	const enum cs_err rc = pki_export(&what, &file);
	if (rc == CS_EEMPTY)
		return reply_fail(&call->reply, rc, "certspan cert show ID",
		        "nothing to export: no chain is stored with it");
	if (rc != CS_OK)
		return reply_fail(&call->reply, rc, "export fewer at once",
		        "the file cannot be made: %s", cs_err_text(rc));
	return answer_file(call, &what, &file, certs);
}

enum cs_err route_export(struct call *call)
{
	json_t *certs = json_array();
	const enum cs_err rc = export_public(call, certs);

	json_decref(certs);
	return rc;
}

static int newest_first(const void *a, const void *b)
{
	const struct wire_export *x = (*(const struct mirror_object *const *)a)->body;
	const struct wire_export *y = (*(const struct mirror_object *const *)b)->body;

	return x->at < y->at ? 1 : x->at > y->at ? -1 : 0;
}

static json_t *record_json(const struct mirror_object *o)
{
	const struct wire_export *r = o->body;

	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:s, s:s, s:s}", "record", o->id, "at",
	        json_time(r->at), "actor", r->actor, "node", r->node, "cert",
	        json_text_or_null(r->bundle), "name", json_show(r->name), "format", r->format,
	        "include", r->include, "protection", r->protection);
}

/* Of a certificate that is gone too: CERT is then its whole id. */
static const char *cert_wanted(struct call *call, const char *text)
{
	const struct mirror_object *found;

	if (text == NULL || mirror_find_cert(call->mirror, text, &found) != CS_OK)
		return text;
	return found->id;
}

enum cs_err route_exports(struct call *call)
{
	size_t n;

	CS_TRY(call_lock(call));
	const char *cert = cert_wanted(call, arg_text(call->args, "cert", NULL));
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_EXPORT, &n);
	const struct mirror_object **sorted =
	        cs_arena_take(call->arena, (n + 1) * sizeof(const struct mirror_object *));
	if (sorted == NULL)
		return CS_ENOMEM;
	if (n > 0)
		memcpy(sorted, all, n * sizeof(const struct mirror_object *));
	qsort(sorted, n, sizeof(const struct mirror_object *), newest_first);
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		if (cert == NULL ||
		        strcmp(((const struct wire_export *)sorted[i]->body)->bundle, cert) == 0)
			json_array_append_new(list, record_json(sorted[i]));
	return reply_with(&call->reply,
	        json_pack("{s:s, s:o}", "schema", "certspan.exports/1", "exports", list));
}

enum cs_err route_key(struct call *call)
{
	static const struct wire_keyd_state none = { .unlocked = false };

	CS_TRY(call_facts(call));
	CS_TRY(call_lock(call));
	const struct wire_keyd_state *keyd = call->facts->keyd;
	const bool known = keyd != NULL;
	if (!known)
		keyd = &none;
	const struct wire_recovery *last = custody_verified(call->mirror, 0);
	json_t *recovery =
	        last == NULL ? json_null()
	                     : json_pack("{s:o, s:s, s:i}", "verified_at", json_time(last->at),
	                               "by", last->actor, "epoch", (int)last->epoch);
	return reply_with(&call->reply,
	        json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:o, s:b}", "schema",
	                "certspan.key/1", "node", admin_node(call->admin), "running", known,
	                "unlocked", keyd->unlocked, "secret_epoch", (json_int_t)keyd->secret_epoch,
	                "cached", (json_int_t)keyd->cached, "signatures",
	                (json_int_t)keyd->signatures, "refused", (json_int_t)keyd->refused,
	                "recovery", recovery, "recovery_verified",
	                custody_verified(call->mirror, keyd->secret_epoch) != NULL));
}
