#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "store/db/hash.h"
#include "store/serving/serving.h"
#include "tests/unit/store/state_fixture.h"

/* A state, the view derived from it, and the reader that is part of the writer. */
struct world {
	char state_dir[64], dir[64];
	struct state *state;
	struct serving_writer *writer;
	struct serving *reader;
	struct cs_arena *arena; /* of `changed` */
	struct wire_texts changed;
	uint64_t generation;
	int64_t now;
};

static void world_open(struct world *w)
{
	*w = (struct world){ .now = time(NULL) };
	fx_mkdir(w->state_dir);
	fx_mkdir(w->dir);
	w->state = fx_leader(w->state_dir, FX_MAP);
	assert_int_equal(serving_open(w->dir, "p1", FX_MAP, &w->writer), CS_OK);
	assert_int_equal(cs_arena_new(4 << 20, &w->arena), CS_OK);
}

static void world_close(struct world *w)
{
	state_close(&w->state);
	serving_close(&w->writer);
	cs_arena_free(&w->arena);
	fx_rmdir(w->state_dir);
	fx_rmdir(w->dir);
}

static void writer_reopen(struct world *w, const char *node)
{
	serving_close(&w->writer);
	assert_int_equal(serving_open(w->dir, node, FX_MAP, &w->writer), CS_OK);
	if (serving_reader_of(w->writer, &w->reader) != CS_OK)
		w->reader = NULL;
}

static enum cs_err put(struct world *w, uint32_t kind, const char *id, const struct wire_type *type,
        const void *plain)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_OBJECT_MAX);

	assert_int_equal(wire_encode(type, plain, &buf), CS_OK);
	return fx_put(w->state, 1, kind, id, cs_buf_view(&buf));
}

static void put_life(struct world *w, const char *id, uint32_t life)
{
	const struct wire_certificate certificate = { .name = id, .state = life };

	assert_int_equal(
	        put(w, OBJECT_CERTIFICATE, id, &wire_certificate_type, &certificate), CS_OK);
}

static void put_generation(struct world *w)
{
	const struct wire_activation activation = { .number = ++w->generation };

	assert_int_equal(
	        put(w, OBJECT_ACTIVATION, "current", &wire_activation_type, &activation), CS_OK);
}

static void put_default(struct world *w, const char *key, const char *id)
{
	const struct wire_default_choice choice = { .bundle = id };

	assert_int_equal(put(w, OBJECT_DEFAULT, key, &wire_default_choice_type, &choice), CS_OK);
}

/* Bundle and certificate of LEAF; its id into ID. */
static void import(struct world *w, const struct fx_cert *leaf, const struct fx_cert *const *chain,
        size_t n, uint32_t life, char id[17])
{
	struct cs_bytes issuers[4];
	struct pki_cert *cert = NULL;

	for (size_t i = 0; i < n; i++)
		issuers[i] = fx_der(chain[i]);
	assert_int_equal(pki_cert_read(fx_der(leaf), &cert), CS_OK);
	pki_cert_id(cert->sha256, id);
	pki_cert_free(&cert);
	const struct wire_bundle bundle = { .version = 1,
		.leaf = fx_der(leaf),
		.chain = { issuers, n },
		.sealed = cs_bytes_of("sealed") };
	assert_int_equal(put(w, OBJECT_BUNDLE, id, &wire_bundle_type, &bundle), CS_OK);
	put_life(w, id, life);
}

static void publish(struct world *w)
{
	put_generation(w);
	assert_int_equal(serving_prepare(w->writer, w->state, w->arena, &w->changed), CS_OK);
	assert_int_equal(serving_publish(w->writer), CS_OK);
	assert_int_equal(serving_reader_of(w->writer, &w->reader), CS_OK);
	assert_int_equal(serving_published(w->writer), fx_facts(w->state).position.seq);
}

static bool has_changed(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->changed.n; i++)
		if (strcmp(w->changed.v[i], id) == 0)
			return true;
	return false;
}

static struct serving_pick pick(struct world *w, const char *sni)
{
	const struct cs_bytes bytes = sni != NULL ? cs_bytes_of(sni) : (struct cs_bytes){ 0 };
	struct serving_pick out;

