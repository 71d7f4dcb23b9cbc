#include "node/cli/trust.h"
#include "store/pki/trust_store.h"

#define ARENA_MAX (256u << 10)

static enum cs_err gather(
        const struct intake *in, const struct intake_pair *pair, struct path_pool *pool)
{
	const struct cs_bytes *cas = NULL;
	const size_t n = intake_cas(in, &cas);

	/* what cannot be read is no issuer */
	for (size_t i = 0; i < pair->chain_count; i++)
		if (path_pool_add(pool, pair->chain[i], false) == CS_ENOMEM)
			return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (path_pool_add(pool, cas[i], false) == CS_ENOMEM)
			return CS_ENOMEM;
	return CS_OK;
}

/* A root that came along counts where none of the system does. */
static enum cs_err way_of(struct path_pool *const pools[2], const struct pki_cert *leaf,
        int64_t now, struct cs_arena *arena, struct path *out)
{
	const int64_t at = now < leaf->not_before  ? leaf->not_before
	                   : now > leaf->not_after ? leaf->not_after
	                                           : now;
	struct path_rules rules = { .at = at };

	CS_TRY(path_build(pools, 2, leaf->der, &rules, arena, out));
	rules.self_signed = true;
	return out->complete ? CS_OK : path_build(pools, 2, leaf->der, &rules, arena, out);
}

enum pki_trust trust_of_pair(
        const struct intake *in, const struct intake_pair *pair, int64_t now, const char *file)
{
	CS_AUTO(trust_store_free) struct trust_store system = { .roots = NULL };
	CS_AUTO(path_pool_free) struct path_pool *pool = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct path way;

	if (path_pool_new(&pool) != CS_OK || gather(in, pair, pool) != CS_OK ||
	        trust_store_read(&system, file) != CS_OK ||
	        cs_arena_new(ARENA_MAX, &arena) != CS_OK)
		return PKI_TRUST_UNKNOWN;
	struct path_pool *const pools[] = { system.roots, pool };
	if (way_of(pools, pair->leaf, now, arena, &way) != CS_OK)
		return PKI_TRUST_UNKNOWN;
	return trust_store_judge(system.roots, pair->leaf, &way);
}
