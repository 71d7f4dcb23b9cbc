#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <pthread.h>
#include <signal.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <cmocka.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include "node/prober/round.h"
#include "node/prober/verdict.h"
#include "proto/base/clock.h"
#include "tests/unit/fixture.h"

#define MINE "0123456789abcdef0123456789abcdef"
#define DEFAULT "ffffffffffffffffffffffffffffffff"
#define OTHER "00000000000000000000000000000000"

static void a_fingerprint_is_judged(void **state)
{
	(void)state;
	static const struct {
		const char *want, *got, *fallback;
		enum probe_result result;
	} table[] = {
		{ MINE, MINE, DEFAULT, PROBE_MATCH },
		{ DEFAULT, DEFAULT, DEFAULT, PROBE_MATCH },
		{ MINE, DEFAULT, DEFAULT, PROBE_DEFAULT },
		{ MINE, OTHER, DEFAULT, PROBE_WRONG },
		{ MINE, DEFAULT, "", PROBE_WRONG },
		{ "", OTHER, "", PROBE_WRONG },
		{ MINE, "", DEFAULT, PROBE_DOWN },
		{ "", "", "", PROBE_DOWN },
	};

	for (size_t i = 0; i < CS_COUNT(table); i++)
		assert_int_equal(verdict(cs_bytes_of(table[i].want), cs_bytes_of(table[i].got),
		                         cs_bytes_of(table[i].fallback)),
		        table[i].result);
}

static void wildcard_addresses_are_dialled_on_loopback(void **state)
{
	(void)state;
	char out[CS_ENDPOINT_MAX + 1];

	assert_string_equal(verdict_dial("0.0.0.0:443", out), "127.0.0.1:443");
	assert_string_equal(verdict_dial("[::]:443", out), "[::1]:443");
	assert_string_equal(verdict_dial("10.0.0.0:443", out), "10.0.0.0:443");
	assert_string_equal(verdict_dial("[::1]:8443", out), "[::1]:8443");
}

/* An edge with two certificates: `a.test`, and a default for everybody else. */
struct edge {
	int listener;
	char address[32];
	struct fx_cert named, fallback;
	SSL_CTX *named_ctx, *fallback_ctx;
	bool stall;
	pthread_t thread;
};

static SSL_CTX *context(const struct fx_cert *c)
{
	const uint8_t *key = c->pkcs8;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &key, (long)c->pkcs8_len);

	assert_int_equal(SSL_CTX_use_certificate_ASN1(ctx, (int)c->der_len, c->der), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, pkey), 1);
	EVP_PKEY_free(pkey);
	return ctx;
}

static int choose(SSL *ssl, int *alert, void *data)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct edge *e = data;

	(void)alert;
	if (name != NULL && strcmp(name, "a.test") == 0)
		SSL_set_SSL_CTX(ssl, e->named_ctx);
	return SSL_TLSEXT_ERR_OK;
}

static void *edge_run(void *data)
{
	struct edge *e = data;

	for (int fd; (fd = accept(e->listener, NULL, NULL)) >= 0; close(fd)) {
		SSL *ssl = SSL_new(e->fallback_ctx);
		SSL_set_fd(ssl, fd);
		(void)SSL_accept(ssl);
		SSL_free(ssl);
	}
	return NULL;
}

static void edge_start(struct edge *e)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	e->named = fx_cert((struct fx_spec){ .san = "DNS:a.test" });
	e->fallback = fx_cert((struct fx_spec){ .san = "DNS:default.test" });
	e->named_ctx = context(&e->named);
	e->fallback_ctx = context(&e->fallback);
	SSL_CTX_set_tlsext_servername_callback(e->fallback_ctx, choose);
	SSL_CTX_set_tlsext_servername_arg(e->fallback_ctx, e);
	e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(e->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(e->listener, 64), 0);
	assert_int_equal(getsockname(e->listener, (struct sockaddr *)&a, &n), 0);
	snprintf(e->address, sizeof(e->address), "127.0.0.1:%u", ntohs(a.sin_port));
	if (!e->stall)
		assert_int_equal(pthread_create(&e->thread, NULL, edge_run, e), 0);
}

static void edge_stop(struct edge *e)
{
	shutdown(e->listener, SHUT_RDWR);
	if (!e->stall)
		pthread_join(e->thread, NULL);
	close(e->listener);
	SSL_CTX_free(e->named_ctx);
	SSL_CTX_free(e->fallback_ctx);
}

struct heard {
	struct loop *loop;
	struct round *round;
	size_t n;
	uint64_t number;
	enum probe_result results[64];
	char error[64][129];
};

