/* What is asked of keyd and the prober, and what their answers change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sodium.h>
#include <sys/stat.h>
#include "replicator/driver/signature.h"
#include "replicator/enrol/mac.h"
#include "replicator/local/opening.h"
#include "replicator/local/prober.h"
#include "store/pki/cert.h"
#include "tests/unit/fixture.h"

static char dir[64];
static struct state *store;
static struct serving_writer *serving;
static struct fx_cert cert;
static char cert_id[17];
static uint64_t seq;

static void write_object(
        uint32_t kind, const char *id, const struct wire_type *type, const void *body)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_OBJECT_MAX);
	struct state_change change = { .kind = kind, .id = id, .tombstone = type == NULL };
	struct state_position at;

	if (type != NULL)
		assert_int_equal(wire_encode(type, body, &buf), CS_OK);
	change.payload = cs_buf_view(&buf);
	const struct state_write w = {
		.changes = &change, .count = 1, .epoch = 1, .at_ms = 1, .actor = "t"
	};
	assert_int_equal(state_commit(store, &w, 1, &at), CS_OK);
	seq = at.seq;
}

static void write_cert(const char *id, const struct fx_cert *c)
{
	const struct wire_bundle b = { .version = 1,
		.secret_epoch = 1,
		.leaf = fx_der(c),
		.sealed = { (const uint8_t *)"x", 1 } };
	const struct wire_certificate life = { .name = "",
		.state = CERT_ACTIVE,
		.generation = 1,
		.replaces = "",
		.replaced_by = "",
		.verdict = "first",
		.imported_by = "" };

	write_object(OBJECT_BUNDLE, id, &wire_bundle_type, &b);
	write_object(OBJECT_CERTIFICATE, id, &wire_certificate_type, &life);
}

static int setup(void **state)
{
	char path[96];
	uint8_t sha[32];
	struct wire_reign r = { .epoch = 1,
		.history = { (const uint8_t *)"0123456789abcdef", 16 },
		.leader = "p1",
		.first_seq = 1 };

	(void)state;
	assert_non_null(fx_mkdir(dir));
	snprintf(path, sizeof(path), "%s/state", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(state_create(path, 1 << 28, (const uint8_t *)"clusterclusterxx",
	                         (const uint8_t *)"0123456789abcdef0123456789abcdef", "p1", &store),
	        CS_OK);
	assert_int_equal(state_begin_reign(store, &r), CS_OK);
	cert = fx_cert((struct fx_spec){ .san = "DNS:a.example.com,DNS:*.example.com" });
	crypto_hash_sha256(sha, cert.der, cert.der_len);
	pki_cert_id(sha, cert_id);
	write_cert(cert_id, &cert);
	write_object(OBJECT_DEFAULT, "*", &wire_default_choice_type,
	        &(struct wire_default_choice){ .bundle = cert_id, .at = 1, .actor = "" });
	write_object(OBJECT_ACTIVATION, "current", &wire_activation_type,
	        &(struct wire_activation){ .number = 1, .actor = "", .reason = "" });
	snprintf(path, sizeof(path), "%s/serving", dir);
	assert_int_equal(serving_open(path, "p1", 1 << 28, &serving), CS_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_close(&serving);
	state_close(&store);
	fx_rmdir(dir);
	return 0;
}

static void every_bundle_is_asked_for_once_and_counts_when_opened(void **state)
{
	CS_AUTO(opening_free) struct opening *k = NULL;
	const char *ids[8];

	(void)state;
	assert_int_equal(opening_new(&k), CS_OK);
	assert_int_equal(opening_scan(k, store), CS_OK);
	assert_int_equal(opening_take(k, ids, 8), 1);
	assert_string_equal(ids[0], cert_id);
	assert_int_equal(opening_take(k, ids, 8), 0);
	assert_int_equal(opening_loaded(k), 0);
	const struct wire_opened opened = {
		.bundle = cert_id, .error = "", .wrapped = { (const uint8_t *)"w", 1 }
	};
	assert_int_equal(opening_opened(k, &opened), CS_OK);
	assert_int_equal(opening_loaded(k), seq);
	assert_true(opening_holds_results(k));
	assert_int_equal(opening_flush(k, store), CS_OK);
}

static void what_was_opened_is_not_asked_for_after_a_restart(void **state)
{
	CS_AUTO(opening_free) struct opening *k = NULL;
	const char *ids[8];

	(void)state;
	assert_int_equal(opening_new(&k), CS_OK);
	assert_int_equal(opening_scan(k, store), CS_OK);
	assert_int_equal(opening_take(k, ids, 8), 0);
	assert_int_equal(opening_loaded(k), seq);
}

static void one_bundle_that_cannot_be_opened_stops_nothing(void **state)
{
	CS_AUTO(opening_free) struct opening *k = NULL;
	const char *ids[8];
	const struct wire_bundle b = {
		.version = 1, .secret_epoch = 9, .sealed = { (const uint8_t *)"x", 1 }
	};

	(void)state;
	write_object(OBJECT_BUNDLE, "00000000000000bb", &wire_bundle_type, &b);
	assert_int_equal(opening_new(&k), CS_OK);
	assert_int_equal(opening_scan(k, store), CS_OK);
	assert_int_equal(opening_take(k, ids, 8), 1);
	const struct wire_opened failed = { .bundle = "00000000000000bb", .error = "CS_ELOCKED" };
	assert_int_equal(opening_opened(k, &failed), CS_OK);
	assert_int_equal(opening_unopened(k), 1);
	assert_int_equal(opening_loaded(k), seq);
	opening_again(k);
	assert_int_equal(opening_take(k, ids, 8), 1);
	write_object(OBJECT_BUNDLE, "00000000000000bb", NULL, NULL);
	assert_int_equal(opening_scan(k, store), CS_OK);
	assert_int_equal(opening_unopened(k), 0);
}

static struct serving *publish(struct prober *p)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_texts changed;
	struct serving *lookup = NULL;

	assert_int_equal(cs_arena_new(8 << 20, &arena), CS_OK);
	assert_int_equal(serving_prepare(serving, store, arena, &changed), CS_OK);
	assert_int_equal(serving_publish(serving), CS_OK);
	assert_int_equal(prober_changed(p, store, changed, seq), CS_OK);
	assert_int_equal(serving_reader_of(serving, &lookup), CS_OK);
	return lookup;
}

/* Answers ROUND: all match but NOT (by sni). */
static void reply(
        struct prober *p, const struct wire_probe_round *round, const char * not, int64_t now)
{
	struct wire_probe v[64];

