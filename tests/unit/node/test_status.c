#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "node/admin/status.h"
#include "tests/unit/node/scene.h"

static void test_the_state_of_one_node(void **state)
{
	static const struct {
		struct wire_member member;
		bool enrolled;
		enum sync_state want;
		const char *why;
	} table[] = {
		{ { .self = true, .stored = 9, .error = "" }, true, SYNC_IN_SYNC,
		        "the primary itself" },
		{ { .self = true, .stored = 9, .unopened = 1, .error = "" }, true, SYNC_FAILURE,
		        "a bundle that does not open" },
		{ { .connected = true, .stored = 9, .error = "" }, true, SYNC_IN_SYNC,
		        "at the head" },
		{ { .connected = true, .stored = 8, .behind_ms = 200, .error = "" }, true,
		        SYNC_SYNCING, "a moment behind" },
		{ { .connected = true, .stored = 8, .behind_ms = 20000, .error = "" }, true,
		        SYNC_CHANGES_PENDING, "behind for long" },
		{ { .connected = true, .stored = 0, .error = "" }, true, SYNC_AWAITING_INITIAL,
		        "nothing yet" },
		{ { .connected = false, .stored = 8, .ever_seen = true, .error = "" }, true,
		        SYNC_DISCONNECTED, "gone" },
		{ { .connected = false, .stored = 0, .error = "" }, true, SYNC_AWAITING_INITIAL,
		        "never there" },
		{ { .connected = true, .stored = 9, .error = "" }, false, SYNC_AWAITING_INITIAL,
		        "not enrolled" },
		{ { .connected = true, .stored = 9, .digest_differs = true, .error = "" }, true,
		        SYNC_FAILURE, "drift" },
		{ { .connected = true, .stored = 8, .error = "disk full" }, true, SYNC_FAILURE,
		        "an error of its own" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++)
		if (sync_state_of(&table[i].member, table[i].enrolled, 9) != table[i].want)
			fail_msg("%s", table[i].why);
	assert_int_equal(sync_state_of(NULL, true, 9), SYNC_AWAITING_INITIAL);
}

static void test_the_worst_of_all(void **state)
{
	static const struct {
		enum sync_state states[3];
		size_t n;
		enum sync_state want;
	} table[] = {
		{ { SYNC_IN_SYNC }, 1, SYNC_STANDALONE },
		{ { SYNC_FAILURE }, 1, SYNC_FAILURE },
		{ { SYNC_IN_SYNC, SYNC_IN_SYNC, SYNC_IN_SYNC }, 3, SYNC_IN_SYNC },
		{ { SYNC_IN_SYNC, SYNC_SYNCING, SYNC_IN_SYNC }, 3, SYNC_SYNCING },
		{ { SYNC_IN_SYNC, SYNC_CHANGES_PENDING, SYNC_IN_SYNC }, 3, SYNC_NOT_ALL },
		{ { SYNC_IN_SYNC, SYNC_CHANGES_PENDING, SYNC_CHANGES_PENDING }, 3,
		        SYNC_CHANGES_PENDING },
		{ { SYNC_IN_SYNC, SYNC_CHANGES_PENDING, SYNC_DISCONNECTED }, 3, SYNC_DISCONNECTED },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++)
		assert_int_equal(sync_state_overall(table[i].states, table[i].n), table[i].want);
}

/* Three nodes that serve one certificate; what a test spoils is the caller's. */
struct house {
	struct sketch *s;
	struct wire_member members[3];
	struct wire_probe probe;
	struct wire_summary summary;
	struct wire_position position;
	struct wire_facts facts;
	struct status_input in;
};

static void house(struct house *h)
{
	static const uint8_t want[32] = { 1 };
	static const char *const set[] = { "b1" };
	static struct fx_cert wild;

	wild = fx_cert((struct fx_spec){ .san = "DNS:*.example.com" });
	*h = (struct house){ .s = sketch_new("access.example.com") };
	sketch_cert(h->s, "wild", &wild, CERT_ACTIVE);
	h->s->scene.cluster_default = "wild";
	sketch_node(h->s, "p1", ROLE_PRIMARY, "p1.example.com", "");
	sketch_node(h->s, "b1", ROLE_BACKUP, "b1.example.com", "");
	sketch_node(h->s, "t1", ROLE_TRAFFIC, "t1.example.com", "");
	h->probe = (struct wire_probe){ .kind = PROBE_SNI,
		.sni = "t1.example.com",
		.result = PROBE_MATCH,
		.want = { want, 32 },
		.got = { want, 32 },
		.at_ms = 1,
		.error = "" };
	const char *names[] = { "p1", "b1", "t1" };
	for (size_t i = 0; i < 3; i++)
		h->members[i] = (struct wire_member){ .name = names[i],
			.self = i == 0,
			.connected = true,
			.ever_seen = true,
			.stored = 9,
			.served = 9,
			.software = "1",
			.error = "",
			.layers = "",
			.probes = { &h->probe, 1 } };
	h->summary = (struct wire_summary){
		.primary = "p1", .seq = 9, .released = 9, .members = { h->members, 3 }
	};
	h->position = (struct wire_position){ .seq = 9 };
	h->facts = (struct wire_facts){ .role = ROLE_PRIMARY,
		.mode = "ok",
		.primary = "p1",
		.upstream = "",
		.self = &h->members[0],
		.summary = &h->summary,
		.position = &h->position };
	h->in = (struct status_input){ .scene = &h->s->scene,
		.facts = &h->facts,
		.node = "p1",
		.generation = 2,
		.sync_set = { set, 1 },
		.now_ms = 1 };
}

static json_t *document(struct house *h)
{
	json_t *doc;

	assert_int_equal(status_document(&h->in, h->s->arena, &doc), CS_OK);
	return doc;
}

static bool has_problem(json_t *doc, const char *severity, const char *code, const char *node)
{
	size_t i;
	json_t *p;

	json_array_foreach(json_object_get(doc, "problems"), i, p)
	{
		const char *of = json_string_value(json_object_get(p, "node"));
		const bool same = node == NULL ? of == NULL : of != NULL && strcmp(of, node) == 0;
		if (same && strcmp(json_string_value(json_object_get(p, "code")), code) == 0)
			return strcmp(json_string_value(json_object_get(p, "severity")),
			               severity) == 0;
	}
	return false;
}

static void test_a_healthy_cluster_has_no_problems(void **state)
{
	struct house h;

	(void)state;
	house(&h);
	json_t *doc = document(&h);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "in-sync");
	assert_int_equal(json_array_size(json_object_get(doc, "problems")), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "nodes")), 3);
	json_t *t1 = json_array_get(json_object_get(doc, "nodes"), 2);
	assert_string_equal(json_string_value(json_object_get(t1, "default")), "wild");
	assert_true(json_is_true(
	        json_object_get(json_array_get(json_object_get(t1, "hosts"), 0), "covered")));
	assert_string_equal(json_string_value(json_object_get(
	                            json_array_get(json_object_get(t1, "served"), 0), "result")),
	        "match");
	json_decref(doc);
	sketch_free(h.s);
}