	const enum cs_err rc =
	        serving_pick(w->reader, sni != NULL ? &bytes : NULL, CHOICE_ANY, w->now, &out);
	assert_true(rc == CS_OK || rc == CS_ENOTFOUND);
	if (rc == CS_ENOTFOUND)
		assert_string_equal(out.id, "");
	return out;
}

static void names_lead_to_their_certificate_or_the_default(void **unused)
{
	(void)unused;
	struct world w;
	char a[17], b[17];
	world_open(&w);
	const struct fx_cert one = fx_cert(
	        (struct fx_spec){ .san = "DNS:Access.Example.com,DNS:*.example.com,IP:1.2.3.4" });
	const struct fx_cert two = fx_cert((struct fx_spec){ .san = "DNS:other.test" });
	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	import(&w, &two, NULL, 0, CERT_ACTIVE, b);
	publish(&w);
	assert_string_equal(pick(&w, "nothing.test").id, ""); /* no default yet */
	put_default(&w, "*", b);
	publish(&w);

	static const struct {
		const char *sni;
		bool one;
		enum serving_why why;
		enum pki_cover cover;
	} table[] = {
		{ "access.example.com", true, SERVING_NAME, PKI_COVER_EXACT },
		{ "ACCESS.example.COM.", true, SERVING_NAME, PKI_COVER_EXACT },
		{ "x.example.com", true, SERVING_NAME, PKI_COVER_WILDCARD },
		{ "x.y.example.com", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ "example.com", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ "other.test", false, SERVING_NAME, PKI_COVER_EXACT },
		{ "1.2.3.4", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ "::1", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ "*.example.com", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ "a b", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ "", false, SERVING_UNMATCHED, PKI_COVER_NONE },
		{ NULL, false, SERVING_NO_SNI, PKI_COVER_NONE },
	};
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct serving_pick got = pick(&w, table[i].sni);
		assert_string_equal(got.id, table[i].one ? a : b);
		assert_int_equal(got.why, table[i].why);
		assert_int_equal(got.cover, table[i].cover);
		assert_int_equal(got.key, PKI_KEY_P256);
		assert_true(got.not_before < w.now && w.now < got.not_after);
	}
	world_close(&w);
}

static void nothing_is_seen_before_it_is_published(void **unused)
{
	(void)unused;
	struct world w;
	char a[17];
	uint64_t seq = 0;
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });

	assert_int_equal(serving_reader_of(w.writer, &w.reader), CS_ENOTFOUND);
	publish(&w);
	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	assert_false(serving_pending(w.writer, &seq));
	assert_int_equal(serving_prepare(w.writer, w.state, w.arena, &w.changed), CS_OK);
	assert_true(serving_pending(w.writer, &seq));
	assert_int_equal(seq, fx_facts(w.state).position.seq);
	assert_true(has_changed(&w, a));
	assert_int_equal(serving_prepare(w.writer, w.state, w.arena, &w.changed), CS_EBUG);
	assert_string_equal(pick(&w, "a.test").id, "");
	serving_discard(w.writer);
	assert_int_equal(serving_publish(w.writer), CS_EBUG);
	assert_string_equal(pick(&w, "a.test").id, "");
	publish(&w);
	assert_string_equal(pick(&w, "a.test").id, a);
	world_close(&w);
}

static void only_active_certificates_are_served(void **unused)
{
	(void)unused;
	struct world w;
	char a[17], b[17];
	struct serving_facts facts;
	struct serving_cert cert;
	world_open(&w);
	const struct fx_cert old = fx_cert((struct fx_spec){ .san = "DNS:a.test,DNS:b.test" });
	const struct fx_cert new =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .days_from = -1, .days_to = 30 });

	import(&w, &old, NULL, 0, CERT_ACTIVE, a);
	import(&w, &new, NULL, 0, CERT_STAGED, b);
	publish(&w);
	assert_string_equal(pick(&w, "a.test").id, a);
	put_life(&w, a, CERT_RETIRED);
	put_life(&w, b, CERT_ACTIVE);
	publish(&w);
	assert_int_equal(w.changed.n, 2);
	assert_string_equal(pick(&w, "a.test").id, b);
	assert_string_equal(pick(&w, "b.test").id, "");
	assert_int_equal(serving_cert(w.reader, a, w.arena, &cert),
	        CS_OK); /* a handshake may have chosen it just now */
	put_life(&w, a, CERT_ACTIVE); /* a rollback */
	publish(&w);
	assert_string_equal(pick(&w, "b.test").id, a);
	assert_int_equal(fx_put(w.state, 1, OBJECT_CERTIFICATE, a, (struct cs_bytes){ 0 }), CS_OK);
	assert_int_equal(fx_put(w.state, 1, OBJECT_BUNDLE, a, (struct cs_bytes){ 0 }), CS_OK);
	publish(&w);
	assert_string_equal(pick(&w, "b.test").id, "");
	assert_int_equal(serving_facts(w.reader, &facts), CS_OK);
	assert_int_equal(facts.certificates, 1);
	assert_int_equal(facts.names, 1);
	assert_int_equal(facts.generation, w.generation);
	assert_string_equal(facts.default_id, "");
	world_close(&w);
}

