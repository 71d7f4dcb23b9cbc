#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <signal.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <cmocka.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include "node/probe/probe.h"
#include "proto/base/clock.h"
#include "tests/unit/fixture.h"

/* A server for one connection: what it does with it, and which name it was asked for. */
struct server {
	enum { SERVE, HANG_UP, STALL } manner;
	int listener;
	char address[32], asked[300];
	struct fx_cert leaf, ca;
	pthread_t thread;
};

static SSL_CTX *server_context(struct server *s)
{
	const uint8_t *key = s->leaf.pkcs8, *ca = s->ca.der;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &key, (long)s->leaf.pkcs8_len);
	X509 *issuer = d2i_X509(NULL, &ca, (long)s->ca.der_len);

	assert_int_equal(SSL_CTX_use_certificate_ASN1(ctx, (int)s->leaf.der_len, s->leaf.der), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, pkey), 1);
	assert_int_equal(SSL_CTX_add0_chain_cert(ctx, issuer), 1);
	EVP_PKEY_free(pkey);
	return ctx;
}

static void serve(struct server *s, int fd)
{
	SSL_CTX *ctx = server_context(s);
	SSL *ssl = SSL_new(ctx);
	char byte;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		snprintf(s->asked, sizeof(s->asked), "%s", name != NULL ? name : "(none)");
		(void)SSL_read(ssl, &byte, 1);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void *server_run(void *data)
{
	struct server *s = data;
	const int fd = accept(s->listener, NULL, NULL);
	char byte;

	if (s->manner == SERVE)
		serve(s, fd);
	while (s->manner == STALL && read(fd, &byte, 1) > 0)
		;
	close(fd);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	s->ca = fx_cert((struct fx_spec){ .cn = "probe ca", .ca = true });
	s->leaf = fx_cert((struct fx_spec){ .san = "DNS:a.test", .issuer = &s->ca });
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
	snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(a.sin_port));
	assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
}

static struct probe_answer ask(
        const char *address, enum probe_kind kind, const char *sni, int64_t ms)
{
	struct probe_answer answer;
	const struct probe_question q = { address, kind, sni, cs_clock_mono_ms() + ms };

	assert_int_equal(probe_run(&q, &answer), CS_OK);
	return answer;
}

static void it_brings_back_what_was_served(void **state)
{
	(void)state;
	static const struct {
		enum probe_kind kind;
		const char *sni, *asked;
	} table[] = {
		{ PROBE_SNI, "a.test", "a.test" },
		{ PROBE_NO_SNI, "", "(none)" },
		{ PROBE_UNMATCHED, "certspan-unmatched.invalid", "certspan-unmatched.invalid" },
		{ PROBE_SNI, "192.0.2.1", "(none)" },
	};

	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct server s = { .manner = SERVE };
		uint8_t want[32];
		server_start(&s);
		struct probe_answer a = ask(s.address, table[i].kind, table[i].sni, 5000);
		server_stop(&s);
		SHA256(s.leaf.der, s.leaf.der_len, want);
		assert_int_equal(a.err, CS_OK);
		assert_string_equal(a.error, "");
		assert_string_equal(s.asked, table[i].asked);
		assert_string_equal(a.tls, "TLSv1.3");
		assert_memory_equal(a.sha256, want, 32);
		assert_true(cs_bytes_equal(a.leaf, fx_der(&s.leaf)));
		assert_int_equal(a.chain_count, 1);
		assert_true(cs_bytes_equal(a.chain[0], fx_der(&s.ca)));
		probe_answer_free(&a);
	}
}

static void a_server_that_hangs_up_or_stalls_is_told_apart(void **state)
{
	(void)state;
	struct server s = { .manner = HANG_UP };

	server_start(&s);
	struct probe_answer a = ask(s.address, PROBE_NO_SNI, "", 5000);
	server_stop(&s);
	assert_int_equal(a.err, CS_ECLOSED);
	assert_non_null(strstr(a.error, "handshake: "));
	probe_answer_free(&a);

	s.manner = STALL;
	server_start(&s);
	a = ask(s.address, PROBE_NO_SNI, "", 150);
	server_stop(&s);
	assert_int_equal(a.err, CS_ETIMEOUT);
	assert_string_equal(a.error, "no answer in time: handshake");
	assert_true(a.took_us >= 140000);
	probe_answer_free(&a);

	a = ask(s.address, PROBE_NO_SNI, "", 1000); /* nobody listens any more */
	assert_int_equal(a.err, CS_EUNREACHABLE);
	assert_string_equal(a.error, "connect: Connection refused");
	probe_answer_free(&a);
}

static void a_bad_question_is_refused(void **state)
{
	(void)state;
	struct probe_answer a;
	const struct probe_question no_port = { "localhost", PROBE_NO_SNI, "",
		cs_clock_mono_ms() + 100 };

	assert_int_equal(probe_run(&no_port, &a), CS_EMALFORMED);
	assert_null(a.arena);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_brings_back_what_was_served),
		cmocka_unit_test(a_server_that_hangs_up_or_stalls_is_told_apart),
		cmocka_unit_test(a_bad_question_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