static void test_every_trouble_is_named(void **state)
{
	struct house h;

	(void)state;
	house(&h);
	h.members[2].connected = false;
	h.in.sync_set = (struct wire_texts){ 0 };
	h.probe.result = PROBE_DOWN;
	h.s->site[0] = "www.elsewhere.org";
	json_t *doc = document(&h);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "disconnected");
	assert_true(has_problem(doc, "critical", "disconnected", "t1"));
	assert_true(has_problem(doc, "critical", "site-uncovered", NULL));
	assert_true(has_problem(doc, "critical", "edge-down", "b1"));
	assert_true(has_problem(doc, "warning", "backup-not-in-sync-set", "b1"));
	json_decref(doc);
	sketch_free(h.s);
}

static void test_a_follower_tells_the_last_summary_and_its_age(void **state)
{
	struct house h;

	(void)state;
	house(&h);
	h.facts.role = ROLE_TRAFFIC;
	h.facts.self = &h.members[2];
	h.facts.summary_age_ms = 5000;
	h.in.node = "t1";
	json_t *doc = document(&h);
	assert_string_equal(json_string_value(json_object_get(doc, "source")), "summary");
	assert_int_equal(json_integer_value(json_object_get(doc, "age_s")), 5);
	assert_true(has_problem(doc, "critical", "primary-unreachable", "t1"));
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "disconnected");
	json_decref(doc);
	h.facts.upstream_connected = true;
	doc = document(&h);
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "in-sync");
	json_decref(doc);
	h.facts.summary = NULL; /* right after a restart, alone */
	h.facts.upstream_connected = false;
	doc = document(&h);
	assert_true(json_is_null(json_object_get(doc, "age_s")));
	json_decref(doc);
	sketch_free(h.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_state_of_one_node),
		cmocka_unit_test(test_the_worst_of_all),
		cmocka_unit_test(test_a_healthy_cluster_has_no_problems),
		cmocka_unit_test(test_every_trouble_is_named),
		cmocka_unit_test(test_a_follower_tells_the_last_summary_and_its_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