static void the_choice_sees_exact_and_wildcard_candidates(void **unused)
{
	(void)unused;
	struct world w;
	char wild[17], exact[17], rsa[17];
	struct serving_pick out;
	const struct choice_candidate *v;
	const struct cs_bytes sni = cs_bytes_of("a.test.example");
	size_t n;
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:*.test.example" });
	const struct fx_cert gone = fx_cert(
	        (struct fx_spec){ .san = "DNS:a.test.example", .days_from = -9, .days_to = -1 });
	const struct fx_cert two =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test.example", .key = "RSA-2048" });

	import(&w, &one, NULL, 0, CERT_ACTIVE, wild);
	import(&w, &gone, NULL, 0, CERT_ACTIVE, exact);
	publish(&w);
	assert_string_equal(pick(&w, "a.test.example").id, wild); /* valid now before exact */
	import(&w, &two, NULL, 0, CERT_ACTIVE, rsa);
	publish(&w);
	assert_string_equal(pick(&w, "a.test.example").id, rsa);
	assert_int_equal(serving_pick(w.reader, &sni, CHOICE_P256, w.now, &out), CS_OK);
	assert_string_equal(out.id, wild);
	assert_int_equal(serving_candidates(w.reader, "a.test.example", w.arena, &v, &n), CS_OK);
	assert_int_equal(n, 3);
	assert_int_equal(serving_candidates(w.reader, "b.example", w.arena, &v, &n), CS_OK);
	assert_int_equal(n, 0);
	world_close(&w);
}

static void the_own_default_comes_before_the_clusters(void **unused)
{
	(void)unused;
	struct world w;
	char a[17], b[17];
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	const struct fx_cert two = fx_cert((struct fx_spec){ .san = "DNS:b.test" });

	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	import(&w, &two, NULL, 0, CERT_ACTIVE, b);
	put_default(&w, "*", a);
	put_default(&w, "node:other", b);
	publish(&w);
	assert_string_equal(pick(&w, NULL).id, a);
	put_default(&w, "node:p1", b);
	publish(&w);
	assert_string_equal(pick(&w, NULL).id, b);
	assert_true(has_changed(&w, a) && has_changed(&w, b));
	put_default(&w, "*", "0123456789abcdef"); /* not held: the other choice stands */
	put_default(&w, "node:p1", "0123456789abcdef");
	publish(&w);
	assert_string_equal(pick(&w, NULL).id, b);
	assert_int_equal(fx_put(w.state, 1, OBJECT_DEFAULT, "*", (struct cs_bytes){ 0 }), CS_OK);
	assert_int_equal(
	        fx_put(w.state, 1, OBJECT_DEFAULT, "node:p1", (struct cs_bytes){ 0 }), CS_OK);
	publish(&w);
	assert_string_equal(pick(&w, NULL).id, "");
	writer_reopen(&w, "other"); /* another node's view is derived anew */
	publish(&w);
	assert_string_equal(pick(&w, NULL).id, b);
	world_close(&w);
}

