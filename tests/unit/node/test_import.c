/* An upload in its cage, as a child process, between a keyd and an admin process that this test
 * plays. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include "node/import/cage.h"
#include "node/import/submit.h"
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/role/channel.h"
#include "proto/wire/packet.h"
#include "tests/unit/fixture.h"

#define WAIT_MS 20000
#define PASS "correct horse battery"

static struct fx_cert ca, a, b;

static OSSL_PROVIDER *providers[2];

static int unload(void **state)
{
	(void)state;
	for (size_t i = 0; i < CS_COUNT(providers); i++)
		if (providers[i] != NULL)
			OSSL_PROVIDER_unload(providers[i]);
	return 0;
}

static int mint(void **state)
{
	(void)state;
	/* before any fork: the old algorithms, to write with */
	providers[0] = OSSL_PROVIDER_load(NULL, "default");
	providers[1] = OSSL_PROVIDER_load(NULL, "legacy");
	assert_non_null(providers[0]);
	ca = fx_cert((struct fx_spec){ .cn = "CA", .ca = true });
	a = fx_cert((struct fx_spec){ .san = "DNS:a.example", .issuer = &ca });
	b = fx_cert((struct fx_spec){ .san = "DNS:b.example", .issuer = &ca, .key = "RSA-2048" });
	return 0;
}

/* What the admin process was told, kept until the next run. */
static struct {
	size_t submits, seals;
	char error[40], reason[CS_TEXT_MAX], id[40], csr[48];
	size_t cas, findings;
	bool bundle;
	uint32_t status;
	char body[4096];
	int exit;
} seen;

static void importer(int keyd, int admin, const struct wire_door *door, int out)
{
	const struct submit_to to = { keyd, admin, 1000 };
	struct cs_buf body = cs_buf_new(100000);
	struct upload upload = { 0 };
	bool seccomp;
	uint32_t status = 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	enum cs_err rc = cage_enter(&seccomp);
	if (rc == CS_OK)
		rc = upload_read(door, &upload);
	if (rc == CS_OK)
		rc = submit_upload(&to, door, &upload, &status, &body);
	(void)!write(out, &status, sizeof(status));
	(void)!write(out, body.p, body.n);
	upload_free(&upload);
	cs_buf_free(&body);
	_exit(rc);
}

static bool open_request; /* keyd has one that fits any certificate */

static void play_keyd(int fd)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	if (channel_receive(fd, &packet, NULL) != CS_OK || packet.id != PACKET_seal)
		return;
	const struct wire_seal *seal = packet.body;
	const struct wire_bundle bundle = { 1, 1, seal->leaf, seal->chain, cs_bytes_of("sealed") };
	const bool taken = seal->pkcs8.n > 0 || open_request;
	const struct wire_sealed sealed = { .tag = seal->tag,
		.error = taken ? "" : "CS_ENOKEY",
		.id = taken ? "0123456789abcdef" : "",
		.bundle = taken ? &bundle : NULL,
		.reason = taken ? "" : "no open request",
		.csr = seal->pkcs8.n == 0 && taken ? "c5" : "" };
	seen.seals++;
	assert_int_equal(channel_send(fd, PACKET_sealed, &sealed, -1), CS_OK);
}

static void play_admin(int fd)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	const struct wire_door_reply reply = { .status = 200, .body = "{}" };

	if (channel_receive(fd, &packet, NULL) != CS_OK || packet.id != PACKET_submit)
		return;
	const struct wire_submit *submit = packet.body;
	seen.submits++;
	snprintf(seen.error, sizeof(seen.error), "%s", submit->error);
	snprintf(seen.reason, sizeof(seen.reason), "%s", submit->reason);
	snprintf(seen.id, sizeof(seen.id), "%s", submit->id);
	seen.cas = submit->cas.n;
	seen.findings = submit->findings.n;
	snprintf(seen.csr, sizeof(seen.csr), "%s", submit->csr);
	seen.bundle = submit->bundle != NULL;
	assert_int_equal(submit->uid, 1000);
	assert_string_equal(submit->options, "{\"stage\":true}");
	assert_int_equal(channel_send(fd, PACKET_door_reply, &reply, -1), CS_OK);
}

