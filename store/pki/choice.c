#include "store/pki/choice.h"
#include <string.h>

struct asked {
	unsigned
	        can_verify; /* when no candidate fits, all are alike in it and it decides nothing */
	int64_t now;
};

/* A rule gives a number; the higher goes first. */
typedef int64_t (*rule_fn)(const struct choice_candidate *c, struct asked asked);

static int64_t verifiable(const struct choice_candidate *c, struct asked asked)
{
	return (asked.can_verify & (1u << c->key)) != 0;
}

static int64_t valid_now(const struct choice_candidate *c, struct asked asked)
{
	return c->not_before <= asked.now && asked.now <= c->not_after;
}

static int64_t exactness(const struct choice_candidate *c, struct asked asked)
{
	(void)asked;
	return c->cover;
}

/* ECDSA is the cheapest to sign with. Few clients verify Ed25519, so it comes after RSA. */
static int64_t key_rank(const struct choice_candidate *c, struct asked asked)
{
	static const int rank[] = {
		[PKI_KEY_P256] = 3,
		[PKI_KEY_P384] = 3,
		[PKI_KEY_P521] = 3,
		[PKI_KEY_RSA] = 2,
		[PKI_KEY_ED25519] = 1,
	};

	(void)asked;
	return (size_t)c->key < CS_COUNT(rank) ? rank[c->key] : 0;
}

static int64_t begin(const struct choice_candidate *c, struct asked asked)
{
	(void)asked;
	return c->not_before;
}

static const struct {
	rule_fn rule;
	const char *reason;
} rules[] = {
	{ verifiable, "a key type that the client verifies" },
	{ valid_now, "valid now" },
	{ exactness, "exact over wildcard" },
	{ key_rank, "ECDSA over RSA" },
	{ begin, "later notBefore" },
};

/* > 0: A first. *REASON says by which rule. */
static int compare(const struct choice_candidate *a, const struct choice_candidate *b,
        struct asked asked, const char **reason)
{
	for (size_t i = 0; i < CS_COUNT(rules); i++) {
		const int64_t x = rules[i].rule(a, asked), y = rules[i].rule(b, asked);
		*reason = rules[i].reason;
		if (x != y)
			return x > y ? 1 : -1;
	}
	*reason = "lower id";
	return strcmp(b->id, a->id);
}

size_t choice_pick(
        const struct choice_candidate *candidates, size_t n, unsigned can_verify, int64_t now)
{
	const struct asked asked = { can_verify, now };
	const char *reason = NULL;
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (compare(&candidates[i], &candidates[best], asked, &reason) > 0)
			best = i;
	return best;
}

const char *choice_reason(const struct choice_candidate *a, const struct choice_candidate *b,
        unsigned can_verify, int64_t now)
{
	const char *reason = NULL;

	compare(a, b, (struct asked){ can_verify, now }, &reason);
	return reason;
}