static void the_chain_is_served_without_its_root(void **unused)
{
	(void)unused;
	struct world w;
	char a[17];
	struct serving_cert cert;
	world_open(&w);
	const struct fx_cert root = fx_cert((struct fx_spec){ .cn = "root", .ca = true });
	const struct fx_cert middle =
	        fx_cert((struct fx_spec){ .cn = "middle", .ca = true, .issuer = &root });
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &middle });
	const struct fx_cert *const chain[] = { &middle, &root };

	import(&w, &leaf, chain, 2, CERT_ACTIVE, a);
	publish(&w);
	assert_int_equal(serving_cert(w.reader, a, w.arena, &cert), CS_OK);
	assert_true(cs_bytes_equal(cert.leaf, fx_der(&leaf)));
	assert_int_equal(cert.chain_count, 1);
	assert_true(cs_bytes_equal(cert.chain[0], fx_der(&middle)));
	assert_int_equal(serving_cert(w.reader, "0123456789abcdef", w.arena, &cert), CS_ENOTFOUND);
	world_close(&w);
}

static void what_cannot_be_derived_stays_as_it_was(void **unused)
{
	(void)unused;
	struct world w;
	char a[17];
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });

	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	put_life(&w, "0123456789abcdef", CERT_ACTIVE); /* no bundle */
	const struct wire_bundle bad = { .leaf = cs_bytes_of("no certificate") };
	assert_int_equal(
	        put(&w, OBJECT_BUNDLE, "1123456789abcdef", &wire_bundle_type, &bad), CS_OK);
	put_life(&w, "1123456789abcdef", CERT_ACTIVE);
	publish(&w);
	assert_string_equal(pick(&w, "a.test").id, a);
	assert_int_equal(put(&w, OBJECT_BUNDLE, a, &wire_bundle_type, &bad), CS_OK);
	publish(&w);
	assert_string_equal(pick(&w, "a.test").id, a);
	assert_int_equal(
	        fx_put(w.state, 1, OBJECT_ACTIVATION, "current", (struct cs_bytes){ 0 }), CS_OK);
	put_life(&w, a, CERT_RETIRED);
	assert_int_equal(serving_prepare(w.writer, w.state, w.arena, &w.changed), CS_ECONFLICT);
	assert_string_equal(pick(&w, "a.test").id, a);
	world_close(&w);
}

static void stamp(const struct world *w, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/stamp", w->dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_view_outlives_a_restart_but_no_crash_of_the_machine(void **unused)
{
	(void)unused;
	struct world w;
	char a[17];
	struct serving *edge = NULL;
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });

	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	publish(&w);
	writer_reopen(&w, "p1");
	assert_int_equal(serving_published(w.writer), fx_facts(w.state).position.seq);
	assert_string_equal(pick(&w, "a.test").id, a); /* served before anything is derived */
	publish(&w);
	assert_int_equal(w.changed.n, 0);
	static const char *const untrusted[] = { "certspan-serving 1 another-boot\n",
		"certspan-serving 2 clean\n", "" };
	for (size_t i = 0; i < CS_COUNT(untrusted); i++) {
		serving_close(&w.writer);
		stamp(&w, untrusted[i]);
		assert_int_equal(serving_attach(w.dir, FX_MAP, &edge), CS_ENOTFOUND);
		assert_int_equal(serving_open(w.dir, "p1", FX_MAP, &w.writer), CS_OK);
		assert_int_equal(serving_published(w.writer), 0);
		publish(&w);
		assert_string_equal(pick(&w, "a.test").id, a);
	}
	world_close(&w);
}

static void a_view_of_another_line_is_derived_anew(void **unused)
{
	(void)unused;
	struct world w, other;
	char a[17], b[17];
	world_open(&w);
	world_open(&other);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	const struct fx_cert two = fx_cert((struct fx_spec){ .san = "DNS:b.test" });

	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	publish(&w);
	import(&other, &two, NULL, 0, CERT_ACTIVE, b);
	struct state *mine = w.state;
	w.state = other.state; /* same history and seq, another chain */
	publish(&w);
	assert_string_equal(pick(&w, "a.test").id, "");
	assert_string_equal(pick(&w, "b.test").id, b);
	w.state = mine;
	world_close(&w);
	world_close(&other);
}

