#include "node/admin/submit.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/admin/activate.h"
#include "node/admin/custody.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"
#include "node/admin/verdict.h"
#include "store/pki/change.h"

#define SUBMIT_WAIT_MS 120000 /* the key derivation of a foreign PKCS#12 comes before it */
#define REPLY_WAIT_MS 5000

static const struct arg_field fields_import[] = { { "name", ARG_TEXT, CS_FRIENDLY_MAX },
	{ "stage", ARG_FLAG, 0 }, { "accept_uncovered", ARG_LIST, CS_NAME_MAX },
	{ "allow", ARG_LIST, 32 }, { "csr", ARG_TEXT, CS_FRIENDLY_MAX }, { NULL, 0, 0 } };

static json_t *findings_json(const struct wire_submit *in)
{
	json_t *list = json_array();

	for (size_t i = 0; i < in->findings.n; i++) {
		const struct wire_finding *f = &in->findings.v[i];
		json_array_append_new(
		        list, json_pack("{s:o, s:o, s:s, s:o}", "file", json_show(f->file), "what",
		                      json_show(f->what), "error", f->error, "reason",
		                      json_show(f->reason)));
	}
	return list;
}

static enum cs_err add_findings(struct call *call, const struct wire_submit *in)
{
	if (call->reply.doc == NULL)
		call->reply.doc = json_object();
	return json_object_set_new(call->reply.doc, "findings", findings_json(in)) == 0 ? CS_OK
	                                                                                : CS_ENOMEM;
}

static enum cs_err err_of(const char *name)
{
	for (unsigned i = 1; i < CS_ERR_COUNT; i++)
		if (strcmp(cs_err_name((enum cs_err)i), name) == 0)
			return (enum cs_err)i;
	return CS_EMALFORMED;
}

static const char *remedy(enum cs_err err)
{
	switch (err) {
	case CS_EPASSPHRASE:
	case CS_ENOPASSPHRASE:
		return "certspan cert import FILE --passphrase-file F";
	case CS_ENOKEY:
		return "import the private key together with its certificate; certspan csr list "
		       "shows the open requests";
	case CS_ENOMAC:
		return "export the PKCS#12 again, with a MAC";
	default:
		return "certspan cert inspect FILE";
	}
}

static enum cs_err put_ca_list(struct call *call, struct wire_blobs cas, struct plan *plan)
{
	for (size_t i = 0; i < cas.n; i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
		char id[17];
		if (pki_cert_read(cas.v[i], &cert) != CS_OK)
			continue; /* the findings say so */
		pki_cert_id(cert->sha256, id);
		if (mirror_get(call->mirror, OBJECT_CA, id) != NULL)
			continue;
		char name[CS_FRIENDLY_MAX + 1];
		snprintf(name, sizeof(name), "%.*s", CS_FRIENDLY_MAX, cert->subject_cn);
		const struct wire_ca ca = { .der = cas.v[i], .name = name };
		CS_TRY(plan_put(plan, OBJECT_CA, id, &ca));
	}
	return CS_OK;
}

/* A name that people know: as asked, as in the file, the subject's, the first name. */
static const char *friendly(
        const struct call *call, const struct wire_submit *in, const struct pki_cert *leaf)
{
	const char *asked = arg_text(call->args, "name", "");
	const char *of_leaf = leaf->subject_cn[0] != '\0' ? leaf->subject_cn
	                      : leaf->dns_count > 0       ? leaf->dns[0]
	                                                  : "";
	const char *name = asked[0] != '\0' ? asked : in->name[0] != '\0' ? in->name : of_leaf;

	return cs_arena_printf(call->arena, "%.*s", CS_FRIENDLY_MAX, name);
}

