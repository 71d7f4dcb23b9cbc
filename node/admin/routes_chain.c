/* node/admin/routes_chain.c: which issuers are served with a certificate (the guide's Automatic,
 * Current Chain and Manually Specified). */
#include <string.h>
#include <sodium.h>
#include "node/admin/routes.h"
#include "node/admin/views.h"

#define BASE64_MAX (4 * (size_t)CS_DER_MAX / 3 + 4)

const struct arg_field fields_chain_set[] = { { "mode", ARG_TEXT, 16 },
	{ "certificates", ARG_LIST, BASE64_MAX }, { NULL, 0, 0 } };

static enum cs_err judge(
        struct call *call, const struct pki_cert *leaf, struct wire_blobs issuers, struct path *out)
{
	struct chains_scope scope;

	enum cs_err rc = chains_open(call, &scope);
	if (rc == CS_OK)
		rc = chains_judge(&scope, leaf, issuers, call->arena, out);
	chains_close(&scope);
	return rc;
}

enum cs_err route_chain_warnings(
        struct call *call, const struct pki_cert *leaf, struct wire_blobs issuers, json_t *list)
{
	struct chains_scope scope;
	struct path path;

	enum cs_err rc = chains_open(call, &scope);
	if (rc == CS_OK)
		rc = chains_judge(&scope, leaf, issuers, call->arena, &path);
	if (rc == CS_OK)
		rc = chains_warn_all(&scope, list, leaf, issuers, &path, call->arena);
	chains_close(&scope);
	return rc;
}

/* --- show --- */

/* What is served, then the root that it leads to, when that was not among it. */
static json_t *members_json(struct wire_blobs issuers, const struct path *path)
{
	json_t *list = view_chain(issuers);

	if (!path->complete || path->count < 2 || list == NULL)
		return list;
	for (size_t i = 0; i < issuers.n; i++)
		if (cs_bytes_equal(issuers.v[i], path->certs[path->count - 1]))
			return list;
	json_t *root = view_chain((struct wire_blobs){ &path->certs[path->count - 1], 1 });
	json_array_extend(list, root);
	json_decref(root);
	return list;
}

static json_t *missing_json(const struct path *path)
{
	if (path->complete)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "issuer", json_show(path->missing), "url",
	        json_show(path->missing_url), "reason", json_show(path->reason));
}

static json_t *chain_document(const char *id, const struct wire_chain *choice,
        struct wire_blobs issuers, const struct path *path)
{
	return json_pack("{s:s, s:s, s:b, s:o, s:b, s:o, s:o, s:s}", "cert", id, "mode",
	        chain_mode_name(choice != NULL ? choice->mode : CHAIN_CURRENT), "chosen",
	        choice != NULL && choice->chosen, "at", json_time(choice != NULL ? choice->at : 0),
	        "complete", path->complete, "chain", members_json(issuers, path), "missing",
	        missing_json(path), "actor", choice != NULL ? choice->actor : "");
}

enum cs_err route_chain(struct call *call)
{
	const struct mirror_object *object;
	struct wire_blobs issuers;
	struct path path;

	CS_TRY(call_lock(call));
	CS_TRY(route_find_cert(call, call->name, &object));
	CS_TRY(chains_of(call->mirror, object->id, object->body, call->arena, &issuers));
	CS_TRY(judge(call, object->leaf, issuers, &path));
	json_t *doc =
	        chain_document(object->id, chains_choice(call->mirror, object->id), issuers, &path);
	if (doc != NULL)
		json_object_set_new(doc, "schema", json_string("certspan.chain/1"));
	return reply_with(&call->reply, doc);
}

/* --- set --- */

struct given {
	struct cs_arena *arena;
	struct cs_bytes v[CS_CHAIN_MAX];
	size_t n;
};

static enum cs_err give(struct given *self, const char *base64)
{
	uint8_t *der = cs_arena_take(self->arena, CS_DER_MAX);
	const char *end = NULL;
	size_t n = 0;

	if (self->n == CS_CHAIN_MAX)
		return CS_ETOOBIG;
	if (der == NULL)
		return CS_ENOMEM;
	if (sodium_base642bin(der, CS_DER_MAX, base64, strlen(base64), NULL, &n, &end,
	            sodium_base64_VARIANT_ORIGINAL) != 0 ||
	        *end != '\0')
		return CS_EMALFORMED;
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	CS_TRY(pki_cert_read((struct cs_bytes){ der, n }, &cert));
	self->v[self->n++] = (struct cs_bytes){ der, n };
	return CS_OK;
}