static void another_process_reads_each_view_from_its_next_look_on(void **unused)
{
	(void)unused;
	struct world w;
	char a[17], byte;
	int go[2], back[2];
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	char dir[64];
	memcpy(dir, w.dir, sizeof(dir));

	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	serving_close(&w.writer); /* an environment must not be open across fork */
	state_close(&w.state);
	assert_true(pipe(go) == 0 && pipe(back) == 0);
	const pid_t child = fork();
	if (child == 0) {
		struct serving *edge = NULL;
		struct serving_pick out;
		const struct cs_bytes sni = cs_bytes_of("a.test");
		if (serving_attach(dir, FX_MAP, &edge) != CS_ENOTFOUND ||
		        write(back[1], "x", 1) != 1)
			_exit(1);
		if (read(go[0], &byte, 1) != 1 || serving_attach(dir, FX_MAP, &edge) != CS_OK)
			_exit(2);
		if (serving_pick(edge, &sni, CHOICE_ANY, w.now, &out) != CS_OK ||
		        strcmp(out.id, a) != 0)
			_exit(3);
		if (write(back[1], "x", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(4);
		_exit(serving_pick(edge, &sni, CHOICE_ANY, w.now, &out) == CS_ENOTFOUND ? 0 : 5);
	}
	assert_int_equal(read(back[0], &byte, 1), 1);
	assert_int_equal(state_open(w.state_dir, true, false, FX_MAP, &w.state), CS_OK);
	assert_int_equal(serving_open(w.dir, "p1", FX_MAP, &w.writer), CS_OK);
	publish(&w);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(back[0], &byte, 1), 1);
	put_life(&w, a, CERT_RETIRED);
	publish(&w);
	assert_int_equal(write(go[1], "x", 1), 1);
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
	world_close(&w);
}

/* Flips a bit in whatever holds NEEDLE, AFTER bytes behind its begin. */
static void flip(const char *dir, const void *needle, size_t n, size_t after)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	uint8_t *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
	        *at = p;
	assert_true(p != MAP_FAILED);
	while ((at = memmem(at, (size_t)(st.st_size - (at - p)), needle, n)) != NULL) {
		at[after] ^= 4;
		at++;
	}
	munmap(p, (size_t)st.st_size);
	close(fd);
}

static void a_damaged_record_is_never_a_default_and_heals(void **unused)
{
	(void)unused;
	struct world w;
	char a[17], b[17];
	struct serving_pick out;
	struct serving_cert cert;
	const struct cs_bytes sni = cs_bytes_of("quite-long-name.test");
	world_open(&w);
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:quite-long-name.test" });
	const struct fx_cert two = fx_cert((struct fx_spec){ .san = "DNS:b.test" });

	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	import(&w, &two, NULL, 0, CERT_ACTIVE, b);
	put_default(&w, "*", b);
	publish(&w);
	serving_close(&w.writer);
	/* in `names` the candidate follows the key: its notBefore */
	flip(w.dir, "quite-long-name.test", 20, 20 + 24 + 1 + 7);
	/* the leaf of row `certs`, where no other leaf has the same bytes */
	flip(w.dir, one.der + one.der_len - 70, 60, 10);
	assert_int_equal(serving_open(w.dir, "p1", FX_MAP, &w.writer), CS_OK);
	assert_int_equal(serving_reader_of(w.writer, &w.reader), CS_OK);
	assert_int_equal(serving_pick(w.reader, &sni, CHOICE_ANY, w.now, &out), CS_ECORRUPT);
	assert_string_equal(out.id, "");
	assert_int_equal(serving_cert(w.reader, a, w.arena, &cert), CS_ECORRUPT);
	assert_string_equal(pick(&w, "b.test").id, b);
	put_life(&w, a, CERT_ACTIVE); /* touches it: the damage is found, all is derived anew */
	publish(&w);
	assert_string_equal(pick(&w, "quite-long-name.test").id, a);
	world_close(&w);
}

