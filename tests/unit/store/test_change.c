#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "store/pki/change.h"
#include "tests/unit/fixture.h"

#define NAMES "DNS:a.test,DNS:*.b.test,IP:192.0.2.1"

static struct pki_cert *made(struct fx_spec spec, struct fx_cert *out)
{
	struct pki_cert *cert = NULL;

	*out = fx_cert(spec);
	assert_int_equal(pki_cert_read(fx_der(out), &cert), CS_OK);
	return cert;
}

static void changes_are_told_apart(void **state)
{
	struct fx_cert ca = fx_cert((struct fx_spec){ .cn = "ca", .ca = true });
	struct fx_cert ca2 = fx_cert((struct fx_spec){ .cn = "ca2", .ca = true });
	struct fx_cert first, other;
	CS_AUTO(pki_cert_free)
	struct pki_cert *before = made((struct fx_spec){ .san = NAMES, .issuer = &ca }, &first);
	const struct {
		struct fx_spec spec;
		enum pki_change change;
		const char *name;
	} table[] = {
		{ { .san = NAMES, .issuer = &ca, .same_key = &first }, PKI_CHANGE_RENEWAL,
		        "renewal" },
		{ { .san = "IP:192.0.2.1,DNS:*.B.test,DNS:a.test,DNS:A.test",
		          .issuer = &ca,
		          .same_key = &first },
		        PKI_CHANGE_RENEWAL, "renewal" },
		{ { .san = NAMES, .issuer = &ca }, PKI_CHANGE_REKEY, "re-key" },
		{ { .san = NAMES ",DNS:c.test", .issuer = &ca, .same_key = &first },
		        PKI_CHANGE_REISSUE, "re-issue" },
		{ { .san = "DNS:a.test", .issuer = &ca }, PKI_CHANGE_REISSUE, "re-issue" },
		{ { .san = NAMES, .issuer = &ca2, .same_key = &first }, PKI_CHANGE_REPLACEMENT,
		        "replacement" },
		{ { .san = NAMES, .cn = "ca", .same_key = &first }, PKI_CHANGE_REPLACEMENT,
		        "replacement" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *after = made(table[i].spec, &other);
		assert_int_equal(pki_change_of(before, after), table[i].change);
		assert_string_equal(pki_change_name(table[i].change), table[i].name);
	}
	assert_int_equal(pki_change_of(NULL, before), PKI_CHANGE_FIRST);
	assert_int_equal(pki_change_of(before, before), PKI_CHANGE_SAME);
}

static void overlap_counts_what_is_kept(void **state)
{
	static const struct {
		const char *san;
		unsigned percent;
	} table[] = {
		{ NAMES, 100 },
		{ NAMES ",DNS:more.test", 100 },
		{ "DNS:a.test", 33 },
		{ "DNS:x.b.test", 0 },
		{ NULL, 0 },
	};
	struct fx_cert first, other;
	CS_AUTO(pki_cert_free)
	struct pki_cert *before = made((struct fx_spec){ .san = NAMES }, &first);

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(pki_cert_free)
		struct pki_cert *after = made((struct fx_spec){ .san = table[i].san }, &other);
		assert_int_equal(pki_change_overlap(before, after), table[i].percent);
		if (table[i].san == NULL)
			assert_int_equal(pki_change_overlap(after, before), 0);
	}
}

static void the_same_leaf_under_other_issuers(void **state)
{
	struct fx_cert ca = fx_cert((struct fx_spec){ .cn = "ca", .ca = true });
	struct fx_cert cross = fx_cert((struct fx_spec){ .cn = "cross", .ca = true }), first;
	CS_AUTO(pki_cert_free)
	struct pki_cert *leaf = made((struct fx_spec){ .san = NAMES, .issuer = &ca }, &first);
	const struct cs_bytes a[] = { fx_der(&ca) }, b[] = { fx_der(&ca), fx_der(&cross) };

	(void)state;
	assert_int_equal(pki_change_of_chains(leaf, a, 1, leaf, a, 1), PKI_CHANGE_SAME);
	assert_int_equal(pki_change_of_chains(leaf, a, 1, leaf, b, 2), PKI_CHANGE_INTERMEDIATE);
	assert_int_equal(pki_change_of_chains(leaf, a, 1, leaf, b + 1, 1), PKI_CHANGE_INTERMEDIATE);
	assert_int_equal(pki_change_of_chains(NULL, NULL, 0, leaf, a, 1), PKI_CHANGE_FIRST);
	assert_string_equal(pki_change_name(PKI_CHANGE_INTERMEDIATE), "intermediate-change");
}

static void names_that_go_are_listed(void **state)
{
	static const struct {
		const char *san;
		size_t lost;
		const char *first;
	} table[] = {
		{ NAMES, 0, NULL },
		{ "DNS:*.test,DNS:*.b.test,IP:192.0.2.1", 1, "a.test" }, /* "*.test" is nobody's */
		{ "DNS:a.test,DNS:x.b.test,IP:192.0.2.1", 1, "*.b.test" },
		{ "DNS:a.test,DNS:*.b.test", 1, "192.0.2.1" },
		{ NULL, 3, "a.test" },
	};
	struct fx_cert first, other;
	const char *lost[4];
	CS_AUTO(pki_cert_free)
	struct pki_cert *before = made((struct fx_spec){ .san = NAMES }, &first);
	CS_AUTO(pki_cert_free)
	struct pki_cert *host = made((struct fx_spec){ .san = "DNS:x.b.test" }, &other);

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(pki_cert_free)
		struct pki_cert *after = made((struct fx_spec){ .san = table[i].san }, &other);
		assert_int_equal(pki_change_lost(before, after, lost, 4), table[i].lost);
		if (table[i].lost > 0)
			assert_string_equal(lost[0], table[i].first);
		assert_int_equal(pki_change_lost(before, after, lost, 0), table[i].lost);
	}
	assert_int_equal(pki_change_lost(host, before, lost, 4), 0); /* the wildcard keeps it */
}

static void key_types_are_compared(void **state)
{
	static const struct {
		const char *key, *text;
		bool family;
	} table[] = {
		{ "P-256", "", true },
		{ "P-384", "P-256 to P-384", true },
		{ "RSA-2048", "P-256 to RSA-2048", false },
		{ "ED25519", "P-256 to Ed25519", false },
	};
	struct fx_cert first, other;
	char text[80];
	CS_AUTO(pki_cert_free)
	struct pki_cert *before = made((struct fx_spec){ .san = NAMES }, &first);

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(pki_cert_free)
		struct pki_cert *after =
		        made((struct fx_spec){ .san = NAMES, .key = table[i].key }, &other);
		assert_string_equal(
		        pki_change_key_text(before, after, text, sizeof(text)), table[i].text);
		assert_int_equal(pki_change_key_family(before, after), table[i].family);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_apart),
		cmocka_unit_test(overlap_counts_what_is_kept),
		cmocka_unit_test(the_same_leaf_under_other_issuers),
		cmocka_unit_test(names_that_go_are_listed),
		cmocka_unit_test(key_types_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