static enum cs_err warning_codes(struct call *call, const struct scene *scene,
        const struct wire_submit *in, const struct scene_cert *cert, struct wire_texts *out)
{
	const struct wire_bundle *bundle = in->bundle;
	struct pki_surroundings around = view_around(scene, cert);
	struct pki_warning found[PKI_WARNINGS_MAX];

	CS_TRY(chains_trust_of_new(call, cert->leaf, bundle->chain, in->cas, &around.trust));
	const size_t n = pki_warnings_among(cert->leaf, bundle->chain.v, bundle->chain.n, call->now,
	        &around, found, CS_COUNT(found));
	const char **v = cs_arena_take(call->arena, (n + 1) * sizeof(*v));

	if (v == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = cs_arena_text(call->arena, found[i].code, strlen(found[i].code));
	*out = (struct wire_texts){ v, n };
	return CS_OK;
}

/* The same leaf with issuers that the stored bundle does not have: they are filed in the pool; what
 * is served stays until the chain is chosen anew. */
static enum cs_err other_chain(
        struct call *call, const struct wire_submit *in, struct plan *plan, bool *differs)
{
	const struct wire_bundle *stored = mirror_get(call->mirror, OBJECT_BUNDLE, in->id)->body;
	const struct pki_cert *leaf = mirror_get(call->mirror, OBJECT_BUNDLE, in->id)->leaf;

	*differs = in->bundle->chain.n > 0 &&
	           pki_change_of_chains(leaf, stored->chain.v, stored->chain.n, leaf,
	                   in->bundle->chain.v, in->bundle->chain.n) == PKI_CHANGE_INTERMEDIATE;
	return *differs ? put_ca_list(call, in->bundle->chain, plan) : CS_OK;
}

static const char *already_text(
        char *out, size_t size, const char *id, uint32_t state, bool other_chain)
{
	snprintf(out, size, "already stored as %s (%s)%s", id, cert_state_name(state),
	        other_chain ? ", with another chain: its CA certificates are in the pool now, the "
	                      "chain that is served stays"
	                    : "");
	return out;
}

static enum cs_err already(
        struct call *call, const struct scene *scene, const char *id, bool other_chain)
{
	const struct scene_cert *cert = scene_find(scene, id);
	const struct wire_certificate *life = mirror_certificate(call->mirror, id);
	char text[256], next[96] = "";

	if (cert == NULL || life == NULL)
		return reply_fail(&call->reply, CS_ECORRUPT, "certspan status",
		        "%s is stored without a record of its life", id);
	already_text(text, sizeof(text), id, cert->state, other_chain);
	if (cert->state != CERT_ACTIVE)
		snprintf(next, sizeof(next), "certspan activate %s", id);
	return reply_with(&call->reply,
	        json_pack("{s:o, s:s, s:b, s:n, s:b, s:o, s:s, s:s}", "cert",
	                view_cert(scene, cert, life), "verdict",
	                verdict_name(other_chain ? VERDICT_INTERMEDIATE : VERDICT_SAME),
	                "activated", cert->state == CERT_ACTIVE, "replaced", "default_moved", 0,
	                "coverage", view_before_after(scene, scene, call->arena), "text", text,
	                "next", next));
}

static enum cs_err decide_new(struct call *call, const struct wire_submit *in,
        const struct scene *scene, struct pki_cert *leaf, struct plan *plan)
{
	struct wire_certificate life = { .state = CERT_STAGED,
		.replaces = "",
		.replaced_by = "",
		.verdict = "",
		.imported_at = (uint64_t)call->now,
		.imported_by = call->actor,
		.kdf_iterations = in->kdf_iterations };
	struct verdict_flags flags;
	struct decision d;

	life.name = friendly(call, in, leaf);
	if (life.name == NULL)
		return CS_ENOMEM;
	CS_TRY(activate_flags(call, &flags));
	struct scene_cert cert = { in->id, life.name, leaf, CERT_STAGED };
	CS_TRY(decide(scene, &cert, &flags, call->arena, &d));
	if (d.activate && d.replaces != NULL && !arg_has(call->args, "name") &&
	        d.replaces->name[0] != '\0')
		life.name = cert.name = d.replaces->name; /* the successor inherits it */
	CS_TRY(warning_codes(call, &d.after, in, &cert, &life.warnings));
	CS_TRY(plan_put(plan, OBJECT_BUNDLE, in->id, in->bundle));
	return activate_plan(call, scene, &cert, in->bundle, &life, &d, plan);
}

enum cs_err submit_decide(struct call *call, const struct wire_submit *in, struct plan *plan)
{
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	struct scene scene;
	char id[17];

	CS_TRY(pki_cert_read(in->bundle->leaf, &leaf));
	pki_cert_id(leaf->sha256, id);
	if (strcmp(id, in->id) != 0)
		return reply_fail(&call->reply, CS_EMISMATCH, "certspan cert inspect FILE",
		        "the importer names %s, the certificate is %s", in->id, id);
	CS_TRY(mirror_scene(call->mirror, call->now, call->arena, &scene));
	if (mirror_get(call->mirror, OBJECT_BUNDLE, in->id) != NULL) {
		bool differs;
		CS_TRY(other_chain(call, in, plan, &differs));
		return already(call, &scene, in->id, differs);
	}
	return decide_new(call, in, &scene, leaf, plan);
}

/* The open request that IN answers, NULL if none: the one that was named, else the one whose key
 * keyd took. */
static enum cs_err find_answered(
        struct call *call, const struct wire_submit *in, const struct mirror_object **out)
{
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = NULL;
	const char *named = arg_text(call->args, "csr", ""), *csr = in->csr != NULL ? in->csr : "";

	*out = NULL;
	if (named[0] == '\0') {
		*out = csr[0] != '\0' ? mirror_get(call->mirror, OBJECT_REQUEST, csr) : NULL;
		if (csr[0] == '\0' || *out != NULL ||
		        mirror_get(call->mirror, OBJECT_BUNDLE, in->id) != NULL)
			return CS_OK;
		return reply_fail(&call->reply, CS_ENOTFOUND, "certspan csr list",
		        "request %s was cancelled meanwhile", csr);
	}
	CS_TRY(route_find_request(call, named, out));
	CS_TRY(pki_cert_read(in->bundle->leaf, &leaf));
	const struct wire_request *request = (*out)->body;
	if (request->spki_sha256.n == 32 &&
	        memcmp(request->spki_sha256.p, leaf->spki_sha256, 32) == 0)
		return CS_OK;
	return reply_fail(&call->reply, CS_EMISMATCH, "certspan csr list",
	        "the certificate does not answer request %.16s: it has another public key",
	        (*out)->id);
}

/* A reply takes its friendly name from the request, which ends with it. */
static enum cs_err decide_answer(struct call *call, const struct wire_submit *in, struct plan *plan)
{
	const struct mirror_object *answered;
	struct wire_submit named = *in;

	CS_TRY(find_answered(call, in, &answered));
	if (answered == NULL)
		return submit_decide(call, in, plan);
	const struct wire_request *request = answered->body;
	named.name = request->name;
	CS_TRY(submit_decide(call, &named, plan));
	CS_TRY(plan_drop(plan, OBJECT_REQUEST, answered->id));
	json_object_set_new(call->reply.doc, "request",
	        json_pack("{s:s, s:o}", "id", answered->id, "name", json_show(request->name)));
	return CS_OK;
}

static enum cs_err decide_submit(struct call *call, void *data, struct plan *plan)
{
	const struct wire_submit *in = data;

	CS_TRY(put_ca_list(call, in->cas, plan));
	if (in->bundle == NULL)
		CS_TRY(reply_with(
		        &call->reply, json_pack("{s:n, s:s, s:b}", "cert", "text",
		                              "CA certificates are stored", "activated", 0)));
	else
		CS_TRY(decide_answer(call, in, plan));
	return add_findings(call, in);
}

/* A certificate that could serve, had its key come with it. */
static bool keyless(const struct wire_submit *in)
{
	for (size_t i = 0; i < in->findings.n; i++)
		if (strcmp(in->findings.v[i].what, "certificate") == 0)
			return true;
	return false;
}

static enum cs_err check_submit(struct call *call, const struct wire_submit *in)
{
	if (!admin_permits(call->admin, in->uid))
		return reply_fail(&call->reply, CS_EDENIED,
		        "run it as root or as the user of certspand", "user %u may not import",
		        in->uid);
	CS_TRY(args_body(cs_bytes_of(in->options), fields_import, true, &call->reply, &call->args));
	if (in->error[0] != '\0') {
		const enum cs_err rc = err_of(in->error);
		return reply_fail(&call->reply, rc, remedy(rc), "%s",
		        in->reason[0] != '\0' ? in->reason : cs_err_text(rc));
	}
	if (in->bundle == NULL && (in->cas.n == 0 || keyless(in)))
		return reply_fail(&call->reply, CS_ENOKEY, remedy(CS_ENOKEY),
		        "no certificate with its private key was found");
	return CS_OK;
}

static enum cs_err handle(struct call *call, const struct wire_submit *in)
{
	CS_TRY(check_submit(call, in));
	return call_write(call, decide_submit, (void *)(uintptr_t)in);
}

void submit(struct admin *admin, const struct wire_submit *in, uint32_t *status, char **body)
{
	struct call call;
	enum cs_err rc = call_begin(admin, in->uid, &call);

	if (rc == CS_OK)
		rc = handle(&call, in);
	if (rc != CS_OK) {
		call.reply.err = rc;
		if (add_findings(&call, in) != CS_OK)
			cs_warning("an answer goes out without its findings: out of memory");
	}
	*status = reply_status(&call.reply);
	*body = reply_body(&call.reply, false);
	const char *text = rc == CS_OK ? json_string_value(json_object_get(call.reply.doc, "text"))
	                               : call.reply.text;
	cs_log_with(CS_LOG_NOTICE, (struct cs_log_fields){ .cert = in->id },
	        "import by uid %u: %s: %s", in->uid, rc == CS_OK ? "taken" : cs_err_name(rc),
	        text != NULL ? text : "");
	call_end(&call);
}

struct importer {
	struct admin *admin;
	int fd;
};

static enum cs_err permit_one(const struct importer *importer, const struct wire_permit *in)
{
	struct wire_permitted permitted;
	struct call call;
	char *body = NULL;

	CS_TRY(call_begin(importer->admin, in->uid, &call));
	custody_permit(&call, in, &permitted, &body);
	const enum cs_err rc = channel_send_wait(
	        importer->fd, PACKET_permitted, &permitted, cs_clock_mono_ms() + REPLY_WAIT_MS);
	free(body);
	call_end(&call);
	return rc;
}

static enum cs_err serve_one(const struct importer *importer)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	struct wire_door_reply reply = { 0 };
	char *body = NULL;

	CS_TRY(channel_receive_wait(
	        importer->fd, cs_clock_mono_ms() + SUBMIT_WAIT_MS, &packet, NULL));
	if (packet.id == PACKET_permit)
		return permit_one(importer, packet.body);
	if (packet.id != PACKET_submit)
		return CS_EMALFORMED;
	submit(importer->admin, packet.body, &reply.status, &body);
	reply.body = body != NULL ? body : "";
	const enum cs_err rc = channel_send_wait(
	        importer->fd, PACKET_door_reply, &reply, cs_clock_mono_ms() + REPLY_WAIT_MS);
	free(body);
	return rc;
}

/* An upload with several pairs comes as one SUBMIT each; the importer hangs up after the last. */
static void serve(const struct importer *importer)
{
	enum cs_err rc = CS_OK;

	while (rc == CS_OK)
		rc = serve_one(importer);
	if (rc != CS_ECLOSED)
		cs_warning("an importer is dropped: %s; what it was answered before is done",
		        cs_err_text(rc));
}

static void *run(void *data)
{
	struct importer *importer = data;

	serve(importer);
	close(importer->fd);
	free(importer);
	return NULL;
}

enum cs_err submit_serve(struct admin *admin, int fd)
{
	struct importer *importer = malloc(sizeof(*importer));
	pthread_t thread;

	if (importer == NULL || (*importer = (struct importer){ admin, fd },
	                                pthread_create(&thread, NULL, run, importer) != 0)) {
		free(importer);
		close(fd);
		return CS_ENOMEM;
	}
	pthread_detach(thread);
	return CS_OK;
}
