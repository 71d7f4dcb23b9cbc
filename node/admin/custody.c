#include "node/admin/custody.h"
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "node/admin/routes.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "store/pki/export.h"

#define RECORDS_MAX 1000 /* the oldest go first */
#define RECOVERY_ID "verified"

static const struct arg_field fields_export[] = { { "id", ARG_TEXT, CS_FRIENDLY_MAX },
	{ "include", ARG_TEXT, 64 }, { "format", ARG_TEXT, 16 }, { "legacy", ARG_FLAG, 0 },
	{ "unencrypted", ARG_FLAG, 0 }, { NULL, 0, 0 } };
static const struct arg_field fields_recovery[] = { { "generated", ARG_FLAG, 0 }, { NULL, 0, 0 } };
static const struct arg_field fields_none[] = { { NULL, 0, 0 } };

const struct wire_recovery *custody_verified(const struct mirror *mirror, uint32_t epoch)
{
	const struct mirror_object *o = mirror_get(mirror, OBJECT_RECOVERY, RECOVERY_ID);
	const struct wire_recovery *recovery = o != NULL ? o->body : NULL;

	return recovery != NULL && recovery->epoch >= epoch ? recovery : NULL;
}

struct job {
	const struct wire_permit *in;
	struct wire_permitted *out;
	struct wire_export record;
	char id[33];
};

/* The request's own id names the record, so a repeated request finds the first one's. */
static enum cs_err name_record(struct call *call, struct job *job)
{
	uint8_t random[16];

	if (arg_has(call->args, "request")) {
		if (cs_unhex(arg_text(call->args, "request", ""), random, 16) != CS_OK)
			return reply_fail(
			        &call->reply, CS_EUSAGE, "", "request: 32 hex digits are wanted");
	} else {
		randombytes_buf(random, sizeof(random));
	}
	cs_hex(random, sizeof(random), job->id);
	return json_object_set_new(call->args, "request", json_string(job->id)) == 0 ? CS_OK
	                                                                             : CS_ENOMEM;
}

static enum cs_err drop_oldest(struct call *call, struct plan *plan)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(call->mirror, OBJECT_EXPORT, &n);
	const struct mirror_object *oldest = NULL;

	for (size_t i = 0; i < n; i++)
		if (oldest == NULL || ((const struct wire_export *)all[i]->body)->at <
		                              ((const struct wire_export *)oldest->body)->at)
			oldest = all[i];
	return n >= RECORDS_MAX ? plan_drop(plan, OBJECT_EXPORT, oldest->id) : CS_OK;
}

static json_t *warnings_of(const struct wire_permitted *out)
{
	json_t *list = json_array();
	enum cs_err rc = CS_OK;

	if (out->unencrypted)
		rc = json_add_warning(list, "unencrypted-key",
		        "the private key is NOT encrypted: whoever reads the file has it");
	if (rc == CS_OK && out->legacy)
		rc = json_add_warning(list, "legacy-encryption",
		        "3DES and SHA-1 for old importers: weak; delete the file once it is "
		        "imported");
	return list;
}

static enum cs_err put_record(struct call *call, struct job *job, struct plan *plan)
{
	const struct wire_export *r = &job->record;

	CS_TRY(reply_with(&call->reply,
	        json_pack("{s:{s:s, s:o, s:o, s:s, s:s, s:s}, s:o}", "export", "record", job->id,
	                "cert", json_text_or_null(r->bundle), "name", json_show(r->name), "format",
	                r->format, "include", r->include, "protection", r->protection, "warnings",
	                warnings_of(job->out))));
	if (mirror_get(call->mirror, OBJECT_EXPORT, job->id) != NULL)
		return CS_OK;
	CS_TRY(drop_oldest(call, plan));
	return plan_put(plan, OBJECT_EXPORT, job->id, &job->record);
}

static enum cs_err what_leaves(struct call *call, struct job *job)
{
	struct wire_permitted *out = job->out;
	const char *format = arg_text(call->args, "format", NULL);

	if (pki_with_of(arg_text(call->args, "include", "certificate,key"), &out->include) !=
	                CS_OK ||
	        (out->include & PKI_WITH_KEY) == 0)
		return reply_fail(&call->reply, CS_EUSAGE, "certspan help cert export",
		        "include: certificate, key and chain are known; without key use GET "
		        "/v1/export");
	out->format = format != NULL ? pki_format_of(format) : pki_format_for(out->include, 1);
	out->legacy = arg_flag(call->args, "legacy");
	out->unencrypted = arg_flag(call->args, "unencrypted");
	const char *objection = pki_format_objection(out->format, out->include, 1);
	if (objection == NULL && out->unencrypted && out->format == PKI_FORMAT_P12)
		objection = "PKCS#12 is always encrypted; use pem or p8 for an unencrypted key";
	if (objection == NULL && out->unencrypted && out->legacy)
		objection = "legacy is about encryption, and unencrypted asks for none";
	return objection == NULL ? CS_OK
	                         : reply_fail(&call->reply, CS_EUSAGE, "certspan help cert export",
	                                   "%s", objection);
}

