#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "node/admin/coverage.h"
#include "tests/unit/node/scene.h"

static void test_each_name_against_what_is_served(void **state)
{
	struct sketch *s = sketch_new("access.example.com");
	const struct fx_cert wild = fx_cert((struct fx_spec){ .san = "DNS:*.example.com" });
	const struct fx_cert exact = fx_cert((struct fx_spec){ .san = "DNS:access.example.com" });
	const struct fx_cert unused = fx_cert((struct fx_spec){ .san = "DNS:t1.elsewhere.org" });
	const char *extra[] = { "p1.example.com", "old.example.com" };
	const struct {
		const char *host, *node, *cert;
		enum cover_kind kind;
		enum pki_cover sni, fallback;
	} table[] = {
		{ "access.example.com", NULL, "exact", COVER_SITE, PKI_COVER_EXACT,
		        PKI_COVER_WILDCARD },
		{ "p1.example.com", "p1", "wild", COVER_PUBLIC, PKI_COVER_WILDCARD,
		        PKI_COVER_WILDCARD },
		{ "old.example.com", "p1", "wild", COVER_EXTRA, PKI_COVER_WILDCARD,
		        PKI_COVER_WILDCARD },
		{ "t1.elsewhere.org", "t1", NULL, COVER_PUBLIC, PKI_COVER_NONE, PKI_COVER_NONE },
		{ "t1.lan.example.com", "t1", NULL, COVER_INTERNAL, PKI_COVER_NONE,
		        PKI_COVER_NONE },
	};
	const struct cover_row *rows;
	size_t n;

	(void)state;
	sketch_cert(s, "wild", &wild, CERT_ACTIVE);
	sketch_cert(s, "exact", &exact, CERT_ACTIVE);
	sketch_cert(s, "unused", &unused, CERT_STAGED);
	s->scene.cluster_default = "wild";
	sketch_node(s, "p1", ROLE_PRIMARY, "p1.example.com", "10.0.0.1:7443")->hostnames =
	        (struct wire_texts){ extra, 2 };
	sketch_node(s, "t1", ROLE_TRAFFIC, "t1.elsewhere.org", "t1.lan.example.com:7443");
	assert_int_equal(
	        cover_rows(&s->scene, (struct wire_texts){ 0 }, s->arena, &rows, &n), CS_OK);
	assert_int_equal(
	        n, CS_COUNT(table)); /* the IP is left out, the name given twice is there once */
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(rows[i].host, table[i].host);
		assert_int_equal(rows[i].kind, table[i].kind);
		assert_int_equal(rows[i].sni.cover, table[i].sni);
		assert_int_equal(rows[i].fallback.cover, table[i].fallback);
		assert_true(table[i].node == NULL ? rows[i].node == NULL
		                                  : strcmp(rows[i].node->name, table[i].node) == 0);
		assert_true(table[i].cert == NULL
		                    ? rows[i].sni.cert == NULL
		                    : strcmp(rows[i].sni.cert->id, table[i].cert) == 0);
	}
	sketch_free(s);
}

static void test_asked_names_come_last(void **state)
{
	struct sketch *s = sketch_new("access.example.com");
	const char *asked[] = { "a.b.example.com" };
	const struct cover_row *rows;
	size_t n;

	(void)state;
	assert_int_equal(
	        cover_rows(&s->scene, (struct wire_texts){ asked, 1 }, s->arena, &rows, &n), CS_OK);
	assert_int_equal(n, 2);
	assert_int_equal(rows[1].kind, COVER_ASKED);
	assert_int_equal(rows[1].sni.cover, PKI_COVER_NONE);
	sketch_free(s);
}

static void test_the_host_of_an_endpoint(void **state)
{
	static const struct {
		const char *endpoint, *host;
	} table[] = { { "b1.example.com:7443", "b1.example.com" }, { "10.0.0.1:7443", NULL },
		{ "[fe80::1]:7443", NULL }, { "", NULL } };
	struct sketch *s = sketch_new(NULL);

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const char *host = cover_endpoint_host(table[i].endpoint, s->arena);
		assert_true(table[i].host == NULL
		                    ? host == NULL
		                    : host != NULL && strcmp(host, table[i].host) == 0);
	}
	sketch_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_name_against_what_is_served),
		cmocka_unit_test(test_asked_names_come_last),
		cmocka_unit_test(test_the_host_of_an_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
