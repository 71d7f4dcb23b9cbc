#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "node/admin/gate.h"
#include "node/admin/verdict.h"
#include "tests/unit/node/scene.h"

static struct sketch *two_nodes(void)
{
	static struct fx_cert wild;
	struct sketch *s = sketch_new("access.example.com");

	wild = fx_cert((struct fx_spec){ .san = "DNS:*.example.com" });
	sketch_cert(s, "wild", &wild, CERT_ACTIVE);
	sketch_node(s, "p1", ROLE_PRIMARY, "p1.example.com", "");
	sketch_node(s, "t1", ROLE_TRAFFIC, "t1.elsewhere.org", "");
	s->scene.cluster_default = "wild";
	return s;
}

static void test_only_what_gets_worse_is_refused(void **state)
{
	struct sketch *s = two_nodes();
	const char *accept[] = { "ACCESS.example.com", "p1.example.com" };
	struct scene after;
	struct gate gate;
	char names[512];

	(void)state;
	assert_int_equal(scene_copy(&s->scene, s->arena, &after), CS_OK);
	assert_int_equal(
	        gate_change(&s->scene, &after, (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 0); /* t1 was uncovered before */
	after.certs[0].state = CERT_RETIRED;
	assert_int_equal(
	        gate_change(&s->scene, &after, (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 2);
	assert_string_equal(
	        gate_names(&gate, names, sizeof(names)), "access.example.com, p1.example.com");
	assert_int_equal(
	        gate_change(&s->scene, &after, (struct wire_texts){ accept, 2 }, s->arena, &gate),
	        CS_OK);
	assert_int_equal(gate.count, 0);
	sketch_free(s);
}

static void test_a_default_answers_for_its_nodes(void **state)
{
	struct sketch *s = two_nodes();
	struct gate gate;

	(void)state;
	assert_int_equal(
	        gate_default(&s->scene, NULL, (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 1);
	assert_string_equal(gate.loss[0].host, "t1.elsewhere.org");
	assert_string_equal(gate.loss[0].node, "t1");
	assert_int_equal(
	        gate_default(&s->scene, "p1", (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 0);
	s->nodes[1].own_default = "other"; /* t1 answers with its own: not the cluster's business */
	assert_int_equal(
	        gate_default(&s->scene, NULL, (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 0);
	sketch_free(s);
}

static void test_uncovered_names_of_one_node(void **state)
{
	struct sketch *s = two_nodes();
	struct gate gate;

	(void)state;
	assert_int_equal(
	        gate_uncovered(&s->scene, NULL, (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 1);
	assert_int_equal(
	        gate_uncovered(&s->scene, "p1", (struct wire_texts){ 0 }, s->arena, &gate), CS_OK);
	assert_int_equal(gate.count, 0);
	sketch_free(s);
}

static void test_verdicts(void **state)
{
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "CA" }),
	                     other = fx_cert((struct fx_spec){ .ca = true, .cn = "Other" });
	const struct fx_cert now = fx_cert(
	        (struct fx_spec){ .san = "DNS:a.example.com,DNS:b.example.com", .issuer = &ca });
	const struct {
		struct fx_spec spec;
		enum verdict verdict;
		bool replaces, activate;
	} table[] = {
		{ { .san = "DNS:a.example.com,DNS:b.example.com", .issuer = &ca, .same_key = &now },
		        VERDICT_RENEWAL, true, true },
		{ { .san = "DNS:a.example.com,DNS:b.example.com", .issuer = &ca }, VERDICT_REKEY,
		        true, true },
		{ { .san = "DNS:a.example.com", .issuer = &ca }, VERDICT_REISSUE, true, false },
		{ { .san = "DNS:a.example.com,DNS:b.example.com,DNS:c.example.com", .issuer = &ca },
		        VERDICT_REISSUE, true, false },
		{ { .san = "DNS:a.example.com,DNS:b.example.com", .issuer = &other },
		        VERDICT_REPLACEMENT, true, false },
		{ { .san = "DNS:c.example.com", .issuer = &other }, VERDICT_FIRST, false, true },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct sketch *s = sketch_new("a.example.com");
		const struct fx_cert fresh = fx_cert(table[i].spec);
		const struct verdict_flags plain = { .stage = false }, stage = { .stage = true };
		struct decision d;
		sketch_cert(s, "now", &now, CERT_ACTIVE);
		s->scene.cluster_default = "now";
		const struct scene_cert cert = *sketch_cert(s, "fresh", &fresh, CERT_STAGED);
		assert_int_equal(decide(&s->scene, &cert, &plain, s->arena, &d), CS_OK);
		assert_int_equal(d.verdict, table[i].verdict);
		assert_int_equal(d.replaces != NULL, table[i].replaces);
		assert_int_equal(d.activate, table[i].activate);
		assert_int_equal(d.err == CS_OK, table[i].activate);
		assert_string_equal(d.after.cluster_default, table[i].replaces ? "fresh" : "now");
		assert_string_equal(
		        s->scene.cluster_default, "now"); /* the scene of now is untouched */
		assert_int_equal(decide(&s->scene, &cert, &stage, s->arena, &d), CS_OK);
		assert_false(d.activate);
		assert_int_equal(d.err, CS_OK);
		sketch_free(s);
	}
}

static void test_what_is_allowed_by_name(void **state)
{
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "CA" }),
	                     other = fx_cert((struct fx_spec){ .ca = true, .cn = "Other" });
	const struct fx_cert now = fx_cert(
	        (struct fx_spec){ .san = "DNS:a.example.com,DNS:b.example.com", .issuer = &ca });
	const struct fx_cert fewer =
	        fx_cert((struct fx_spec){ .san = "DNS:a.example.com", .issuer = &other });
	const char *a[] = { "b.example.com" };
	const struct {
		struct verdict_flags flags;
		bool activate;
		const char *word;
	} table[] = {
		{ { .replacement = true }, false, "lacks names" },
		{ { .name_loss = true }, false, "another issuer" },
		{ { .replacement = true, .name_loss = true }, false, "uncovered: b.example.com" },
		{ { .replacement = true, .name_loss = true, .accepted = { a, 1 } }, true, "" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct sketch *s = sketch_new("b.example.com");
		struct decision d;
		sketch_cert(s, "now", &now, CERT_ACTIVE);
		const struct scene_cert cert = *sketch_cert(s, "fewer", &fewer, CERT_STAGED);
		assert_int_equal(decide(&s->scene, &cert, &table[i].flags, s->arena, &d), CS_OK);
		assert_int_equal(d.activate, table[i].activate);
		assert_non_null(strstr(d.text, table[i].word));
		sketch_free(s);
	}
}

static void test_twins_stand_side_by_side(void **state)
{
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "CA" });
	const struct fx_cert ec = fx_cert(
	        (struct fx_spec){ .san = "DNS:a.example.com,DNS:b.example.com", .issuer = &ca });
	const struct fx_cert rsa = fx_cert(
	        (struct fx_spec){ .san = "DNS:a.example.com", .issuer = &ca, .key = "RSA-2048" });
	const struct fx_cert renewed = fx_cert((struct fx_spec){
	        .san = "DNS:a.example.com", .issuer = &ca, .same_key = &rsa, .days_to = 95 });
	const struct verdict_flags plain = { .stage = false },
	                           swap = { .key_type = true, .name_loss = true, .asked = true };
	struct sketch *s = sketch_new("a.example.com");
	struct decision d;

	(void)state;
	sketch_cert(s, "ec", &ec, CERT_ACTIVE);
	s->scene.cluster_default = "ec";
	struct scene_cert *twin = sketch_cert(s, "rsa", &rsa, CERT_STAGED);
	assert_int_equal(decide(&s->scene, twin, &plain, s->arena, &d), CS_OK);
	assert_int_equal(d.verdict, VERDICT_TWIN);
	assert_true(d.activate && d.replaces == NULL && d.lost.n == 0);
	assert_string_equal(d.twin->id, "ec");
	assert_string_equal(d.after.cluster_default, "ec");
	assert_int_equal(decide(&s->scene, twin, &swap, s->arena, &d), CS_OK);
	assert_string_equal(d.replaces->id, "ec");
	assert_string_equal(d.key_change, "P-256 to RSA-2048");
	assert_int_equal(d.lost.n, 1);
	assert_string_equal(d.lost.v[0], "b.example.com");
	twin->state = CERT_ACTIVE; /* now a renewal finds the one of its own type */
	struct scene_cert *next = sketch_cert(s, "renewed", &renewed, CERT_STAGED);
	assert_int_equal(decide(&s->scene, next, &plain, s->arena, &d), CS_OK);
	assert_int_equal(d.verdict, VERDICT_RENEWAL);
	assert_string_equal(d.replaces->id, "rsa");
	sketch_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_gets_worse_is_refused),
		cmocka_unit_test(test_a_default_answers_for_its_nodes),
		cmocka_unit_test(test_uncovered_names_of_one_node),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_what_is_allowed_by_name),
		cmocka_unit_test(test_twins_stand_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