static void run(const struct wire_upload *files, size_t n, const char *passphrase)
{
	struct wire_door door = { .verb = "import",
		.options = "{\"stage\":true}",
		.has_passphrase = passphrase != NULL,
		.passphrase = cs_bytes_of(passphrase != NULL ? passphrase : "") };
	int keyd[2], admin[2], out[2], status;

	memset(&seen, 0, sizeof(seen));
	door.files.v = files;
	door.files.n = n;
	assert_int_equal(channel_pair(keyd), CS_OK);
	assert_int_equal(channel_pair(admin), CS_OK);
	assert_int_equal(pipe(out), 0);
	const pid_t pid = fork();
	if (pid == 0)
		importer(keyd[1], admin[1], &door, out[1]);
	close(out[1]);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		play_keyd(keyd[0]);
		play_admin(admin[0]);
		usleep(1000);
	}
	seen.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	if (read(out[0], &seen.status, sizeof(seen.status)) == sizeof(seen.status))
		(void)!read(out[0], seen.body, sizeof(seen.body) - 1);
	close(out[0]);
	for (int i = 0; i < 2; i++) {
		close(keyd[i]);
		close(admin[i]);
	}
}

static struct cs_bytes p12(const struct fx_cert *cert, int key_nid, int cert_nid, int iterations)
{
	const uint8_t *p = cert->der, *k = cert->pkcs8, *c = ca.der;
	X509 *x = d2i_X509(NULL, &p, (long)cert->der_len),
	     *root = d2i_X509(NULL, &c, (long)ca.der_len);
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &k, (long)cert->pkcs8_len);
	STACK_OF(X509) *chain = sk_X509_new_null();
	uint8_t *der = NULL;

	sk_X509_push(chain, root);
	PKCS12 *made = PKCS12_create(
	        PASS, "a", key, x, chain, key_nid, cert_nid, iterations, iterations, 0);
	assert_non_null(made);
	const int n = i2d_PKCS12(made, &der);
	PKCS12_free(made);
	sk_X509_pop_free(chain, X509_free);
	EVP_PKEY_free(key);
	X509_free(x);
	return (struct cs_bytes){ der, (size_t)n };
}

static void drop(struct cs_bytes bytes)
{
	OPENSSL_free((void *)(uintptr_t)bytes.p);
}

static void a_pkcs12_goes_to_keyd_and_then_to_admin(void **state)
{
	const struct cs_bytes der = p12(&a, 0, 0, 2048);

	(void)state;
	run(&(struct wire_upload){ "a.p12", der }, 1, PASS);
	assert_int_equal(seen.exit, CS_OK);
	assert_int_equal(seen.seals, 1);
	assert_int_equal(seen.submits, 1);
	assert_string_equal(seen.error, "");
	assert_string_equal(seen.id, "0123456789abcdef");
	assert_true(seen.bundle);
	assert_int_equal(seen.status, 200);
	assert_string_equal(seen.body, "{}");
	drop(der);
}

/* The legacy provider is a file; in the cage no file can be opened. */
static void an_old_pkcs12_opens_in_the_cage(void **state)
{
	(void)state;
	if (!OSSL_PROVIDER_available(NULL, "legacy"))
		skip();
	const struct cs_bytes der = p12(
	        &a, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And40BitRC2_CBC, 2048);
	run(&(struct wire_upload){ "old.p12", der }, 1, PASS);
	assert_int_equal(seen.exit, CS_OK);
	assert_string_equal(seen.error, "");
	assert_int_equal(seen.seals, 1);
	drop(der);
}

static void several_certificates_are_submitted_each(void **state)
{
	const struct cs_bytes one = p12(&a, 0, 0, 2048), two = p12(&b, 0, 0, 2048);
	const struct wire_upload files[] = { { "a.p12", one }, { "b.p12", two } };

	(void)state;
	run(files, 2, PASS);
	assert_int_equal(seen.exit, CS_OK);
	assert_int_equal(seen.seals, 2);
	assert_int_equal(seen.submits, 2);
	assert_string_equal(seen.body, "{\"imports\":[{},{}]}");
	drop(one);
	drop(two);
}

