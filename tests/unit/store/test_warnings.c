#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "store/pki/warnings.h"
#include "tests/unit/fixture.h"

#define DAY 86400

static struct pki_cert *read_cert(const struct fx_cert *made)
{
	struct pki_cert *cert = NULL;

	assert_int_equal(pki_cert_read(fx_der(made), &cert), CS_OK);
	return cert;
}

/* The warning CODE of LEAF, NULL when there is none; in one static list. */
static const struct pki_warning *find(const struct pki_cert *leaf, const struct cs_bytes *chain,
        size_t n, int64_t now, const struct pki_surroundings *around, const char *code)
{
	static struct pki_warning list[PKI_WARNINGS_MAX];
	const size_t count =
	        pki_warnings_among(leaf, chain, n, now, around, list, PKI_WARNINGS_MAX);

	for (size_t i = 0; i < count; i++) {
		assert_true(list[i].text[0] != '\0' && list[i].remedy[0] != '\0');
		if (strcmp(list[i].code, code) == 0)
			return &list[i];
	}
	return NULL;
}

static void each_fault_has_its_warning(void **state)
{
	const struct fx_cert ca =
	        fx_cert((struct fx_spec){ .ca = true, .cn = "ca", .days_to = 900 });
	const struct {
		struct fx_spec spec;
		const char *code, *word; /* of its text */
	} table[] = {
		{ { .san = "DNS:a.example.com", .issuer = &ca }, NULL, NULL },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .key = "RSA-1024" }, "weak-key",
		        "1024" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .digest = "SHA1" }, "weak-hash",
		        "SHA1" },
		{ { .cn = "a.example.com", .issuer = &ca }, "no-san", "a.example.com" },
		{ { .cn = "b.example.com", .san = "DNS:a.example.com", .issuer = &ca },
		        "cn-without-san", "b.example.com" },
		{ { .san = "DNS:*.co.uk,DNS:a.example.com", .issuer = &ca },
		        "public-suffix-wildcard", "*.co.uk" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .eku = "clientAuth" },
		        "no-server-auth", "usage" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .ca = true }, "is-ca", "CA" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .feature = "status_request" },
		        "must-staple", "stapled" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .days_to = 800 }, "long-lifetime",
		        "lives for" },
		{ { .san = "DNS:a.example.com" }, "self-signed", "mobile and Linux clients" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .days_from = -400, .days_to = -2 },
		        "expired", "expired at" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .days_from = 3 }, "not-yet-valid",
		        "only from" },
		{ { .san = "DNS:a.example.com", .issuer = &ca, .days_from = -80, .days_to = 9 },
		        "expires-soon", "ends at" },
	};
	const struct cs_bytes chain[] = { fx_der(&ca) };
	const struct pki_surroundings none = { .trust = PKI_TRUST_UNKNOWN };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct fx_cert made = fx_cert(table[i].spec);
		CS_AUTO(pki_cert_free) struct pki_cert *leaf = read_cert(&made);
		const int64_t now = time(NULL);
		struct pki_warning list[PKI_WARNINGS_MAX];
		const size_t n = pki_cert_warnings(leaf, chain, 1, now, list, PKI_WARNINGS_MAX);
		if (table[i].code == NULL) {
			assert_int_equal(n, 0);
			continue;
		}
		const struct pki_warning *w = find(leaf, chain, 1, now, &none, table[i].code);
		assert_non_null(w);
		assert_non_null(strstr(w->text, table[i].word));
	}
}