/* The leaf may be in the file too, as CAs deliver it; twice the same is once. */
static void tidy(struct given *self, const struct pki_cert *leaf)
{
	size_t n = 0;

	for (size_t i = 0; i < self->n; i++) {
		bool again = cs_bytes_equal(self->v[i], leaf->der);
		for (size_t k = 0; k < n; k++)
			again |= cs_bytes_equal(self->v[i], self->v[k]);
		if (!again)
			self->v[n++] = self->v[i];
	}
	self->n = n;
}

static enum cs_err read_given(struct call *call, const struct pki_cert *leaf, struct given *out)
{
	struct wire_texts list;
	enum cs_err rc = CS_OK;

	CS_TRY(arg_list(call->args, "certificates", call->arena, &list));
	for (size_t i = 0; i < list.n && rc == CS_OK; i++)
		rc = give(out, list.v[i]);
	if (rc == CS_ETOOBIG)
		return reply_fail(&call->reply, rc, "give the issuers of this certificate alone",
		        "a chain has at most %d certificates", CS_CHAIN_MAX);
	if (rc != CS_OK)
		return reply_fail(&call->reply, rc, "give the issuers as PEM",
		        "the chain cannot be read: %s", cs_err_text(rc));
	tidy(out, leaf);
	if (out->n == 0)
		return reply_fail(&call->reply, CS_EEMPTY, "give the issuers as PEM",
		        "no issuer's certificate is in it");
	return CS_OK;
}

static enum cs_err manual(struct call *call, const struct pki_cert *leaf, struct wire_chain *out)
{
	struct given given = { .arena = call->arena };
	struct path path;

	CS_TRY(read_given(call, leaf, &given));
	const enum cs_err rc = chains_arrange(
	        leaf, (struct wire_blobs){ given.v, given.n }, call->now, call->arena, &path);
	if (rc == CS_EMISMATCH)
		return reply_fail(&call->reply, rc, "certspan chain set ID --auto",
		        "of these %zu certificates only %zu lead up from this one%s%s", given.n,
		        path.count - 1, path.complete ? "" : ": ", path.reason);
	CS_TRY(rc);
	struct cs_bytes *v = cs_arena_take(call->arena, given.n * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	memcpy(v, path.certs + 1, given.n * sizeof(*v));
	*out = (struct wire_chain){ .mode = CHAIN_MANUAL, .issuers = { v, given.n } };
	return CS_OK;
}

static enum cs_err mode_of(struct call *call, uint32_t *out)
{
	const char *text = arg_text(call->args, "mode", "");

	for (*out = CHAIN_AUTOMATIC; *out <= CHAIN_MANUAL; ++*out)
		if (strcmp(text, chain_mode_name(*out)) == 0)
			return CS_OK;
	return reply_fail(&call->reply, CS_EUSAGE, "certspan chain set ID --auto",
	        "mode: automatic, current or manual is wanted");
}

static enum cs_err choose(struct call *call, const struct mirror_object *object, uint32_t mode,
        struct wire_chain *out)
{
	struct chains_scope scope;

	if (mode == CHAIN_MANUAL)
		return manual(call, object->leaf, out);
	enum cs_err rc = chains_open(call, &scope);
	if (rc == CS_OK)
		rc = chains_resolve(&scope, object->leaf, object->body, mode, call->arena, out);
	chains_close(&scope);
	return rc;
}

static enum cs_err answer(
        struct call *call, const struct mirror_object *object, const struct wire_chain *choice)
{
	struct wire_blobs issuers;
	struct path path;

	CS_TRY(chains_issuers(call->mirror, choice, object->body, call->arena, &issuers));
	CS_TRY(judge(call, object->leaf, issuers, &path));
	json_t *warnings = json_array();
	json_t *doc = json_pack("{s:o, s:o}", "chain",
	        chain_document(object->id, choice, issuers, &path), "warnings", warnings);
	CS_TRY(reply_with(&call->reply, doc));
	return chains_warn(warnings, object->leaf, &path);
}

static enum cs_err decide_chain(struct call *call, void *data, struct plan *plan)
{
	const struct mirror_object *object;
	struct wire_chain choice;
	uint32_t mode;

	(void)data;
	CS_TRY(mode_of(call, &mode));
	CS_TRY(route_find_cert(call, call->name, &object));
	CS_TRY(choose(call, object, mode, &choice));
	choice.chosen = true;
	choice.at = (uint64_t)call->now;
	choice.actor = call->actor;
	CS_TRY(answer(call, object, &choice));
	return plan_put(plan, OBJECT_CHAIN, object->id, &choice);
}

enum cs_err route_chain_set(struct call *call)
{
	return call_write(call, decide_chain, NULL);
}
