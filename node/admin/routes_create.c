/* node/admin/routes_create.c: a self-signed certificate: made by keyd, then as any import. */
#include "node/admin/draft.h"
#include "node/admin/routes.h"
#include "node/admin/submit.h"

#define DAYS 365
#define DAYS_MAX 3650

const struct arg_field fields_cert_create[] = { DRAFT_ARGS, { "self_signed", ARG_FLAG, 0 },
	{ "days", ARG_NUMBER, DAYS_MAX }, { "stage", ARG_FLAG, 0 },
	{ "accept_uncovered", ARG_LIST, CS_NAME_MAX }, { "allow", ARG_LIST, 32 }, { NULL, 0, 0 } };

struct making {
	const struct draft *draft;
	const struct wire_minted *minted; /* NULL for a dry run */
	json_t *would_cover; /* of the scene before; owned */
};

static enum cs_err add(struct call *call, const struct making *making)
{
	json_t *warnings = json_object_get(call->reply.doc, "warnings");

	if (warnings == NULL) {
		warnings = json_array();
		json_object_set_new(call->reply.doc, "warnings", warnings);
	}
	json_object_set(call->reply.doc, "would_cover", making->would_cover);
	return draft_warn(making->draft, warnings);
}

static enum cs_err decide_make(struct call *call, void *data, struct plan *plan)
{
	struct making *making = data;
	struct scene scene;

	CS_TRY(route_scene(call, &scene));
	json_decref(making->would_cover);
	making->would_cover = draft_coverage(making->draft, &scene, call->arena);
	if (making->minted == NULL) {
		CS_TRY(reply_with(&call->reply, json_pack("{s:n, s:b}", "cert", "activated", 0)));
		return add(call, making);
	}
	const struct wire_submit in = { .options = "",
		.id = making->minted->id,
		.bundle = making->minted->bundle,
		.name = making->draft->name,
		.error = "",
		.reason = "",
		.csr = "" };
	CS_TRY(submit_decide(call, &in, plan));
	return add(call, making);
}

static enum cs_err make(struct call *call, struct making *making, long long days)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	if (arg_flag(call->args, "dry_run"))
		return call_write(call, decide_make, making);
	CS_TRY(draft_mint(call, making->draft, days, &packet));
	making->minted = packet.body;
	CS_TRY(call_write(call, decide_make, making));
	return route_stored(call, OBJECT_BUNDLE, making->minted->id);
}

enum cs_err route_cert_create(struct call *call)
{
	struct draft draft;
	struct making making = { &draft, NULL, NULL };
	const long long days = arg_number(call->args, "days", DAYS);

	if (!arg_flag(call->args, "self_signed"))
		return reply_fail(&call->reply, CS_EUSAGE,
		        "certspan cert create --self-signed, or certspan csr create",
		        "self_signed must be given: every other certificate comes from a CA");
	if (days < 1)
		return reply_fail(
		        &call->reply, CS_EUSAGE, "", "days: 1 to %d are wanted", DAYS_MAX);
	CS_TRY(route_draft(call, &draft));
	const enum cs_err rc = make(call, &making, days);
	json_decref(making.would_cover);
	return rc;
}