static void what_only_others_know(void **state)
{
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "ca" });
	const struct fx_cert made = fx_cert(
	        (struct fx_spec){ .san = "DNS:a.example.com", .issuer = &ca, .days_to = 500 });
	const struct {
		struct pki_surroundings around;
		const char *code, *word;
		bool info;
	} table[] = {
		{ { .trust = PKI_TRUST_PRIVATE }, "private-ca", "mobile and Linux", false },
		{ { .trust = PKI_TRUST_PRIVATE }, "long-lifetime", "of a public CA", true },
		{ { .trust = PKI_TRUST_PUBLIC }, "long-lifetime", "clients refuse", false },
		{ { .trust = PKI_TRUST_PUBLIC }, "no-scts", "0 signed", false },
		{ { .same_names = "0123456789abcdef" }, "duplicate", "0123456789abcdef", false },
		{ { .same_key = "fedcba9876543210" }, "shared-key", "fedcba9876543210", false },
	};
	const struct cs_bytes chain[] = { fx_der(&ca) };
	const struct pki_surroundings none = { .trust = PKI_TRUST_UNKNOWN };
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = read_cert(&made);

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct pki_warning *w = find(
		        leaf, chain, 1, leaf->not_before + DAY, &table[i].around, table[i].code);
		assert_non_null(w);
		assert_non_null(strstr(w->text, table[i].word));
		assert_int_equal(w->info, table[i].info);
	}
	assert_null(find(leaf, chain, 1, leaf->not_before + DAY, &none, "private-ca"));
	assert_null(find(leaf, chain, 1, leaf->not_before + DAY, &none, "no-scts"));
}

static void a_chain_that_ends_first(void **state)
{
	const struct fx_cert root = fx_cert((struct fx_spec){ .ca = true, .cn = "Root" });
	const struct fx_cert ca = fx_cert(
	        (struct fx_spec){ .ca = true, .cn = "Short", .issuer = &root, .days_to = 40 });
	const struct fx_cert made =
	        fx_cert((struct fx_spec){ .san = "DNS:a.example.com", .issuer = &ca });
	const struct cs_bytes chain[] = { fx_der(&ca), fx_der(&root) };
	const struct pki_surroundings none = { .trust = PKI_TRUST_UNKNOWN };
	CS_AUTO(pki_cert_free) struct pki_cert *leaf = read_cert(&made);
	const struct pki_warning *w =
	        find(leaf, chain, 2, leaf->not_before + DAY, &none, "chain-ends-first");

	(void)state;
	assert_non_null(w);
	assert_non_null(strstr(w->text, "Short"));
	assert_null(find(leaf, chain, 2, leaf->not_before + DAY, &none, "chain-incomplete"));
}

static void windows_and_limits(void **state)
{
	static const struct {
		int64_t days, window_days;
	} windows[] = { { 365, 30 }, { 90, 30 }, { 45, 15 }, { 8, 4 } };
	static const struct {
		int64_t from;
		int days;
	} limits[] = { { 1773532799, 398 }, { 1773532800, 200 }, { 1805068799, 200 },
		{ 1805068800, 100 }, { 1868227199, 100 }, { 1868227200, 47 } };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(windows); i++) {
		const struct pki_cert cert = { .not_before = 0,
			.not_after = windows[i].days * DAY };
		assert_int_equal(pki_renewal_window(&cert), windows[i].window_days * DAY);
	}
	for (size_t i = 0; i < CS_COUNT(limits); i++)
		assert_int_equal(pki_lifetime_limit(limits[i].from), limits[i].days);
}

static void where_to_fetch_the_issuer(void **state)
{
	const struct fx_cert made = fx_cert((struct fx_spec){ .san = "DNS:a.example.com",
	        .aia = "caIssuers;URI:http://ca.test/ca.cer,OCSP;URI:http://ocsp.test" });
	const struct fx_cert bare = fx_cert((struct fx_spec){ .san = "DNS:a.example.com" });
	CS_AUTO(pki_cert_free) struct pki_cert *cert = read_cert(&made);
	CS_AUTO(pki_cert_free) struct pki_cert *none = read_cert(&bare);

	(void)state;
	assert_int_equal(cert->aia_issuer_count, 1);
	assert_string_equal(cert->aia_issuers[0], "http://ca.test/ca.cer");
	assert_int_equal(cert->aia_ocsp_count, 1);
	assert_string_equal(cert->aia_ocsp[0], "http://ocsp.test");
	assert_int_equal(none->aia_issuer_count + none->aia_ocsp_count + none->sct_count, 0);
	assert_false(none->must_staple);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_warning),
		cmocka_unit_test(what_only_others_know),
		cmocka_unit_test(a_chain_that_ends_first),
		cmocka_unit_test(windows_and_limits),
		cmocka_unit_test(where_to_fetch_the_issuer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