	for (size_t i = 0; i < round->probes.n; i++) {
		v[i] = round->probes.v[i];
		v[i].at_ms = 1;
		v[i].got = v[i].want;
		v[i].result = strcmp(v[i].sni, not ) == 0 ? PROBE_OLD : PROBE_MATCH;
	}
	assert_true(prober_done(p,
	        &(struct wire_probed){ .round = round->round, .probes = { v, round->probes.n } },
	        now));
}

static bool asks(const struct wire_probe_round *round, uint32_t kind, const char *sni)
{
	for (size_t i = 0; i < round->probes.n; i++)
		if (round->probes.v[i].kind == kind && strcmp(round->probes.v[i].sni, sni) == 0)
			return true;
	return false;
}

static void a_change_is_served_when_every_name_of_it_is_proven(void **state)
{
	CS_AUTO(prober_free) struct prober *p = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const char *const own[] = { "p1.example.com", "site.example.com" };
	struct wire_probe_round round;

	(void)state;
	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	assert_int_equal(prober_new(&p), CS_OK);
	assert_int_equal(prober_base(p, own, 2), CS_OK);
	struct serving *lookup = publish(p);
	assert_int_equal(prober_round(p, lookup, 1, 0, arena, &round), CS_OK);
	assert_true(asks(&round, PROBE_SNI, "a.example.com"));
	assert_true(asks(&round, PROBE_SNI, "certspan-probe.example.com"));
	assert_true(asks(&round, PROBE_SNI, "p1.example.com"));
	assert_true(asks(&round, PROBE_NO_SNI, ""));
	assert_true(asks(&round, PROBE_UNMATCHED, "certspan-unmatched.invalid"));
	assert_int_equal(
	        prober_round(p, lookup, 1, 0, arena, &round), CS_EAGAIN); /* one at a time */
	reply(p, &round, "a.example.com", 10);
	assert_int_equal(prober_served(p), 0);
	assert_int_equal(
	        prober_round(p, lookup, 1, 10, arena, &round), CS_EAGAIN); /* not at once again */
	assert_int_equal(prober_round(p, lookup, 1, 200, arena, &round), CS_OK);
	assert_int_equal(round.probes.n, 1);
	reply(p, &round, "", 210);
	assert_int_equal(prober_served(p), seq);
	assert_true(prober_idle(p));
}