/* What a real client would get after the leaf: never the root. */
static void the_chosen_chain_is_served_without_its_root(void **unused)
{
	(void)unused;
	struct world w;
	char id[17];
	struct serving_cert cert;
	const struct fx_cert root = fx_cert((struct fx_spec){ .cn = "root", .ca = true });
	const struct fx_cert sub =
	        fx_cert((struct fx_spec){ .cn = "sub", .ca = true, .issuer = &root });
	const struct fx_cert other = fx_cert(
	        (struct fx_spec){ .cn = "sub", .ca = true, .issuer = &root, .same_key = &sub });
	const struct fx_cert leaf =
	        fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &sub });
	const struct fx_cert *const own[] = { &sub, &root };

	world_open(&w);
	import(&w, &leaf, own, 2, CERT_ACTIVE, id);
	publish(&w);
	const uint64_t before = pick(&w, "a.test").issuers;
	assert_int_equal(serving_cert(w.reader, id, w.arena, &cert), CS_OK);
	assert_int_equal(cert.chain_count, 1);
	assert_true(cs_bytes_equal(cert.chain[0], fx_der(&sub)));

	/* one by its fingerprint in the CA pool, then the root as DER */
	uint8_t sum[32];
	char ca_id[17];
	hash_sha256(fx_der(&other), sum);
	pki_cert_id(sum, ca_id);
	const struct wire_ca ca = { .der = fx_der(&other), .name = "sub" };
	const struct cs_bytes issuers[] = { { sum, sizeof(sum) }, fx_der(&root) };
	struct wire_chain chain = {
		.mode = CHAIN_MANUAL, .issuers = { issuers, 2 }, .actor = "uid:0"
	};
	assert_int_equal(put(&w, OBJECT_CA, ca_id, &wire_ca_type, &ca), CS_OK);
	assert_int_equal(put(&w, OBJECT_CHAIN, id, &wire_chain_type, &chain), CS_OK);
	publish(&w);
	assert_true(has_changed(&w, id));
	assert_int_equal(serving_cert(w.reader, id, w.arena, &cert), CS_OK);
	assert_int_equal(cert.chain_count, 1);
	assert_true(cs_bytes_equal(cert.chain[0], fx_der(&other)));
	assert_true(pick(&w, "a.test").issuers != before); /* edges must not take it for the same */

	chain = (struct wire_chain){ .mode = CHAIN_CURRENT, .own = true, .actor = "uid:0" };
	assert_int_equal(put(&w, OBJECT_CHAIN, id, &wire_chain_type, &chain), CS_OK);
	publish(&w);
	assert_int_equal(pick(&w, "a.test").issuers, before);
	world_close(&w);
}

static void a_full_view_leaves_the_published_one(void **unused)
{
	(void)unused;
	struct world w;
	char a[17], b[17];
	world_open(&w);
	char sans[16000] = "DNS:first.test";
	const struct fx_cert one = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	for (unsigned i = 0; i < 300; i++)
		snprintf(sans + strlen(sans), sizeof(sans) - strlen(sans), ",DNS:n%u.x.test",
		        i * 7919);
	const struct fx_cert many = fx_cert((struct fx_spec){ .san = sans });

	serving_close(&w.writer);
	assert_int_equal(serving_open(w.dir, "p1", 64u << 10, &w.writer), CS_OK);
	import(&w, &one, NULL, 0, CERT_ACTIVE, a);
	publish(&w);
	import(&w, &many, NULL, 0, CERT_ACTIVE, b);
	assert_int_equal(serving_prepare(w.writer, w.state, w.arena, &w.changed), CS_EFULL);
	assert_string_equal(pick(&w, "a.test").id, a);
	serving_close(&w.writer);
	assert_int_equal(serving_open(w.dir, "p1", FX_MAP, &w.writer), CS_OK);
	publish(&w);
	assert_string_equal(pick(&w, "n0.x.test").id, b);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_process_reads_each_view_from_its_next_look_on),
		cmocka_unit_test(names_lead_to_their_certificate_or_the_default),
		cmocka_unit_test(nothing_is_seen_before_it_is_published),
		cmocka_unit_test(only_active_certificates_are_served),
		cmocka_unit_test(the_choice_sees_exact_and_wildcard_candidates),
		cmocka_unit_test(the_own_default_comes_before_the_clusters),
		cmocka_unit_test(the_chain_is_served_without_its_root),
		cmocka_unit_test(what_cannot_be_derived_stays_as_it_was),
		cmocka_unit_test(a_view_outlives_a_restart_but_no_crash_of_the_machine),
		cmocka_unit_test(a_view_of_another_line_is_derived_anew),
		cmocka_unit_test(a_damaged_record_is_never_a_default_and_heals),
		cmocka_unit_test(the_chosen_chain_is_served_without_its_root),
		cmocka_unit_test(a_full_view_leaves_the_published_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
