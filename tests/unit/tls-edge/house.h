/* tests/unit/tls-edge/house.h: an edge in a test: real OpenSSL on both ends over a socketpair, a
 * store of a few certificates, a keyd that is a thread and signs with the real keys. Clients and
 * server take turns in one thread. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include "proto/base/clock.h"
#include "proto/role/loop.h"
#include "proto/wire/sign.h"
#include "store/pki/cert.h"
#include "store/pki/choice.h"
#include "store/pki/names.h"
#include "tests/unit/fixture.h"
#include "tls-edge/conn/conns.h"
#include "tls-edge/provider/provider.h"
#include "tls-edge/select/select.h"
#include "tls-edge/tls/context.h"

#define MAYBE static __attribute__((unused))
#define CERTS 8

enum keyd_mood { KEYD_SIGNS, KEYD_SILENT, KEYD_LOCKED };
struct house {
	struct fx_cert cert[CERTS];
	struct pki_cert *facts[CERTS];
	char id[CERTS][24];
	size_t count;
	int fallback; /* index of the default, -1 */
	enum cs_err broken; /* what the store answers, CS_OK: it works */
	unsigned picks, fetches;

	struct loop *loop;
	struct keyline *link;
	struct select *select;
	SSL_CTX *ctx;
	struct conns *conns;

	pthread_t keyd;
	int keyd_fd;
	_Atomic enum keyd_mood mood;
	_Atomic unsigned signed_count;
	_Atomic uint32_t last_scheme;
	_Atomic int last_tls13;
};

/* --- the store --- */

MAYBE size_t candidates(struct house *h, const char *host, struct choice_candidate *out, int *index)
{
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++) {
		const struct pki_cert *c = h->facts[i];
		const enum pki_cover cover = pki_cert_covers(c, cs_bytes_of(host), NULL);
		if (cover == PKI_COVER_NONE)
			continue;
		index[n] = (int)i;
		out[n++] = (struct choice_candidate){ h->id[i], c->key, cover, c->not_before,
			c->not_after };
	}
	return n;
}

MAYBE enum cs_err fake_pick(void *self, const struct cs_bytes *sni, unsigned can_verify,
        int64_t now, struct serving_pick *out)
{
	struct house *h = self;
	struct choice_candidate c[CERTS];
	char host[CS_NAME_MAX + 1];
	int index[CERTS], at = h->fallback;
	size_t n = 0;

	h->picks++;
	if (h->broken != CS_OK)
		return h->broken;
	*out = (struct serving_pick){ .why = sni == NULL ? SERVING_NO_SNI : SERVING_UNMATCHED };
	if (sni != NULL && pki_name_normal(*sni, host) == CS_OK &&
	        strspn(host, "0123456789.:") != strlen(host))
		n = candidates(h, host, c, index);
	if (n > 0) {
		const size_t best = choice_pick(c, n, can_verify, now);
		at = index[best];
		out->why = SERVING_NAME;
		out->cover = c[best].cover;
	}
	if (at < 0)
		return CS_ENOTFOUND;
	memcpy(out->id, h->id[at], sizeof(out->id));
	out->key = h->facts[at]->key;
	out->not_before = h->facts[at]->not_before;
	out->not_after = h->facts[at]->not_after;
	return CS_OK;
}

MAYBE enum cs_err fake_cert(
        void *self, const char *id, struct cs_arena *arena, struct serving_cert *out)
{
	struct house *h = self;

	(void)arena;
	h->fetches++;
	if (h->broken != CS_OK)
		return h->broken;
	for (size_t i = 0; i < h->count; i++) {
		if (strcmp(h->id[i], id) != 0)
			continue;
		*out = (struct serving_cert){ .leaf = fx_der(&h->cert[i]) };
		return CS_OK;
	}
	return CS_ENOTFOUND;
}

MAYBE int house_add(struct house *h, struct fx_spec spec)
{
	const size_t i = h->count++;

	h->cert[i] = fx_cert(spec);
	assert_int_equal(pki_cert_read(fx_der(&h->cert[i]), &h->facts[i]), CS_OK);
	pki_cert_id(h->facts[i]->sha256, h->id[i]);
	return (int)i;
}