static enum cs_err decide_export(struct call *call, void *data, struct plan *plan)
{
	struct job *job = data;
	const struct mirror_object *found;

	CS_TRY(what_leaves(call, job));
	CS_TRY(route_find_cert(call, arg_text(call->args, "id", ""), &found));
	const char *name = mirror_certificate(call->mirror, found->id)->name;
	job->out->name = cs_arena_text(call->arena, name, strlen(name));
	job->record = (struct wire_export){ .at = (uint64_t)call->now,
		.actor = call->actor,
		.node = admin_node(call->admin),
		.bundle = cs_arena_text(call->arena, found->id, strlen(found->id)),
		.name = job->out->name,
		.format = pki_format_name(job->out->format),
		.include = pki_with_text(job->out->include),
		.protection = job->out->unencrypted ? "none"
		              : job->out->legacy    ? "legacy"
		                                    : "pbes2" };
	if (job->record.name == NULL || job->record.bundle == NULL)
		return CS_ENOMEM;
	return put_record(call, job, plan);
}

static enum cs_err decide_recovery(struct call *call, void *data, struct plan *plan)
{
	struct job *job = data;

	job->record = (struct wire_export){ .at = (uint64_t)call->now,
		.actor = call->actor,
		.node = admin_node(call->admin),
		.bundle = "",
		.name = "cluster secret",
		.format = "recovery",
		.include = "",
		.protection = "argon2id" };
	return put_record(call, job, plan);
}

static enum cs_err decide_verified(struct call *call, void *data, struct plan *plan)
{
	const struct job *job = data;
	const struct wire_recovery body = { (uint64_t)call->now, call->actor, job->in->epoch };

	CS_TRY(reply_with(&call->reply,
	        json_pack("{s:{s:o, s:s, s:i}}", "recovery", "verified_at", json_time(body.at),
	                "by", call->actor, "epoch", (int)body.epoch)));
	return plan_put(plan, OBJECT_RECOVERY, RECOVERY_ID, &body);
}

/* Of this node alone: nothing is written. */
static enum cs_err permit_here(struct call *call, struct job *job)
{
	const bool dry_run = arg_flag(call->args, "dry_run");

	if (!dry_run)
		snprintf(job->id, sizeof(job->id), "%s", job->in->verb);
	return reply_with(
	        &call->reply, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:b, s:[]}", "schema",
	                              "certspan.key-order/1", "node", admin_node(call->admin),
	                              "verb", job->in->verb, "exit", 0, "text",
	                              dry_run ? "dry run: nothing was done" : "done", "next", "",
	                              "dry_run", dry_run, "warnings"));
}

static enum cs_err write_record(struct call *call, struct job *job, decide_fn *decide)
{
	CS_TRY(name_record(call, job));
	CS_TRY(call_write(call, decide, job));
	if (arg_flag(call->args, "dry_run"))
		job->id[0] = '\0';
	return CS_OK;
}

static enum cs_err decide(struct call *call, struct job *job)
{
	static const struct {
		const char *verb;
		const struct arg_field *fields;
		decide_fn *decide; /* NULL: nothing is written */
	} table[] = { { "export", fields_export, decide_export },
		{ "recovery", fields_recovery, decide_recovery },
		{ "verify", fields_none, decide_verified }, { "lock", fields_none, NULL },
		{ "unlock", fields_none, NULL } };

	if (!admin_permits(call->admin, job->in->uid))
		return reply_fail(&call->reply, CS_EDENIED,
		        "run it as root or as the user of certspand",
		        "user %u may have no key of this node", job->in->uid);
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		if (strcmp(table[i].verb, job->in->verb) != 0)
			continue;
		CS_TRY(args_body(cs_bytes_of(job->in->options), table[i].fields, true, &call->reply,
		        &call->args));
		return table[i].decide != NULL ? write_record(call, job, table[i].decide)
		                               : permit_here(call, job);
	}
	return reply_fail(&call->reply, CS_EUNSUPPORTED, "certspan version",
	        "the command line speaks another version than the daemon");
}

void custody_permit(
        struct call *call, const struct wire_permit *in, struct wire_permitted *out, char **body)
{
	struct job job = { .in = in, .out = out };

	*out = (struct wire_permitted){ .name = "", .record = "" };
	const enum cs_err rc = decide(call, &job);
	if (rc != CS_OK)
		call->reply.err = rc;
	out->status = reply_status(&call->reply);
	out->record = cs_arena_text(call->arena, job.id, strlen(job.id));
	if (rc != CS_OK || out->record == NULL)
		out->record = "";
	*body = reply_body(&call->reply, false);
	out->body = *body != NULL ? *body : "";
	cs_log_with(CS_LOG_NOTICE,
	        (struct cs_log_fields){
	                .cert = job.record.bundle != NULL ? job.record.bundle : "" },
	        "%s by uid %u: %s%s%s", in->verb, in->uid,
	        rc == CS_OK ? "permitted" : cs_err_name(rc), rc == CS_OK ? "" : ": ",
	        rc == CS_OK ? "" : call->reply.text);
}