static void what_cannot_be_taken_is_told_with_its_reason(void **state)
{
	const struct cs_bytes good = p12(&a, 0, 0, 2048);
	const struct {
		struct wire_upload file;
		const char *passphrase, *error;
		size_t seals;
	} table[] = {
		{ { "a.p12", good }, "wrong", "CS_EPASSPHRASE", 0 },
		{ { "a.p12", { good.p, good.n - 1 } }, PASS, NULL, 0 },
		{ { "a.crt", { a.der, a.der_len } }, NULL, "CS_ENOKEY", 1 },
		{ { "empty", { NULL, 0 } }, NULL, "CS_EEMPTY", 0 },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		run(&table[i].file, 1, table[i].passphrase);
		assert_int_equal(seen.exit, CS_OK);
		assert_int_equal(seen.seals, table[i].seals);
		assert_int_equal(seen.submits, 1);
		assert_false(seen.bundle);
		assert_true(seen.error[0] != '\0' && seen.reason[0] != '\0');
		if (table[i].error != NULL)
			assert_string_equal(seen.error, table[i].error);
	}
	drop(good);
}

static void a_certificate_alone_may_answer_a_request(void **state)
{
	(void)state;
	open_request = true;
	run(&(struct wire_upload){ "a.crt", { a.der, a.der_len } }, 1, NULL);
	open_request = false;
	assert_int_equal(seen.exit, CS_OK);
	assert_string_equal(seen.error, "");
	assert_string_equal(seen.csr, "c5");
	assert_true(seen.bundle);
}

static void a_ca_certificate_alone_is_welcome(void **state)
{
	(void)state;
	run(&(struct wire_upload){ "ca.crt", { ca.der, ca.der_len } }, 1, NULL);
	assert_int_equal(seen.exit, CS_OK);
	assert_string_equal(seen.error, "");
	assert_int_equal(seen.cas, 1);
	assert_false(seen.bundle);
}

static int ended_by(void (*what)(void))
{
	int status;

	const pid_t pid = fork();
	if (pid == 0) {
		bool seccomp;
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (cage_enter(&seccomp) != CS_OK || !seccomp)
			_exit(77);
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void run_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void read_a_file(void)
{
	_exit(fopen("/etc/passwd", "r") == NULL ? 1 : 0);
}

static void take_memory(void)
{
	_exit(malloc(600ul << 20) == NULL ? 1 : 0);
}

static void start_a_process(void)
{
	_exit(fork() < 0 ? 1 : 0);
}

static void burn(void)
{
	for (volatile int i = 0;; i++)
		;
}

static void the_cage_holds(void **state)
{
	(void)state;
	if (ended_by(read_a_file) == 77)
		skip(); /* a sanitizer's build has no seccomp */
	assert_int_equal(ended_by(read_a_file), 1);
	assert_int_equal(ended_by(take_memory), 1);
	assert_int_equal(ended_by(start_a_process), 1);
	assert_int_equal(ended_by(run_a_program), -SIGSYS);
}

static void endless_work_is_ended(void **state)
{
	(void)state;
	const int how = ended_by(burn);
	if (how == 77)
		skip();
	assert_true(how == -SIGXCPU || how == -SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pkcs12_goes_to_keyd_and_then_to_admin),
		cmocka_unit_test(an_old_pkcs12_opens_in_the_cage),
		cmocka_unit_test(several_certificates_are_submitted_each),
		cmocka_unit_test(what_cannot_be_taken_is_told_with_its_reason),
		cmocka_unit_test(a_certificate_alone_may_answer_a_request),
		cmocka_unit_test(a_ca_certificate_alone_is_welcome),
		cmocka_unit_test(the_cage_holds),
		cmocka_unit_test(endless_work_is_ended),
	};
	return cmocka_run_group_tests(tests, mint, unload);
}