/* --- keyd --- */

MAYBE const EVP_MD *md_of(uint16_t scheme)
{
	switch (scheme) {
	case 0x0503:
	case 0x0805:
	case 0x0501:
		return EVP_sha384();
	case 0x0806:
	case 0x0601:
		return EVP_sha512();
	default:
		return EVP_sha256();
	}
}

MAYBE void sign_one(struct house *h, const struct sign_request *q, struct sign_reply *reply)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	size_t n = sizeof(reply->signature);

	reply->err = CS_ENOTFOUND;
	for (size_t i = 0; i < h->count; i++) {
		if (strcmp(h->id[i], q->key) != 0)
			continue;
		const uint8_t *p = h->cert[i].pkcs8;
		EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)h->cert[i].pkcs8_len);
		int ok = EVP_DigestSignInit_ex(ctx, &pctx, EVP_MD_get0_name(md_of(q->scheme)), NULL,
		        "provider=default", key, NULL);
		if (q->scheme >> 8 == 0x08)
			ok = ok && EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
		ok = ok && EVP_DigestSign(ctx, reply->signature, &n, q->text, q->text_len) == 1;
		reply->err = ok ? CS_OK : CS_ECRYPTO;
		reply->signature_len = ok ? (uint16_t)n : 0;
		EVP_PKEY_free(key);
	}
	EVP_MD_CTX_free(ctx);
	h->last_scheme = q->scheme;
	h->last_tls13 = q->tls13;
	h->signed_count++;
}

MAYBE void *keyd_main(void *data)
{
	struct house *h = data;
	static uint8_t packet[SIGN_PACKET_MAX];
	ssize_t got;

	while ((got = recv(h->keyd_fd, packet, sizeof(packet), 0)) > 0) {
		struct cs_bytes in = { packet, (size_t)got };
		struct sign_request q;
		while (sign_request_take(&in, &q) == CS_OK) {
			struct sign_reply reply = { .tag = q.tag, .err = CS_ELOCKED };
			uint8_t out[sizeof(reply)];
			if (h->mood == KEYD_SILENT)
				continue;
			if (h->mood == KEYD_SIGNS)
				sign_one(h, &q, &reply);
			const size_t n = sign_reply_put(out, 0, &reply);
			if (send(h->keyd_fd, out, n, MSG_NOSIGNAL) < 0)
				break;
		}
	}
	close(h->keyd_fd);
	return NULL;
}

MAYBE void keyd_start(struct house *h)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	h->keyd_fd = ends[1];
	h->mood = KEYD_SIGNS;
	keyline_connect(h->link, ends[0]);
	assert_int_equal(pthread_create(&h->keyd, NULL, keyd_main, h), 0);
}

/* As kill -9 would: the edge sees EOF. */
MAYBE void keyd_kill(struct house *h)
{
	shutdown(h->keyd_fd, SHUT_RDWR);
	pthread_join(h->keyd, NULL);
}

/* --- the edge --- */

MAYBE struct house *house_new(const char *upstream, uint32_t handshake_s, uint32_t idle_s)
{
	static struct keyline *link; /* the provider is loaded once a process */
	struct house *h = calloc(1, sizeof(*h));

	signal(SIGPIPE, SIG_IGN);
	h->fallback = -1;
	if (link == NULL) {
		assert_int_equal(keyline_new(&link), CS_OK);
		assert_int_equal(provider_load(link), CS_OK);
	}
	h->link = link;
	const struct source source = { h, fake_pick, fake_cert };
	assert_int_equal(loop_new(&h->loop), CS_OK);
	assert_int_equal(select_new(&source, 4, &h->select), CS_OK);
	const struct tls_hooks hooks = { select_hello, select_certificate, h->select };
	assert_int_equal(tls_context_new(&hooks, &h->ctx), CS_OK);
	const struct conns_parts parts = { h->loop, h->ctx, h->select, h->link };
	const struct conns_config config = { "p1", upstream, handshake_s, idle_s };
	assert_int_equal(conns_new(&parts, &config, &h->conns), CS_OK);
	keyd_start(h);
	return h;
}

