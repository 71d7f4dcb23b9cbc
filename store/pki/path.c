/* store/pki/path.c: the search. Depth first with a growing limit, so that the shortest way is found
 * first; twice over: with key identifiers that fit, then, since they are only hints (RFC 5280
 * 4.2.1.1), without. */
#include <string.h>
#include "store/pki/path_parts.h"

#define STEPS_MAX 20000 /* candidates looked at in one search */
#define SIGNATURES_MAX 400 /* verified afresh in one build */
#define NAMES_A_STEP 256 /* name constraint comparisons that cost as much as a step */

struct search {
	struct path_pool *const *pools;
	size_t pool_count;
	const struct path_rules *rules;
	struct path_cert *way[CS_CHAIN_MAX + 1]; /* the leaf first */
	size_t count, limit; /* certificates on the way now, and at most */
	bool hints; /* key identifiers must agree */
	bool cut; /* LIMIT kept us from looking further */
	unsigned steps, signatures;
	struct path_cert *best[CS_CHAIN_MAX + 1]; /* the longest way that led nowhere */
	size_t best_count;
	const char *best_fault; /* what was wrong with its last candidate; NULL: there was none */
};

static bool is_anchor(const struct search *self, const struct path_cert *c)
{
	return c->anchor ||
	       (self->rules->self_signed && c->self_signed && c->ca && c->home != NULL);
}

static bool spent(const struct search *self)
{
	return self->steps >= STEPS_MAX || self->signatures >= SIGNATURES_MAX;
}

/* RFC 4158: the same name with the same key twice is a loop, whatever else differs. */
static bool loops(const struct search *self, const struct path_cert *c)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->way[i]->subject == c->subject &&
		        memcmp(self->way[i]->spki, c->spki, sizeof(c->spki)) == 0)
			return true;
	return false;
}

/* Intermediates below that count: self-issued ones do not. */
static long below(const struct search *self)
{
	long n = 0;

	for (size_t i = 1; i < self->count; i++)
		n += !self->way[i]->self_issued;
	return n;
}

/* RFC 5280 6.1.3 (b), (c): a self-issued intermediate is exempt. A leaf without dNSName counts by
 * its common name, as OpenSSL has it. */
static bool names_allowed(struct search *self, const struct path_cert *c)
{
	NAME_CONSTRAINTS *nc = c->constraints;

	if (nc == NULL)
		return true;
	const size_t trees = (size_t)(sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) + 2 +
	                              sk_GENERAL_SUBTREE_num(nc->excludedSubtrees));
	for (size_t i = 0; i < self->count; i++) {
		const struct path_cert *child = self->way[i];
		if (i > 0 && child->self_issued)
			continue;
		self->steps += (unsigned)((child->names + 1) * trees / NAMES_A_STEP);
		if (spent(self) || NAME_CONSTRAINTS_check(child->x, nc) != X509_V_OK)
			return false;
		if (i == 0 && !child->has_dns &&
		        NAME_CONSTRAINTS_check_CN(child->x, nc) != X509_V_OK)
			return false;
	}
	return true;
}

static const char *time_fault(const struct path_cert *c, int64_t at)
{
	if (at > c->not_after)
		return "is expired";
	return at < c->not_before ? "is not yet valid" : NULL;
}

/* Why C may not stand above the way so far; NULL when it may. */
static const char *fault_of(struct search *self, struct path_cert *c)
{
	struct path_cert *child = self->way[self->count - 1];
	const bool anchor = is_anchor(self, c);

	if (c->no_issuer != NULL && !(anchor && c->old_ca))
		return c->no_issuer;
	if (c->fault != NULL)
		return c->fault;
	if (self->hints && !path_cert_agrees(child, c))
		return "has another key identifier than the one asked for";
	if (time_fault(c, self->rules->at) != NULL)
		return time_fault(c, self->rules->at);
	if (c->path_length >= 0 && below(self) > c->path_length)
		return "allows fewer CA certificates below it (path length)";
	if (loops(self, c))
		return "leads in a circle";
	if (!anchor && c->weak_link)
		return "is signed with SHA-1 or MD5, which clients refuse";
	if (!path_cert_signed_by(child, c, &self->signatures))
		return "has another key than the one that signed";
	return names_allowed(self, c) ? NULL : "does not allow these names (name constraints)";
}

static void note_dead_end(struct search *self, const char *fault)
{
	if (self->count <= self->best_count)
		return;
	memcpy(self->best, self->way, self->count * sizeof(*self->way));
	self->best_count = self->count;
	self->best_fault = fault;
}

static bool climb(struct search *self);

static bool try_one(struct search *self, struct path_cert *c, const char **fault)
{
	if (c->hidden || !path_cert_issued_by(self->way[self->count - 1], c))
		return false;
	self->steps++;
	const char *why = fault_of(self, c);
	if (why != NULL) {
		*fault = why;
		return false;
	}
	self->way[self->count++] = c;
	if (climb(self))
		return true;
	self->count--;
	return false;
}

