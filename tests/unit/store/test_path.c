#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "store/pki/path.h"
#include "tests/unit/fixture.h"

#define DAY 86400

struct ways {
	struct path_pool *pool;
	struct cs_arena *arena;
	struct path path;
};

static void ways_open(struct ways *w)
{
	assert_int_equal(path_pool_new(&w->pool), CS_OK);
	assert_int_equal(cs_arena_new(1 << 20, &w->arena), CS_OK);
}

static void ways_close(struct ways *w)
{
	path_pool_free(&w->pool);
	cs_arena_free(&w->arena);
}

static void add(struct ways *w, const struct fx_cert *cert, bool anchor)
{
	assert_int_equal(path_pool_add(w->pool, fx_der(cert), anchor), CS_OK);
}

static bool found(struct ways *w, const struct fx_cert *leaf, int64_t days, bool self_signed)
{
	const struct path_rules rules = { time(NULL) + days * DAY, self_signed };

	assert_int_equal(path_build(&w->pool, 1, fx_der(leaf), &rules, w->arena, &w->path), CS_OK);
	assert_true(cs_bytes_equal(w->path.certs[0], fx_der(leaf)));
	return w->path.complete;
}

static bool at(const struct ways *w, size_t i, const struct fx_cert *cert)
{
	return i < w->path.count && cs_bytes_equal(w->path.certs[i], fx_der(cert));
}

static struct fx_cert ca(const char *cn, const struct fx_cert *issuer, const struct fx_cert *key)
{
	return fx_cert((struct fx_spec){ .cn = cn, .ca = true, .issuer = issuer, .same_key = key });
}

static void a_way_leads_up_to_an_anchor(void **state)
{
	struct ways w;
	const struct fx_cert root = ca("root", NULL, NULL), sub = ca("sub", &root, NULL);
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &sub });

	(void)state;
	ways_open(&w);
	assert_false(found(&w, &leaf, 0, true));
	assert_int_equal(w.path.count, 1);
	assert_string_equal(w.path.missing, "CN=sub");
	assert_false(w.path.root_missing);
	add(&w, &sub, false);
	assert_false(found(&w, &leaf, 0, true));
	assert_int_equal(w.path.count, 2);
	assert_string_equal(w.path.missing, "CN=root");
	assert_true(w.path.root_missing);
	add(&w, &root, false);
	assert_false(found(&w, &leaf, 0, false)); /* there, but not trusted */
	assert_true(w.path.root_missing);
	assert_true(found(&w, &leaf, 0, true));
	add(&w, &root, true);
	assert_true(found(&w, &leaf, 0, false));
	assert_int_equal(w.path.count, 3);
	assert_int_equal(path_pool_count(w.pool), 2); /* the root is there once */
	assert_true(at(&w, 1, &sub) && at(&w, 2, &root));
	assert_false(found(&w, &leaf, 400, false)); /* all expired by then */
	ways_close(&w);
}

static void it_turns_back_from_a_wrong_turning(void **state)
{
	struct ways w;
	const struct fx_cert good = ca("good", NULL, NULL), bad = ca("bad", NULL, NULL);
	const struct fx_cert sub = ca("sub", &good, NULL), cross = ca("sub", &bad, &sub);
	const struct fx_cert namesake = ca("sub", &good, NULL);
	const struct fx_cert old = fx_cert((struct fx_spec){
	        .cn = "sub", .ca = true, .issuer = &good, .same_key = &sub, .days_to = 1 });
	const struct fx_cert plain =
	        fx_cert((struct fx_spec){ .cn = "sub", .issuer = &good, .same_key = &sub });
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &sub });

	(void)state;
	ways_open(&w);
	add(&w, &cross, false);
	add(&w, &namesake, false);
	add(&w, &old, false);
	add(&w, &plain, false);
	add(&w, &bad, false); /* known, not trusted */
	add(&w, &good, true);
	assert_false(found(&w, &leaf, 5, false));
	add(&w, &sub, false);
	assert_true(found(&w, &leaf, 5, false));
	assert_true(at(&w, 1, &sub) && at(&w, 2, &good));
	ways_close(&w);
}

static void circles_end(void **state)
{
	struct ways w;
	const struct fx_cert a = ca("a", NULL, NULL), b = ca("b", NULL, NULL);
	const struct fx_cert ab = ca("a", &b, &a), ba = ca("b", &a, &b);
	const struct fx_cert leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &a });

	(void)state;
	ways_open(&w);
	add(&w, &ab, false);
	add(&w, &ba, false);
	assert_false(found(&w, &leaf, 0, true));
	assert_true(w.path.count <= 3);
	add(&w, &b, true);
	assert_true(found(&w, &leaf, 0, false));
	assert_true(at(&w, 1, &ab) && at(&w, 2, &b));
	ways_close(&w);
}

static void what_is_hidden_is_not_there(void **state)
{
	struct ways w;
	struct pki_cert *cert = NULL;
	char id[17];
	const struct fx_cert root = ca("root", NULL, NULL);
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &root });

	(void)state;
	ways_open(&w);
	add(&w, &root, true);
	assert_int_equal(pki_cert_read(fx_der(&root), &cert), CS_OK);
	pki_cert_id(cert->sha256, id);
	assert_true(path_pool_has(w.pool, cert->sha256));
	pki_cert_free(&cert);
	path_pool_hide(w.pool, id, true);
	assert_false(found(&w, &leaf, 0, true));
	path_pool_hide(w.pool, id, false);
	assert_true(found(&w, &leaf, 0, true));
	ways_close(&w);
}

static void a_crowd_of_namesakes_is_bounded(void **state)
{
	enum { CROWD = 600 };
	struct ways w;
	struct fx_cert key[2] = { ca("crowd", NULL, NULL), ca("crowd", NULL, NULL) };
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &key[0] });

	(void)state;
	ways_open(&w);
	for (int i = 0; i < CROWD; i++) {
		const struct fx_cert one = ca("crowd", &key[i % 2], &key[(i + 1) % 2]);
		add(&w, &one, false);
	}
	const clock_t start = clock();
	assert_false(found(&w, &leaf, 0, false));
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	assert_true(w.path.reason[0] != '\0');
	ways_close(&w);
}

static void what_is_no_certificate_is_refused(void **state)
{
	struct ways w;
	struct fx_cert cut = ca("cut", NULL, NULL);
	const struct path_rules rules = { 0 };

	(void)state;
	ways_open(&w);
	cut.der_len--;
	assert_int_equal(path_pool_add(w.pool, fx_der(&cut), false), CS_EMALFORMED);
	assert_int_equal(
	        path_build(&w.pool, 1, fx_der(&cut), &rules, w.arena, &w.path), CS_EMALFORMED);
	assert_int_equal(path_pool_add(w.pool, (struct cs_bytes){ NULL, 0 }, false), CS_EMALFORMED);
	ways_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_way_leads_up_to_an_anchor),
		cmocka_unit_test(it_turns_back_from_a_wrong_turning),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(what_is_hidden_is_not_there),
		cmocka_unit_test(a_crowd_of_namesakes_is_bounded),
		cmocka_unit_test(what_is_no_certificate_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
