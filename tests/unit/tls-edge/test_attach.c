#include <sys/wait.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "tests/unit/store/state_fixture.h"
#include "tls-edge/select/attach.h"

static struct state *state;
static struct serving_writer *writer;
static char state_dir[64], dir[64], path[80];
static uint64_t generation;

static void put(uint32_t kind, const char *id, const struct wire_type *type, const void *plain)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_OBJECT_MAX);

	assert_int_equal(wire_encode(type, plain, &buf), CS_OK);
	assert_int_equal(fx_put(state, 1, kind, id, cs_buf_view(&buf)), CS_OK);
}

static void import(const struct fx_cert *leaf, char id[17])
{
	struct pki_cert *cert;

	assert_int_equal(pki_cert_read(fx_der(leaf), &cert), CS_OK);
	pki_cert_id(cert->sha256, id);
	pki_cert_free(&cert);
	const struct wire_bundle bundle = {
		.version = 1, .leaf = fx_der(leaf), .sealed = cs_bytes_of("sealed")
	};
	const struct wire_certificate life = { .name = id, .state = CERT_ACTIVE };
	put(OBJECT_BUNDLE, id, &wire_bundle_type, &bundle);
	put(OBJECT_CERTIFICATE, id, &wire_certificate_type, &life);
}

static void publish(void)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_activation activation = { .number = ++generation };
	struct wire_texts changed;

	put(OBJECT_ACTIVATION, "current", &wire_activation_type, &activation);
	assert_int_equal(cs_arena_new(4 << 20, &arena), CS_OK);
	assert_int_equal(serving_prepare(writer, state, arena, &changed), CS_OK);
	assert_int_equal(serving_publish(writer), CS_OK);
}

static enum cs_err pick(const struct source *source, const char *sni, char id[24])
{
	const struct cs_bytes name = cs_bytes_of(sni);
	struct serving_pick out = { .id = "" };
	const enum cs_err rc =
	        source->pick(source->self, &name, CHOICE_ANY, cs_clock_wall_s(), &out);

	memcpy(id, out.id, sizeof(out.id));
	return rc;
}

/* A process may open an environment once: the edge's end is a child. */
static void in_child(const char *sni, const char *want)
{
	const pid_t pid = fork();

	if (pid == 0) {
		struct attach *attach;
		char id[24];
		if (attach_new(path, FX_MAP, &attach) != CS_OK)
			_exit(2);
		const struct source source = attach_source(attach);
		const enum cs_err rc = pick(&source, sni, id);
		attach_free(&attach);
		_exit(want == NULL ? rc != CS_ENOTFOUND : rc != CS_OK || strcmp(id, want) != 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void it_waits_for_the_first_view_and_sees_each_change(void **unused)
{
	char one[17], two[17];
	const struct fx_cert a = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	const struct fx_cert b = fx_cert((struct fx_spec){ .san = "DNS:b.test" });

	(void)unused;
	in_child("a.test", NULL); /* not even the folder is there */
	fx_mkdir(state_dir);
	state = fx_leader(state_dir, FX_MAP);
	assert_int_equal(serving_open(path, "p1", FX_MAP, &writer), CS_OK);
	in_child("a.test", NULL);
	import(&a, one);
	publish();
	in_child("a.test", one);
	in_child("b.test", NULL);
	import(&b, two);
	publish();
	in_child("b.test", two);
	serving_close(&writer);
	state_close(&state);
	fx_rmdir(state_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		it_waits_for_the_first_view_and_sees_each_change) };

	snprintf(path, sizeof(path), "%s/serving", fx_mkdir(dir));
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	fx_rmdir(dir);
	return failed;
}
