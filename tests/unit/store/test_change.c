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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_apart),
		cmocka_unit_test(overlap_counts_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
