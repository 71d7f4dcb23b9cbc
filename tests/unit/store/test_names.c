#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "proto/base/limits.h"
#include "store/pki/names.h"
#include "tests/unit/fixture.h"
#include "tests/unit/vectors.h"

static const struct {
	const char *pattern, *host;
	enum pki_cover cover;
	const char *why;
} matches[] = {
	{ "example.com", "example.com", PKI_COVER_EXACT, "a name vouches for itself" },
	{ "example.com", "EXAMPLE.Com", PKI_COVER_EXACT, "case never counts" },
	{ "Example.COM", "example.com", PKI_COVER_EXACT, "nor in the certificate" },
	{ "example.com", "example.com.", PKI_COVER_EXACT, "one trailing dot is dropped" },
	{ "example.com", "example.com..", PKI_COVER_NONE, "two are not" },
	{ "example.com.", "example.com", PKI_COVER_NONE, "nor one of the certificate" },
	{ "*.example.com", "a.example.com", PKI_COVER_WILDCARD, "one label under the wildcard" },
	{ "*.example.com", "A.EXAMPLE.com.", PKI_COVER_WILDCARD,
	        "in any case, with a trailing dot" },
	{ "*.example.com", "example.com", PKI_COVER_NONE,
	        "the wildcard does not reach its own parent" },
	{ "*.example.com", "a.b.example.com", PKI_COVER_NONE, "nor two labels down" },
	{ "*.example.com", ".example.com", PKI_COVER_NONE, "nor an empty label" },
	{ "*.example.com", "-a.example.com", PKI_COVER_NONE,
	        "nor a label that begins with a hyphen" },
	{ "*.example.com", "a-.example.com", PKI_COVER_NONE, "or ends with one" },
	{ "*.example.com", "_acme.example.com", PKI_COVER_WILDCARD, "an underscore label is one" },
	{ "*.example.com", "xn--rger-koa.example.com", PKI_COVER_WILDCARD, "so is an A-label" },
	{ "f*.example.com", "foo.example.com", PKI_COVER_NONE, "no part of a label" },
	{ "*o.example.com", "foo.example.com", PKI_COVER_NONE, "from neither end" },
	{ "xn--*.example.com", "xn--a.example.com", PKI_COVER_NONE,
	        "nor behind an A-label prefix" },
	{ "a.*.com", "a.b.com", PKI_COVER_NONE, "leftmost only" },
	{ "*.*.com", "a.b.com", PKI_COVER_NONE, "one only" },
	{ "*.com", "example.com", PKI_COVER_NONE, "not above a single label" },
	{ "*", "com", PKI_COVER_NONE, "not alone" },
	{ "*.example.com", "*.example.com", PKI_COVER_NONE, "a wildcard is no host" },
	{ "127.0.0.1", "127.0.0.1", PKI_COVER_NONE, "an address is no dNSName" },
	{ "*.0.0.1", "127.0.0.1", PKI_COVER_NONE, "nor by a wildcard" },
	{ "1.2.3", "1.2.3", PKI_COVER_NONE, "nor anything of digits and dots" },
	{ "::1", "::1", PKI_COVER_NONE, "nor v6" },
	{ "a b.example.com", "a b.example.com", PKI_COVER_NONE, "a space is in no host name" },
	{ "", "", PKI_COVER_NONE, "nothing is covered by nothing" },
	{ ".", ".", PKI_COVER_NONE, "nor is a dot" },
};

static void names_match_by_rfc_9525(void **state)
{
	(void)state;
	for (size_t i = 0; i < CS_COUNT(matches); i++) {
		const enum pki_cover cover =
		        pki_name_match(matches[i].pattern, cs_bytes_of(matches[i].host));
		if (cover != matches[i].cover)
			fail_msg("%s: %s and %s", matches[i].why, matches[i].pattern,
			        matches[i].host);
	}
}

