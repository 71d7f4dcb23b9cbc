/* node/admin/chains_warn.c: what the way of a certificate to a root means for its clients. */
#include <string.h>
#include "node/admin/chains.h"
#include "node/admin/reply.h"
#include "node/admin/routes.h"
#include "node/admin/views.h"
#include "store/pki/trust_store.h"

static bool about_chains(const char *code)
{
	return strcmp(code, "chain-incomplete") == 0 || strcmp(code, "root-missing") == 0;
}

static void drop(json_t *list, bool (*about)(const char *code))
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *code =
		        json_string_value(json_object_get(json_array_get(list, i), "code"));
		if (code != NULL && about(code))
			json_array_remove(list, i);
	}
}

enum cs_err chains_warn(json_t *list, const struct pki_cert *leaf, const struct path *path)
{
	struct pki_warning found;

	drop(list, about_chains);
	if (leaf->self_signed || !path_warning(path, &found))
		return CS_OK;
	return json_array_append_new(list, view_warning(&found)) == 0 ? CS_OK : CS_ENOMEM;
}

enum cs_err chains_trust(const struct chains_scope *scope, const struct pki_cert *leaf,
        struct wire_blobs issuers, const struct path *path, struct cs_arena *arena,
        enum pki_trust *out)
{
	struct path way;

	*out = trust_store_judge(scope->system, leaf, path);
	if (*out != PKI_TRUST_UNKNOWN)
		return CS_OK;
	CS_TRY(chains_way(scope, leaf, issuers, arena, &way));
	*out = trust_store_judge(scope->system, leaf, &way);
	return CS_OK;
}

enum cs_err chains_warn_all(const struct chains_scope *scope, json_t *list,
        const struct pki_cert *leaf, struct wire_blobs issuers, const struct path *path,
        struct cs_arena *arena)
{
	struct pki_warning found[PKI_WARNINGS_MAX];
	enum pki_trust trust;

	CS_TRY(chains_trust(scope, leaf, issuers, path, arena, &trust));
	drop(list, pki_warning_by_trust);
	const size_t n = pki_warnings_of_trust(leaf, trust, found, CS_COUNT(found));
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, view_warning(&found[i])) != 0)
			return CS_ENOMEM;
	return chains_warn(list, leaf, path);
}

enum cs_err chains_trust_of_new(struct call *call, const struct pki_cert *leaf,
        struct wire_blobs issuers, struct wire_blobs cas, enum pki_trust *out)
{
	struct chains_scope scope;
	struct path way;

	enum cs_err rc = chains_open(call, &scope);
	for (size_t i = 0; i < cas.n && rc == CS_OK; i++)
		rc = chains_add(cas.v[i], scope.added, scope.added_roots);
	if (rc == CS_OK)
		rc = chains_way(&scope, leaf, issuers, call->arena, &way);
	*out = rc == CS_OK ? trust_store_judge(scope.system, leaf, &way) : PKI_TRUST_UNKNOWN;
	chains_close(&scope);
	return rc;
}