static void without_a_certificate_there_is_nothing_to_prove(void **state)
{
	CS_AUTO(prober_free) struct prober *p = NULL;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_probe_round round;

	(void)state;
	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	assert_int_equal(prober_new(&p), CS_OK);
	assert_int_equal(prober_changed(p, store, (struct wire_texts){ NULL, 0 }, 7), CS_OK);
	assert_int_equal(prober_round(p, NULL, 1, 0, arena, &round), CS_ENOTFOUND);
	assert_int_equal(prober_served(p), 7);
}

static void a_mac_changes_with_key_and_text(void **state)
{
	const uint8_t secret[16] = { 1 }, other[16] = { 2 };
	struct wire_enrol e = { .version = 1, .name = "t1", .software = "" };
	uint8_t a[32], b[32], c[32];

	(void)state;
	assert_int_equal(enrol_mac(&e, secret, a), CS_OK);
	assert_int_equal(enrol_mac(&e, other, b), CS_OK);
	e.name = "t2";
	assert_int_equal(enrol_mac(&e, secret, c), CS_OK);
	assert_true(mac_equal(a, (struct cs_bytes){ a, 32 }));
	assert_false(mac_equal(a, (struct cs_bytes){ b, 32 }));
	assert_false(mac_equal(a, (struct cs_bytes){ c, 32 }));
	assert_false(mac_equal(a, (struct cs_bytes){ a, 31 }));
}

static void a_mark_counts_from_the_leader_of_its_reign_alone(void **state)
{
	CS_AUTO(registry_free) struct registry *registry = NULL;
	uint8_t pub[32], secret[64], traffic_pub[32], traffic_secret[64], signature[64];
	const struct wire_position at = { { (const uint8_t *)"0123456789abcdef", 16 }, 3,
		{ NULL, 0 } };
	struct wire_reign r = { .epoch = 1, .history = at.history, .leader = "p1", .first_seq = 1 };
	struct wire_mark m = { .sid = 5,
		.epoch = 1,
		.from = 3,
		.position = &at,
		.reigns = { &r, 1 },
		.signer = "p1" };
	struct wire_node p1 = { .name = "p1",
		.role = ROLE_PRIMARY,
		.public_host = "",
		.internal = "",
		.enrolled_at = 1 };
	struct wire_node t1 = { .name = "t1",
		.role = ROLE_TRAFFIC,
		.public_host = "",
		.internal = "",
		.enrolled_at = 1 };

	(void)state;
	crypto_sign_keypair(pub, secret);
	crypto_sign_keypair(traffic_pub, traffic_secret);
	p1.sign_key = (struct cs_bytes){ pub, 32 };
	t1.sign_key = (struct cs_bytes){ traffic_pub, 32 };
	write_object(OBJECT_NODE, "p1", &wire_node_type, &p1);
	write_object(OBJECT_NODE, "t1", &wire_node_type, &t1);
	assert_int_equal(registry_load(store, &registry), CS_OK);
	assert_int_equal(mark_sign(&m, secret, signature), CS_OK);
	m.signature = (struct cs_bytes){ signature, 64 };
	assert_true(mark_good(&m, registry));
	m.sid = 6; /* not signed: it is the session's */
	assert_true(mark_good(&m, registry));
	m.from = 2;
	assert_false(mark_good(&m, registry));
	m.from = 3;
	m.signer = r.leader = "t1"; /* no pair member, whatever it signs */
	assert_int_equal(mark_sign(&m, traffic_secret, signature), CS_OK);
	assert_false(mark_good(&m, registry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bundle_is_asked_for_once_and_counts_when_opened),
		cmocka_unit_test(what_was_opened_is_not_asked_for_after_a_restart),
		cmocka_unit_test(one_bundle_that_cannot_be_opened_stops_nothing),
		cmocka_unit_test(a_change_is_served_when_every_name_of_it_is_proven),
		cmocka_unit_test(without_a_certificate_there_is_nothing_to_prove),
		cmocka_unit_test(a_mac_changes_with_key_and_text),
		cmocka_unit_test(a_mark_counts_from_the_leader_of_its_reign_alone),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