static void long_names_and_nul_match_nothing(void **state)
{
	char label[65], host[300] = "";
	static const uint8_t nul[] = "a.example.com\0.evil.test";

	(void)state;
	memset(label, 'a', 64);
	label[64] = '\0';
	snprintf(host, sizeof(host), "%s.example.com", label);
	assert_int_equal(pki_name_match(host, cs_bytes_of(host)), PKI_COVER_NONE);
	assert_int_equal(pki_name_match(host + 1, cs_bytes_of(host + 1)), PKI_COVER_EXACT);
	for (int i = 0; i < 127; i++)
		memcpy(host + (size_t)2 * (size_t)i, "a.", 3);
	assert_int_equal(pki_name_match("x", cs_bytes_of(host)), PKI_COVER_NONE);
	host[253] = '\0';
	assert_int_equal(pki_name_match(host, cs_bytes_of(host)), PKI_COVER_EXACT);
	assert_int_equal(pki_name_match("a.example.com", (struct cs_bytes){ nul, sizeof(nul) - 1 }),
	        PKI_COVER_NONE);
}

static void a_certificate_covers_its_names(void **state)
{
	struct fx_cert made = fx_cert((struct fx_spec){
	        .san = "DNS:*.Example.com,DNS:a.example.com,IP:192.0.2.1,IP:2001:db8::1",
	        .cn = "cn.example.net" });
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	const char *by = "?";

	(void)state;
	assert_int_equal(pki_cert_read(fx_der(&made), &cert), CS_OK);
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("A.example.com"), &by), PKI_COVER_EXACT);
	assert_string_equal(by, "a.example.com");
	assert_int_equal(
	        pki_cert_covers(cert, cs_bytes_of("b.example.com"), &by), PKI_COVER_WILDCARD);
	assert_string_equal(by, "*.example.com");
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("192.0.2.1"), &by), PKI_COVER_EXACT);
	assert_string_equal(by, "192.0.2.1");
	assert_int_equal(
	        pki_cert_covers(cert, cs_bytes_of("[2001:DB8:0::1]"), &by), PKI_COVER_EXACT);
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("2001:db8::2"), &by), PKI_COVER_NONE);
	assert_null(by);
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("[192.0.2.1]"), NULL), PKI_COVER_NONE);
	assert_int_equal(pki_cert_covers(cert, cs_bytes_of("192.0.2.1."), NULL), PKI_COVER_NONE);
	assert_int_equal(
	        pki_cert_covers(cert, cs_bytes_of("cn.example.net"), NULL), PKI_COVER_NONE);
}

static void normal_form_is_what_lookups_use(void **state)
{
	static const char *const refused[] = { "", ".", "a..b", ".a", "a.b..", "a b", "a/b",
		"\xc3\xa4.de", "a\nb", "*.a.b", "[::1", "::1." };
	static const char *const same[] = { "a_b.c", "-a.b", "::1", "[::1]", "1.2.3.4",
		"xn--4ca.de" };
	char out[CS_NAME_MAX + 1];

	(void)state;
	assert_int_equal(pki_name_normal(cs_bytes_of("WWW.Example.COM."), out), CS_OK);
	assert_string_equal(out, "www.example.com");
	for (size_t i = 0; i < CS_COUNT(same); i++) {
		assert_int_equal(pki_name_normal(cs_bytes_of(same[i]), out), CS_OK);
		assert_string_equal(out, same[i]);
	}
	for (size_t i = 0; i < CS_COUNT(refused); i++) {
		assert_int_equal(pki_name_normal(cs_bytes_of(refused[i]), out), CS_EMALFORMED);
		assert_string_equal(out, "");
	}
	assert_int_equal(pki_name_normal((struct cs_bytes){ (const uint8_t *)"a\0b", 3 }, out),
	        CS_EMALFORMED);
}

static void the_wildcard_of_a_host(void **state)
{
	static const char *const none[] = { "example.com", "com", "1.2.3.4", "-a.b.c", "a-.b.c",
		"::ffff:1.2.3", "" };
	char out[CS_NAME_MAX + 1];

	(void)state;
	assert_true(pki_name_wildcard("a.example.com", out));
	assert_string_equal(out, "*.example.com");
	for (size_t i = 0; i < CS_COUNT(none); i++)
		assert_false(pki_name_wildcard(none[i], out));
}

