#include "node/admin/activate.h"
#include <string.h>
#include "node/admin/views.h"

static enum cs_err allow_word(struct call *call, const char *word, struct verdict_flags *flags)
{
	if (strcmp(word, "replacement") == 0)
		flags->replacement = true;
	else if (strcmp(word, "name-loss") == 0)
		flags->name_loss = true;
	else if (strcmp(word, "older") == 0)
		flags->older = true;
	else if (strcmp(word, "key-type") == 0)
		flags->key_type = true;
	else
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "allow: replacement, name-loss, older or key-type is wanted, not %s", word);
	return CS_OK;
}

enum cs_err activate_flags(struct call *call, struct verdict_flags *out)
{
	struct wire_texts allow;

	*out = (struct verdict_flags){ .stage = arg_flag(call->args, "stage") };
	CS_TRY(arg_list(call->args, "accept_uncovered", call->arena, &out->accepted));
	CS_TRY(arg_list(call->args, "allow", call->arena, &allow));
	for (size_t i = 0; i < allow.n; i++)
		CS_TRY(allow_word(call, allow.v[i], out));
	return CS_OK;
}

/* Names that stay without a certificate: no reason to refuse, reason enough to say so. */
static enum cs_err still_uncovered(
        const struct scene *scene, struct cs_arena *arena, json_t *warnings)
{
	struct gate gate;

	CS_TRY(gate_uncovered(scene, NULL, (struct wire_texts){ 0 }, arena, &gate));
	for (size_t i = 0; i < gate.count; i++)
		CS_TRY(json_add_warning(warnings, "uncovered", gate.loss[i].text));
	return CS_OK;
}

static enum cs_err add_warnings(struct call *call, const struct scene *shown,
        const struct scene_cert *cert, const struct wire_bundle *bundle, const struct decision *d,
        json_t *warnings)
{
	json_t *found = view_warnings(shown, cert, bundle->chain);
	const int rc = json_array_extend(warnings, found);

	json_decref(found);
	if (rc != 0)
		return CS_ENOMEM;
	CS_TRY(still_uncovered(shown, call->arena, warnings));
	if (d->activate && scene_default(&d->after, NULL) == NULL)
		CS_TRY(json_add_warning(warnings, "no-default",
		        "no default certificate is set: clients without SNI are refused"));
	return CS_OK;
}

static void add_sentence(json_t *doc, const struct decision *d, const struct scene_cert *cert,
        struct cs_arena *arena)
{
	const char *text = d->text, *next = d->next;

	if (d->activate) {
		text = d->replaces != NULL
		               ? cs_arena_printf(arena, "it serves in place of %s", d->replaces->id)
		       : d->twin != NULL
		               ? cs_arena_printf(arena,
		                         "it serves beside %s, whose key is of another type: each "
		                         "client gets the one that it can verify",
		                         d->twin->id)
		               : "it serves";
		next = scene_default(&d->after, NULL) == NULL
		               ? cs_arena_printf(arena, "certspan default set %s", cert->id)
		               : "";
	} else if (d->err != CS_OK) {
		text = cs_arena_printf(
		        arena, "stored as %s, but it stays Staged: %s", cert->id, d->text);
		json_object_set_new(doc, "exit", json_integer(cs_err_exit(d->err)));
	}
	if (text != NULL)
		json_object_set_new(doc, "text", json_show(text));
	if (next != NULL && next[0] != '\0')
		json_object_set_new(doc, "next", json_show(next));
}

/* What changes beside the one that it replaces, or with which it shares names. */
static void add_change(json_t *doc, const struct decision *d)
{
	json_object_set_new(doc, "names_lost", view_texts(d->lost));
	json_object_set_new(doc, "key_change", json_text_or_null(d->key_change));
	json_object_set_new(doc, "twin", json_text_or_null(d->twin != NULL ? d->twin->id : ""));
}

static json_t *document(struct call *call, const struct scene *scene, const struct scene_cert *cert,
        const struct wire_bundle *bundle, const struct wire_certificate *life,
        const struct decision *d, bool moved)
{
	const struct scene *shown = d->activate ? &d->after : scene;
	struct scene_cert now = *cert;
	json_t *warnings = json_array();

	now.state = life->state;
	if (add_warnings(call, shown, cert, bundle, d, warnings) != CS_OK) {
		json_decref(warnings);
		return NULL;
	}
	json_t *doc = json_pack("{s:o, s:s, s:b, s:o, s:b, s:o, s:o}", "cert",
	        view_cert(shown, &now, life), "verdict", verdict_name(d->verdict), "activated",
	        d->activate, "replaced",
	        d->activate && d->replaces != NULL ? json_string(d->replaces->id) : json_null(),
	        "default_moved", moved, "coverage", view_before_after(scene, shown, call->arena),
	        "warnings", warnings);
	if (doc != NULL)
		add_change(doc, d);
	if (doc != NULL && d->gate.count > 0)
		json_object_set_new(doc, "uncovered", view_gate(&d->gate));
	if (doc != NULL)
		add_sentence(doc, d, cert, call->arena);
	return doc;
}

enum cs_err activate_plan(struct call *call, const struct scene *scene,
        const struct scene_cert *cert, const struct wire_bundle *bundle,
        struct wire_certificate *life, const struct decision *decision, struct plan *plan)
{
	bool moved = false;
	const char *replaces = decision->replaces != NULL ? decision->replaces->id : NULL;

	life->verdict = verdict_name(decision->verdict);
	if (decision->activate)
		CS_TRY(plan_activate(plan, call->mirror, cert->id, life, replaces, call->actor,
		        (uint64_t)call->now, &moved));
	else
		CS_TRY(plan_put(plan, OBJECT_CERTIFICATE, cert->id, life));
	return reply_with(&call->reply, document(call, scene, cert, bundle, life, decision, moved));
}