MAYBE void house_free(struct house *h)
{
	conns_free(&h->conns);
	SSL_CTX_free(h->ctx);
	select_free(&h->select);
	loop_free(&h->loop);
	keyd_kill(h);
	for (size_t i = 0; i < h->count; i++)
		pki_cert_free(&h->facts[i]);
	free(h);
}

/* --- clients --- */

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};
struct wish {
	const char *sni, *sigalgs, *ciphers;
	int version; /* 0: the best */
	SSL_SESSION *session;
};

MAYBE void turn(struct house *h)
{
	assert_int_equal(loop_turn(h->loop, 2), CS_OK);
}

MAYBE int raw_client(struct house *h)
{
	int ends[2];

	assert_int_equal(
	        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(conns_add(h->conns, ends[1]), CS_OK);
	return ends[0];
}

static SSL_SESSION
        *newest; /* the last ticket that any client got; the caller of client_session owns it */
MAYBE int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(newest);
	newest = session;
	return 1;
}

MAYBE struct client client_new(struct house *h, struct wish w)
{
	struct client c = { .ctx = SSL_CTX_new(TLS_client_method()), .fd = raw_client(h) };

	SSL_CTX_set_session_cache_mode(c.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c.ctx, on_session);
	if (w.sigalgs != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(c.ctx, w.sigalgs), 1);
	if (w.ciphers != NULL)
		assert_int_equal(SSL_CTX_set_cipher_list(c.ctx, w.ciphers), 1);
	if (w.version != 0)
		assert_true(SSL_CTX_set_min_proto_version(c.ctx, w.version) &&
		            SSL_CTX_set_max_proto_version(c.ctx, w.version));
	c.ssl = SSL_new(c.ctx);
	SSL_set_fd(c.ssl, c.fd);
	if (w.sni != NULL)
		SSL_set_tlsext_host_name(c.ssl, w.sni);
	if (w.session != NULL)
		SSL_set_session(c.ssl, w.session);
	return c;
}

MAYBE bool client_handshake(struct house *h, struct client *c)
{
	for (int i = 0; i < 2000; i++) {
		ERR_clear_error();
		const int rc = SSL_connect(c->ssl);
		if (rc == 1)
			return true;
		const int why = SSL_get_error(c->ssl, rc);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return false;
		turn(h);
	}
	return false;
}

/* Until N bytes came, or the end: -1 when that was no orderly end. */
MAYBE int client_read(struct house *h, struct client *c, char *out, size_t size, const char *until)
{
	size_t n = 0;

	for (int i = 0; i < 3000 && n + 1 < size; i++) {
		ERR_clear_error();
		const int rc = SSL_read(c->ssl, out + n, (int)(size - n - 1));
		n += rc > 0 ? (size_t)rc : 0;
		out[n] = '\0';
		if (rc > 0 && until != NULL && strstr(out, until) != NULL)
			return (int)n;
		const int why = SSL_get_error(c->ssl, rc);
		if (rc <= 0 && why == SSL_ERROR_ZERO_RETURN)
			return (int)n;
		if (rc <= 0 && why != SSL_ERROR_WANT_READ)
			return -1;
		if (rc <= 0)
			turn(h);
	}
	return (int)n;
}

MAYBE void client_end(struct client *c)
{
	SSL_set_shutdown(c->ssl,
	        SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its session counts as broken */
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

/* Index of the certificate that a client with this wish gets; -1: the handshake fails. */
MAYBE int served(struct house *h, struct wish w)
{
	struct client c = client_new(h, w);
	int got = -1;

	if (client_handshake(h, &c)) {
		X509 *x = SSL_get1_peer_certificate(c.ssl);
		uint8_t *der = NULL;
		const int n = i2d_X509(x, &der);
		for (size_t i = 0; i < h->count; i++)
			if (cs_bytes_equal(
			            fx_der(&h->cert[i]), (struct cs_bytes){ der, (size_t)n }))
				got = (int)i;
		OPENSSL_free(der);
		X509_free(x);
	}
	client_end(&c);
	for (int i = 0; i < 5; i++)
		turn(h);
	return got;
}
