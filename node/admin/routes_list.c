/* node/admin/routes_list.c: the table of certificates: filtered, sorted, page by page. */
#include <stdio.h>
#include <string.h>
#include "node/admin/page.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"

#define LIMIT 200
#define YEARS_100 (100ll * 366 * 86400)

const struct arg_field fields_certs[] = { { "after", ARG_TEXT, CS_ID_MAX },
	{ "limit", ARG_NUMBER, 1000 }, { "host", ARG_TEXT, CS_NAME_MAX + 2 },
	{ "state", ARG_TEXT, 32 }, { "default", ARG_FLAG, 0 }, { "kind", ARG_TEXT, 16 },
	{ "sort", ARG_TEXT, 16 }, { "issuer", ARG_TEXT, CS_FRIENDLY_MAX },
	{ "expires_within", ARG_NUMBER, YEARS_100 }, { NULL, 0, 0 } };

/* What is asked for; NULL and false: all. */
struct filter {
	const char *state, *host, *issuer;
	bool leaves, cas, only_default, ends;
	int64_t ends_by;
	const struct scene *scene;
};

static bool fits_any(const struct filter *f, const struct pki_cert *cert, const char *state)
{
	if (f->state != NULL && strcmp(f->state, state) != 0 &&
	        strcmp(f->state, view_validity(cert, f->scene->now)) != 0)
		return false;
	if (f->ends && cert->not_after > f->ends_by)
		return false;
	return f->issuer == NULL || strcasestr(cert->issuer, f->issuer) != NULL;
}

static bool fits_leaf(const struct filter *f, const struct scene_cert *cert)
{
	if (!fits_any(f, cert->leaf, cert_state_name(cert->state)))
		return false;
	if (f->host != NULL &&
	        pki_cert_covers(cert->leaf, cs_bytes_of(f->host), NULL) == PKI_COVER_NONE)
		return false;
	return !f->only_default || route_is_default(f->scene, cert->id);
}

static enum cs_err check_word(struct call *call, const char *field, const char *const *words,
        size_t n, const char *wanted)
{
	const char *word = arg_text(call->args, field, words[0]);

	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return CS_OK;
	return reply_fail(&call->reply, CS_EUSAGE, "", "%s: %s is wanted", field, wanted);
}

static enum cs_err filter_of(struct call *call, const struct scene *scene, struct filter *out)
{
	static const char *const states[] = { "staged", "verified", "active", "retired", "rejected",
		"valid", "expiring", "expired", "not-yet-valid" };
	static const char *const kinds[] = { "leaf", "ca", "all" };

	CS_TRY(check_word(call, "state", states, CS_COUNT(states),
	        "staged, verified, active, retired, rejected, expiring, expired or "
	        "not-yet-valid"));
	CS_TRY(check_word(call, "kind", kinds, CS_COUNT(kinds), "leaf, ca or all"));
	const char *kind = arg_text(call->args, "kind", "leaf");
	*out = (struct filter){ .state = arg_text(call->args, "state", NULL),
		.host = arg_text(call->args, "host", NULL),
		.issuer = arg_text(call->args, "issuer", NULL),
		.leaves = strcmp(kind, "ca") != 0,
		.only_default = arg_flag(call->args, "default"),
		.ends = arg_has(call->args, "expires_within"),
		.ends_by = call->now + arg_number(call->args, "expires_within", 0),
		.scene = scene };
	/* A CA certificate covers no host and is nobody's default. */
	out->cas = strcmp(kind, "leaf") != 0 && out->host == NULL && !out->only_default;
	return CS_OK;
}

/* The row with which the page before ended; only its id counts when that is the order. */
static enum cs_err find_after(
        struct call *call, const struct scene *scene, enum page_sort sort, struct page_row *out)
{
	const char *id = arg_text(call->args, "after", "");
	const struct scene_cert *cert = scene_find(scene, id);
	const struct mirror_object *ca =
	        cert == NULL ? mirror_get(call->mirror, OBJECT_CA, id) : NULL;

	*out = (struct page_row){ .id = id };
	if (cert != NULL)
		*out = (struct page_row){ cert->id, cert->name, cert->leaf, NULL };
	else if (ca != NULL)
		*out = (struct page_row){ ca->id, ((const struct wire_ca *)ca->body)->name,
			ca->leaf, NULL };
	else if (sort != PAGE_ID)
		return reply_fail(&call->reply, CS_ENOTFOUND, "ask for the first page again",
		        "after: no certificate %s any more", id);
	return CS_OK;
}

static void offer_all(struct call *call, const struct filter *filter, struct page *page)
{
	const struct scene *scene = filter->scene;
	size_t n = 0;
	const struct mirror_object *const *cas = mirror_all(call->mirror, OBJECT_CA, &n);

	for (size_t i = 0; filter->leaves && i < scene->cert_count; i++) {
		const struct scene_cert *cert = &scene->certs[i];
		const struct page_row row = { cert->id, cert->name, cert->leaf, cert };
		if (fits_leaf(filter, cert))
			page_offer(page, &row);
	}
	for (size_t i = 0; filter->cas && i < n; i++) {
		const struct page_row row = { cas[i]->id,
			((const struct wire_ca *)cas[i]->body)->name, cas[i]->leaf, NULL };
		if (fits_any(filter, cas[i]->leaf, ""))
			page_offer(page, &row);
	}
}

static json_t *rows_json(struct call *call, const struct scene *scene, const struct page *page)
{
	json_t *list = json_array();

	for (size_t i = 0; i < page->count; i++) {
		const struct page_row *row = &page->rows[i];
		const struct mirror_object *ca =
		        row->what == NULL ? mirror_get(call->mirror, OBJECT_CA, row->id) : NULL;
		json_array_append_new(
		        list, ca != NULL ? view_ca(ca, call->now)
		                         : view_cert(scene, row->what,
		                                   mirror_certificate(call->mirror, row->id)));
	}
	return list;
}

enum cs_err route_certs(struct call *call)
{
	const long long limit = arg_number(call->args, "limit", LIMIT);
	struct page page = { .limit = (size_t)limit };
	struct page_row after;
	struct filter filter;
	struct scene scene;

	if (page_sort_of(arg_text(call->args, "sort", "id"), &page.sort) != CS_OK)
		return reply_fail(
		        &call->reply, CS_EUSAGE, "", "sort: id, name, expires or issuer is wanted");
	CS_TRY(call_lock(call));
	CS_TRY(route_scene(call, &scene));
	CS_TRY(filter_of(call, &scene, &filter));
	if (arg_text(call->args, "after", "")[0] != '\0') {
		CS_TRY(find_after(call, &scene, page.sort, &after));
		page.after = &after;
	}
	page.rows = cs_arena_take(call->arena, (page.limit + 1) * sizeof(*page.rows));
	if (page.rows == NULL)
		return CS_ENOMEM;
	offer_all(call, &filter, &page);
	return reply_with(&call->reply,
	        json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "schema", "certspan.certs/1", "seq",
	                (json_int_t)mirror_seq(call->mirror), "generation",
	                (json_int_t)mirror_generation(call->mirror), "total",
	                (json_int_t)page.total, "next",
	                page.more && page.count > 0 ? json_string(page.rows[page.count - 1].id)
	                                            : json_null(),
	                "certs", rows_json(call, &scene, &page)));
}