static void on_done(void *data, const struct wire_probed *results)
{
	struct heard *h = data;

	h->number = results->round;
	h->n = results->probes.n;
	for (size_t i = 0; i < h->n; i++) {
		h->results[i] = results->probes.v[i].result;
		snprintf(h->error[i], sizeof(h->error[i]), "%s", results->probes.v[i].error);
		assert_true(results->probes.v[i].at_ms != 0);
	}
	round_free(&h->round);
	loop_stop(h->loop);
}

/* Asks as the replicator would: packed and unpacked. */
static struct heard ask(const char *address, const struct wire_probe *v, size_t n)
{
	CS_AUTO(cs_buf_free) struct cs_buf bytes = cs_buf_new(CS_PACKET_MAX);
	struct wire_probe_round body = { .round = 7 };
	struct wire_packet packet;
	struct heard h = { .n = 99 };

	body.probes.v = v;
	body.probes.n = n;
	assert_int_equal(wire_pack(PACKET_probe_round, &body, &bytes), CS_OK);
	assert_int_equal(wire_unpack(cs_buf_view(&bytes), &packet), CS_OK);
	assert_int_equal(loop_new(&h.loop), CS_OK);
	assert_int_equal(round_start(h.loop, address, &packet, on_done, &h, &h.round), CS_OK);
	assert_int_equal(loop_run(h.loop), CS_OK);
	loop_free(&h.loop);
	assert_int_equal(h.number, 7);
	return h;
}

static void a_round_answers_each_question_once(void **state)
{
	(void)state;
	struct edge e = { .stall = false };
	uint8_t named[32], fallback[32];
	struct wire_probe v[40];

	edge_start(&e);
	SHA256(e.named.der, e.named.der_len, named);
	SHA256(e.fallback.der, e.fallback.der_len, fallback);
	const struct cs_bytes n = { named, 32 }, f = { fallback, 32 };
	v[0] = (struct wire_probe){ .kind = PROBE_NO_SNI, .sni = "", .want = f };
	v[1] = (struct wire_probe){
		.kind = PROBE_UNMATCHED, .sni = "certspan-unmatched.invalid", .want = f
	};
	v[2] = (struct wire_probe){ .kind = PROBE_SNI, .sni = "b.test", .want = n };
	v[3] = (struct wire_probe){ .kind = PROBE_SNI, .sni = "a.test", .want = f };
	for (size_t i = 4; i < CS_COUNT(v); i++)
		v[i] = (struct wire_probe){ .kind = PROBE_SNI, .sni = "a.test", .want = n };
	const struct heard h = ask(e.address, v, CS_COUNT(v));
	edge_stop(&e);
	assert_int_equal(h.n, CS_COUNT(v));
	assert_int_equal(h.results[0], PROBE_MATCH);
	assert_int_equal(h.results[1], PROBE_MATCH);
	assert_int_equal(h.results[2], PROBE_DEFAULT);
	assert_int_equal(h.results[3], PROBE_WRONG);
	for (size_t i = 4; i < CS_COUNT(v); i++)
		assert_int_equal(h.results[i], PROBE_MATCH);
}

static void an_edge_that_is_gone_or_stalls_is_down(void **state)
{
	(void)state;
	struct edge e = { .stall = true };
	struct wire_probe v[20];

	for (size_t i = 0; i < CS_COUNT(v); i++)
		v[i] = (struct wire_probe){ .kind = PROBE_SNI, .sni = "a.test" };
	edge_start(&e);
	const int64_t began = cs_clock_mono_ms();
	struct heard h = ask(e.address, v, 16);
	assert_true(cs_clock_mono_ms() - began < 4000); /* all at the same time */
	for (size_t i = 0; i < 16; i++) {
		assert_int_equal(h.results[i], PROBE_DOWN);
		assert_string_equal(h.error[i], "no answer in time: handshake");
	}
	edge_stop(&e);
	h = ask(e.address, v, CS_COUNT(v));
	for (size_t i = 0; i < CS_COUNT(v); i++) {
		assert_int_equal(h.results[i], PROBE_DOWN);
		assert_string_equal(h.error[i], "connect: Connection refused");
	}
	h = ask(e.address, v, 0);
	assert_int_equal(h.n, 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fingerprint_is_judged),
		cmocka_unit_test(wildcard_addresses_are_dialled_on_loopback),
		cmocka_unit_test(a_round_answers_each_question_once),
		cmocka_unit_test(an_edge_that_is_gone_or_stalls_is_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
