/* node/admin/routes_requests.c: certificate requests: list, show, create, cancel. Installing the
 * reply is an import. */
#include <string.h>
#include <strings.h>
#include "node/admin/draft.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"

#define SERVER_TYPE "Apache / ModSSL" /* what to tell a CA that asks: the guide */

const struct arg_field fields_request_create[] = { DRAFT_ARGS, { NULL, 0, 0 } };

static bool hex(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

enum cs_err route_find_request(
        struct call *call, const char *text, const struct mirror_object **out)
{
	const size_t len = strlen(text);
	const bool prefix = len >= 4 && hex(text);
	size_t n, found = 0;
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_REQUEST, &n);

	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct wire_request *request = all[i]->body;
		if (!(prefix && strncasecmp(all[i]->id, text, len) == 0) &&
		        strcmp(request->name, text) != 0)
			continue;
		*out = all[i];
		found++;
	}
	if (found == 0)
		return reply_fail(&call->reply, CS_ENOTFOUND, "certspan csr list",
		        "no open request has the fingerprint or name %s", text);
	if (found > 1)
		return reply_fail(&call->reply, CS_EUSAGE, "certspan csr list",
		        "several requests fit %s; give more of the fingerprint", text);
	return CS_OK;
}

static json_t *texts(const char *const *v, size_t n)
{
	return view_texts((struct wire_texts){ v, n });
}

/* REQUEST; PEM too. */
static json_t *view_request(const char *id, const struct wire_request *request, bool pem)
{
	CS_AUTO(pki_csr_free) struct pki_csr csr = { .subject = "" };
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(4 * CS_DER_MAX);

	if (pki_csr_read(request->csr, &csr) != CS_OK)
		csr = (struct pki_csr){ .arena = csr.arena, .subject = "?" };
	json_t *doc = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:s}",
	        "id", id, "fingerprint", csr.fingerprint, "name", json_show(request->name),
	        "subject", json_show(csr.subject), "dns_names", texts(csr.dns, csr.dns_count),
	        "ip_addresses", texts(csr.ip_text, csr.ip_count), "key", pki_key_name(csr.key),
	        "key_bits", (int)csr.key_bits, "same_key", json_text_or_null(request->same_key),
	        "created_at", json_time(request->created_at), "created_by",
	        json_text_or_null(request->created_by), "server_type", SERVER_TYPE);
	if (doc != NULL && pem && pki_csr_pem(request->csr, &text) == CS_OK)
		json_object_set_new(doc, "pem", json_string(cs_buf_text(&text)));
	return doc;
}

enum cs_err route_requests(struct call *call)
{
	json_t *list = json_array();
	size_t n;

	const enum cs_err rc = call_lock(call);
	if (rc != CS_OK) {
		json_decref(list);
		return rc;
	}
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_REQUEST, &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, view_request(all[i]->id, all[i]->body, false));
	return reply_with(&call->reply,
	        json_pack("{s:s, s:o}", "schema", "certspan.requests/1", "requests", list));
}

enum cs_err route_request(struct call *call)
{
	const struct mirror_object *found;

	CS_TRY(call_lock(call));
	CS_TRY(route_find_request(call, call->name, &found));
	return reply_with(
	        &call->reply, json_pack("{s:s, s:o}", "schema", "certspan.request/1", "request",
	                              view_request(found->id, found->body, true)));
}

/* What the decision needs; MINTED is NULL for a dry run. */
struct creation {
	const struct draft *draft;
	const struct wire_minted *minted;
};

static enum cs_err answer(struct call *call, const struct creation *creation, json_t *request)
{
	struct scene scene;
	json_t *warnings = json_array();

	CS_TRY(route_scene(call, &scene));
	CS_TRY(draft_warn(creation->draft, warnings));
	return reply_with(
	        &call->reply, json_pack("{s:o, s:o, s:o}", "request", request, "would_cover",
	                              draft_coverage(creation->draft, &scene, call->arena),
	                              "warnings", warnings));
}

static enum cs_err decide_create(struct call *call, void *data, struct plan *plan)
{
	const struct creation *creation = data;
	size_t n;

	mirror_all(call->mirror, OBJECT_REQUEST, &n);
	if (n >= CS_REQUESTS_MAX)
		return reply_fail(&call->reply, CS_EREFUSED, "certspan csr cancel ID",
		        "%zu requests are open; that is the most", n);
	if (creation->minted == NULL)
		return answer(call, creation, json_null());
	const char *id = creation->minted->id;
	struct wire_request request = *creation->minted->request;
	request.created_at = (uint64_t)call->now;
	request.created_by = call->actor;
	if (mirror_get(call->mirror, OBJECT_REQUEST, id) != NULL)
		return reply_fail(&call->reply, CS_EEXISTS, "certspan csr list",
		        "the same request is open already: %s", id);
	CS_TRY(answer(call, creation, view_request(id, &request, true)));
	return plan_put(plan, OBJECT_REQUEST, id, &request);
}

enum cs_err route_draft(struct call *call, struct draft *draft)
{
	CS_TRY(call_primary(call));
	CS_TRY(call_lock(call));
	const enum cs_err rc = draft_read(call, draft);
	call_unlock(call);
	return rc;
}

enum cs_err route_stored(struct call *call, uint32_t kind, const char *id)
{
	CS_TRY(call_lock(call));
	const bool stored = mirror_get(call->mirror, kind, id) != NULL;
	call_unlock(call);
	return stored ? CS_OK
	              : reply_fail(&call->reply, CS_EEXISTS, "certspan csr list",
	                        "this request id was used before, and what it made is stored");
}

enum cs_err route_request_create(struct call *call)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	struct draft draft;
	struct creation creation = { &draft, NULL };

	CS_TRY(route_draft(call, &draft));
	if (arg_flag(call->args, "dry_run"))
		return call_write(call, decide_create, &creation);
	CS_TRY(draft_mint(call, &draft, 0, &packet));
	creation.minted = packet.body;
	CS_TRY(call_write(call, decide_create, &creation));
	return route_stored(call, OBJECT_REQUEST, creation.minted->id);
}

static enum cs_err decide_cancel(struct call *call, void *data, struct plan *plan)
{
	const struct mirror_object *found;

	(void)data;
	CS_TRY(route_find_request(call, call->name, &found));
	CS_TRY(reply_with(&call->reply,
	        json_pack("{s:o}", "request", view_request(found->id, found->body, false))));
	return plan_drop(plan, OBJECT_REQUEST, found->id);
}

enum cs_err route_request_cancel(struct call *call)
{
	return call_write(call, decide_cancel, NULL);
}
