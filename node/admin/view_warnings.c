/* node/admin/view_warnings.c: the warnings about one certificate among the others. */
#include <string.h>
#include "node/admin/reply.h"
#include "node/admin/views.h"
#include "store/pki/change.h"

static bool same_names(const struct pki_cert *a, const struct pki_cert *b)
{
	return a->dns_count + a->ip_count > 0 && pki_change_overlap(a, b) == 100 &&
	       pki_change_overlap(b, a) == 100;
}

/* Another Active one: CERT itself may be Staged still. */
static bool other(const struct scene_cert *one, const struct scene_cert *cert)
{
	return one->state == CERT_ACTIVE && strcmp(one->id, cert->id) != 0;
}

/* Twins of two key types are no duplicates: each serves clients of its own. */
static const char *duplicate_of(const struct scene *scene, const struct scene_cert *cert)
{
	const struct pki_cert *leaf = cert->leaf;
	const char *name = leaf->dns_count > 0  ? leaf->dns[0]
	                   : leaf->ip_count > 0 ? leaf->ip_text[0]
	                                        : "";
	const struct scene_cert *one;

	for (size_t at = 0; (one = scene_next_owner(scene, name, &at)) != NULL;)
		if (other(one, cert) && pki_change_key_family(one->leaf, leaf) &&
		        same_names(one->leaf, leaf))
			return one->id;
	return NULL;
}

static const char *key_of(const struct scene *scene, const struct scene_cert *cert)
{
	size_t n = 0;
	const char *const *ids =
	        scene->owners != NULL ? owners_of_key(scene->owners, cert->leaf, &n) : NULL;

	for (size_t i = 0; i < n; i++) {
		const struct scene_cert *one = scene_find(scene, ids[i]);
		if (one != NULL && other(one, cert) && !same_names(one->leaf, cert->leaf))
			return one->id;
	}
	return NULL;
}

struct pki_surroundings view_around(const struct scene *scene, const struct scene_cert *cert)
{
	return (struct pki_surroundings){ .trust = PKI_TRUST_UNKNOWN,
		.same_names = duplicate_of(scene, cert),
		.same_key = key_of(scene, cert) };
}

json_t *view_warning(const struct pki_warning *warning)
{
	return json_pack("{s:s, s:s, s:o, s:s}", "code", warning->code, "severity",
	        warning->info ? "info" : "warning", "text", json_show(warning->text), "next",
	        warning->remedy);
}

json_t *view_warnings(
        const struct scene *scene, const struct scene_cert *cert, struct wire_blobs chain)
{
	const struct pki_surroundings around = view_around(scene, cert);
	struct pki_warning found[PKI_WARNINGS_MAX];
	json_t *list = json_array();
	const size_t n = pki_warnings_among(
	        cert->leaf, chain.v, chain.n, scene->now, &around, found, PKI_WARNINGS_MAX);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, view_warning(&found[i]));
	return list;
}

static bool seen_anew(const char *code)
{
	return pki_warning_by_clock(code) || strcmp(code, "duplicate") == 0 ||
	       strcmp(code, "shared-key") == 0;
}

json_t *view_warning_codes(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life)
{
	const struct pki_surroundings around = view_around(scene, cert);
	struct pki_warning now[PKI_WARNINGS_MAX];
	json_t *list = json_array();

	for (size_t i = 0, n = pki_warnings_now(cert->leaf, scene->now, now, PKI_WARNINGS_MAX);
	        i < n; i++)
		json_array_append_new(list, json_string(now[i].code));
	for (size_t i = 0; i < life->warnings.n; i++)
		if (!seen_anew(life->warnings.v[i]))
			json_array_append_new(list, json_show(life->warnings.v[i]));
	if (around.same_names != NULL)
		json_array_append_new(list, json_string("duplicate"));
	if (around.same_key != NULL)
		json_array_append_new(list, json_string("shared-key"));
	return list;
}
