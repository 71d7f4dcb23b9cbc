#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "store/pki/choice.h"

#define NOW 1000

static const struct choice_candidate ec = { "b", PKI_KEY_P256, PKI_COVER_EXACT, 500, 2000 };
static const struct choice_candidate rsa = { "a", PKI_KEY_RSA, PKI_COVER_EXACT, 500, 2000 };
static const struct choice_candidate wild = { "c", PKI_KEY_P256, PKI_COVER_WILDCARD, 900, 2000 };
static const struct choice_candidate old = { "d", PKI_KEY_P256, PKI_COVER_EXACT, 100, 999 };
static const struct choice_candidate older = { "e", PKI_KEY_P256, PKI_COVER_EXACT, 50, 900 };
static const struct choice_candidate newer = { "f", PKI_KEY_P256, PKI_COVER_EXACT, 600, 2000 };
static const struct choice_candidate twin = { "0", PKI_KEY_P256, PKI_COVER_EXACT, 500, 2000 };
static const struct choice_candidate future = { "g", PKI_KEY_P256, PKI_COVER_EXACT, 1001, 3000 };
static const struct choice_candidate ed = { "h", PKI_KEY_ED25519, PKI_COVER_EXACT, 500, 2000 };

static const struct {
	const struct choice_candidate *first, *second;
	unsigned can_verify;
	const char *reason;
} table[] = {
	{ &ec, &rsa, CHOICE_ANY, "ECDSA over RSA" },
	{ &rsa, &ec, CHOICE_RSA, "a key type that the client verifies" },
	{ &ec, &rsa, CHOICE_P384, "ECDSA over RSA" },
	{ &ec, &wild, CHOICE_ANY, "exact over wildcard" },
	{ &wild, &old, CHOICE_ANY, "valid now" },
	{ &wild, &future, CHOICE_ANY, "valid now" },
	{ &old, &rsa, CHOICE_P256, "a key type that the client verifies" },
	{ &newer, &ec, CHOICE_ANY, "later notBefore" },
	{ &old, &older, CHOICE_ANY, "later notBefore" },
	{ &twin, &ec, CHOICE_ANY, "lower id" },
	{ &rsa, &ed, CHOICE_ANY, "ECDSA over RSA" },
};

static void rules_are_asked_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct choice_candidate pair[] = { *table[i].first, *table[i].second };
		const struct choice_candidate turned[] = { *table[i].second, *table[i].first };
		assert_int_equal(choice_pick(pair, 2, table[i].can_verify, NOW), 0);
		assert_int_equal(choice_pick(turned, 2, table[i].can_verify, NOW), 1);
		assert_string_equal(choice_reason(&pair[0], &pair[1], table[i].can_verify, NOW),
		        table[i].reason);
	}
}

static void an_expired_certificate_beats_none(void **state)
{
	const struct choice_candidate all[] = { older, old,
		{ "x", PKI_KEY_RSA, PKI_COVER_EXACT, 200, 950 } };

	(void)state;
	assert_int_equal(choice_pick(all, 3, CHOICE_ANY, NOW), 1);
	assert_int_equal(choice_pick(all, 1, CHOICE_RSA, NOW), 0);
}

/* The winner does not depend on the order in which a node finds the candidates. */
static void every_node_chooses_the_same(void **state)
{
	const struct choice_candidate all[] = { ec, rsa, wild, old, older, newer, twin, future,
		ed };
	const size_t n = CS_COUNT(all);

	(void)state;
	for (size_t shift = 0; shift < n; shift++) {
		struct choice_candidate turned[CS_COUNT(all)];
		for (size_t i = 0; i < n; i++)
			turned[i] = all[(i + shift) % n];
		assert_string_equal(turned[choice_pick(turned, n, CHOICE_ANY, NOW)].id, "f");
		assert_string_equal(turned[choice_pick(turned, n, CHOICE_RSA, NOW)].id, "a");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_asked_in_order),
		cmocka_unit_test(an_expired_certificate_beats_none),
		cmocka_unit_test(every_node_chooses_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