static void registry_names_are_plain_host_names(void **state)
{
	static const char *const good[] = { "localhost", "a.example.com", "A1.b-c.de", "1a.2b",
		"xn--4ca.de" };
	static const char *const bad[] = { "", "*.a.b", "a_b.c", "-a.b", "a-.b", "a.b-", "a..b",
		"a.b.", "1.2.3.4", "1", "::1", "a b", "a/../b" };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(good); i++)
		assert_true(pki_hostname_ok(good[i]));
	for (size_t i = 0; i < CS_COUNT(bad); i++)
		assert_false(pki_hostname_ok(bad[i]));
}

/* OpenSSL's own matcher may say yes more often, never less often where the names are ordinary. */
static void never_looser_than_openssl(void **state)
{
	static const char *const sans[] = { "DNS:*.example.com", "DNS:f*.example.com", "DNS:*.com",
		"DNS:a.b.c", "DNS:*.0.0.1", "IP:127.0.0.1" };
	static const char *const hosts[] = { "a.example.com", "foo.example.com", "example.com",
		"a.b.c", "A.B.C", "127.0.0.1", "x.a.example.com" };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(sans); i++) {
		struct fx_cert made =
		        fx_cert((struct fx_spec){ .san = sans[i], .cn = "example.com" });
		const uint8_t *p = made.der;
		X509 *x = d2i_X509(NULL, &p, (long)made.der_len);
		CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
		assert_int_equal(pki_cert_read(fx_der(&made), &cert), CS_OK);
		for (size_t j = 0; j < CS_COUNT(hosts); j++) {
			const bool theirs = X509_check_host(x, hosts[j], 0,
			                            X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
			                                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
			                            NULL) == 1 ||
			                    X509_check_ip_asc(x, hosts[j], 0) == 1;
			const bool ours = pki_cert_covers(cert, cs_bytes_of(hosts[j]), NULL) !=
			                  PKI_COVER_NONE;
			if (ours && !theirs)
				fail_msg("%s covers %s", sans[i], hosts[j]);
		}
		X509_free(x);
	}
}

struct score {
	const char *dir;
	size_t right, total;
};

static bool covered(struct cs_bytes pem, struct cs_bytes host)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	char *name = NULL, *header = NULL;
	uint8_t *der = NULL;
	long n = 0;

	assert_int_equal(PEM_read_bio(bio, &name, &header, &der, &n), 1);
	const enum cs_err rc = pki_cert_read((struct cs_bytes){ der, (size_t)n }, &cert);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	return rc == CS_OK && pki_cert_covers(cert, host, NULL) != PKI_COVER_NONE;
}

static void one_vector(const char *const column[VECTOR_COLUMNS], void *arg)
{
	struct score *score = arg;
	char host[4096], name[256];

	if (strcmp(column[3], "either") == 0)
		return;
	snprintf(name, sizeof(name), "names/%s", column[1]);
	const struct cs_bytes pem = vectors_file(score->dir, name);
	const size_t n = vectors_percent(column[2], host);
	const bool said = covered(pem, (struct cs_bytes){ (const uint8_t *)host, n });
	const bool right = said == (strcmp(column[3], "yes") == 0);
	score->total++;
	score->right += right;
	if (!right)
		fprintf(stderr, "%s %s: expected %s (%s)\n", column[0], column[2], column[3],
		        column[4]);
	free((void *)(uintptr_t)pem.p);
}

static void public_vectors_agree(void **state)
{
	struct score score = { .dir = vectors_dir() };

	(void)state;
	if (score.dir == NULL)
		skip();
	vectors_each(score.dir, "names/cases.tsv", one_vector, &score);
	fprintf(stderr, "names: %zu of %zu vectors agree\n", score.right, score.total);
	assert_int_equal(score.right, score.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_by_rfc_9525),
		cmocka_unit_test(long_names_and_nul_match_nothing),
		cmocka_unit_test(a_certificate_covers_its_names),
		cmocka_unit_test(normal_form_is_what_lookups_use),
		cmocka_unit_test(the_wildcard_of_a_host),
		cmocka_unit_test(registry_names_are_plain_host_names),
		cmocka_unit_test(never_looser_than_openssl),
		cmocka_unit_test(public_vectors_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