/* Candidates of one pool: ANCHORS or all others; those whose key identifier FITS or all others. */
static bool try_some(
        struct search *self, struct path_pool *pool, bool anchors, bool fits, const char **fault)
{
	const struct path_cert *child = self->way[self->count - 1];
	size_t at, end;

	if (path_pool_find(pool, child->issuer, &at, &end) != CS_OK)
		return false;
	size_t first = at, last = end;
	path_pool_narrow(pool, child->aki, &first, &last);
	for (size_t i = fits ? first : at; i < (fits ? last : end) && !spent(self); i++) {
		if (!fits && i == first && first < last)
			i = last;
		if (i == end)
			break;
		struct path_cert *c = path_pool_at(pool, i);
		if (is_anchor(self, c) == anchors && try_one(self, c, fault))
			return true;
	}
	return false;
}

/* Whether a way leads on from the last certificate to an anchor; it is in WAY then. */
static bool climb(struct search *self)
{
	static const struct {
		bool anchors, fits;
	} order[] = { { true, true }, { false, true }, { true, false }, { false, false } };
	const char *fault = NULL;

	if (is_anchor(self, self->way[self->count - 1]))
		return true;
	if (self->count == self->limit) {
		self->cut = true;
		return false;
	}
	for (size_t o = 0; o < CS_COUNT(order); o++)
		for (size_t p = 0; p < self->pool_count; p++)
			if (try_some(self, self->pools[p], order[o].anchors, order[o].fits, &fault))
				return true;
	note_dead_end(self, fault);
	return false;
}

static bool search(struct search *self, bool hints)
{
	self->hints = hints;
	self->steps = 0;
	for (self->limit = 1; self->limit <= CS_CHAIN_MAX + 1; self->limit++) {
		self->cut = false;
		self->count = 1;
		if (climb(self))
			return true;
		if (!self->cut || spent(self))
			return false;
	}
	return false;
}

static const char *reason_of(const struct search *self)
{
	const struct path_cert *top = self->best[self->best_count - 1];

	if (top->self_signed)
		return "it ends at a self-signed certificate that is not among the trusted roots";
	if (spent(self))
		return "no way to a root was found within the bounds of the search";
	return "no certificate of the next issuer is here";
}

static enum cs_err explain(const struct search *self, struct cs_arena *arena, struct path *out)
{
	const struct path_cert *top = self->best[self->best_count - 1];

	out->missing = path_cert_issuer_text(top, arena);
	out->missing_url = path_cert_url(top, arena);
	out->root_missing = top->self_signed || (self->best_fault == NULL && self->best_count > 1);
	out->reason = self->best_fault == NULL || top->self_signed
	                      ? reason_of(self)
	                      : cs_arena_printf(arena, "the one certificate of %s that is here %s",
	                                out->missing, self->best_fault);
	return out->reason != NULL ? CS_OK : CS_ENOMEM;
}

/* What spoils the leaf itself. */
static const char *leaf_fault(const struct path_cert *leaf, const struct path_rules *rules)
{
	if (leaf->fault != NULL)
		return leaf->fault;
	if (leaf->weak_link && !leaf->self_signed)
		return "is signed with SHA-1 or MD5, which clients refuse";
	return time_fault(leaf, rules->at);
}

static enum cs_err build(struct search *self, struct path_cert *leaf, struct cs_bytes der,
        struct cs_arena *arena, struct path *out)
{
	const char *fault = leaf_fault(leaf, self->rules);

	self->way[0] = self->best[0] = leaf;
	self->best_count = 0;
	for (size_t p = 0; p < self->pool_count; p++) {
		const struct path_cert *same = path_pool_same(self->pools[p], leaf);
		leaf->anchor |= same != NULL && !same->hidden && is_anchor(self, same);
	}
	const bool found = search(self, true) || search(self, false);
	out->complete = found && fault == NULL;
	if (self->best_count == 0) /* the leaf alone */
		self->best_count = 1;
	struct path_cert **way = found ? self->way : self->best;
	out->count = found ? self->count : self->best_count;
	for (size_t i = 0; i < out->count; i++)
		out->certs[i] = i > 0 ? way[i]->der : der;
	if (out->complete)
		return CS_OK;
	if (fault == NULL)
		return explain(self, arena, out);
	out->reason = cs_arena_printf(arena, "the certificate itself %s", fault);
	return out->reason != NULL ? CS_OK : CS_ENOMEM;
}

enum cs_err path_build(struct path_pool *const *pools, size_t pool_count, struct cs_bytes leaf,
        const struct path_rules *rules, struct cs_arena *arena, struct path *out)
{
	CS_AUTO(path_cert_free) struct path_cert *cert = NULL;
	struct search self = { .pools = pools, .pool_count = pool_count, .rules = rules };

	*out = (struct path){ .missing = "", .missing_url = "", .reason = "" };
	CS_TRY(path_cert_read(leaf, &cert));
	ERR_set_mark();
	const enum cs_err rc = build(&self, cert, leaf, arena, out);
	ERR_pop_to_mark();
	return rc;
}
