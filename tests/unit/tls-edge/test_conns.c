#include <netinet/in.h>
#include <sys/un.h>
#include "tests/unit/tls-edge/house.h"

static struct house *house(const char *upstream, uint32_t handshake_s, uint32_t idle_s)
{
	struct house *h = house_new(upstream, handshake_s, idle_s);

	h->fallback = house_add(h, (struct fx_spec){ .san = "DNS:site.test" });
	return h;
}

static struct client connected(struct house *h)
{
	struct client c = client_new(h, (struct wish){ .sni = "site.test" });

	assert_true(client_handshake(h, &c));
	return c;
}

static void say(struct client *c, const char *text)
{
	assert_int_equal(SSL_write(c->ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* True when the edge closes FD within MS. */
static bool closed(struct house *h, int fd, int64_t ms)
{
	const int64_t end = cs_clock_mono_ms() + ms;
	char byte;

	while (cs_clock_mono_ms() < end) {
		turn(h);
		if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
			return true;
	}
	return false;
}

static void the_page_answers_and_keeps_the_connection(void **state)
{
	struct house *h = house("", 10, 60);
	struct client c = connected(h);
	char page[16384];

	(void)state;
	say(&c, "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
	assert_true(client_read(h, &c, page, sizeof(page), "</table>") > 0);
	assert_non_null(strstr(page, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(page, h->id[0]));
	assert_non_null(strstr(page, "site.test"));
	say(&c, "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_true(client_read(h, &c, page, sizeof(page), NULL) > 0); /* to the close_notify */
	assert_non_null(strstr(page, "Connection: close"));
	client_end(&c);
	for (int i = 0; i < 5; i++)
		turn(h);
	assert_int_equal(conns_count(h->conns), 0);
	house_free(h);
}

static void a_request_without_end_gets_431(void **state)
{
	struct house *h = house("", 10, 60);
	struct client c = connected(h);
	char page[4096];

	(void)state;
	for (int i = 0; i < 9; i++) {
		char kilo[1025];
		memset(kilo, 'a', 1024);
		kilo[1024] = '\0';
		say(&c, kilo);
	}
	assert_true(client_read(h, &c, page, sizeof(page), NULL) > 0);
	assert_non_null(strstr(page, "431"));
	client_end(&c);
	house_free(h);
}

static void a_held_download_comes_in_time_and_whole(void **state)
{
	struct house *h = house("", 10, 60);
	struct client c = connected(h);
	char page[4096];
	const int64_t start = cs_clock_mono_ms();

	(void)state;
	say(&c, "GET /hold?seconds=1 HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_true(client_read(h, &c, page, sizeof(page), NULL) > 0);
	assert_in_range(cs_clock_mono_ms() - start, 900, 1500);
	assert_non_null(strstr(page, "chunked"));
	assert_non_null(strstr(page, "2\r\n.\n\r\n0\r\n\r\n"));
	client_end(&c);
	c = connected(h); /* one that goes away in the middle */
	say(&c, "GET /hold?seconds=60 HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 5; i++)
		turn(h);
	client_end(&c);
	for (int i = 0; i < 300 && conns_count(h->conns) > 0; i++)
		turn(h);
	assert_int_equal(conns_count(h->conns), 0);
	house_free(h);
}

static void a_stalled_hello_ends_at_the_deadline(void **state)
{
	struct house *h = house("", 1, 60);
	const int silent = raw_client(h), stalled = raw_client(h), garbage = raw_client(h);
	const int64_t start = cs_clock_mono_ms();

	(void)state;
	assert_int_equal(send(stalled, "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
	assert_int_equal(send(garbage, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	char rest[64];
	for (int i = 0; i < 20; i++)
		turn(h);
	while (recv(garbage, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(conns_count(h->conns), 2);
	assert_true(closed(h, stalled, 3000) && closed(h, silent, 3000));
	assert_in_range(cs_clock_mono_ms() - start, 950, 1500);
	assert_int_equal(conns_count(h->conns), 0);
	assert_int_equal(conns_tally(h->conns).timed_out, 2);
	close(silent);
	close(stalled);
	close(garbage);
	house_free(h);
}

static void an_idle_connection_ends(void **state)
{
	struct house *h = house("", 10, 1);
	struct client c = connected(h);

	(void)state;
	for (int i = 0; i < 1000 && conns_count(h->conns) > 0; i++)
		turn(h);
	assert_int_equal(conns_count(h->conns), 0);
	client_end(&c);
	house_free(h);
}

static void draining_ends_the_idle_and_finishes_the_busy(void **state)
{
	struct house *h = house("", 10, 60);
	struct client idle = connected(h), busy = connected(h);
	char page[8192];

	(void)state;
	for (int i = 0; i < 20; i++)
		turn(h);
	say(&busy, "GET /hold?seconds=1 HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 5; i++)
		turn(h);
	conns_drain(h->conns);
	assert_int_equal(conns_count(h->conns), 1);
	assert_int_equal(SSL_read(idle.ssl, page, 1), 0);
	assert_int_equal(SSL_get_error(idle.ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_true(client_read(h, &busy, page, sizeof(page), "\r\n0\r\n\r\n") > 0);
	say(&busy, "GET / HTTP/1.1\r\n\r\n");
	assert_true(client_read(h, &busy, page, sizeof(page), NULL) > 0);
	assert_non_null(strstr(page, "Connection: close"));
	client_end(&idle);
	client_end(&busy);
	house_free(h);
}

/* --- relay: the upstream is a listener of this test --- */

struct backend {
	int listener, fd;
	char text[120];
};

static struct backend backend_tcp(void)
{
	struct backend b = {
		.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .fd = -1
	};
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);

	assert_int_equal(bind(b.listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(b.listener, 8), 0);
	getsockname(b.listener, (struct sockaddr *)&in, &n);
	snprintf(b.text, sizeof(b.text), "tcp:127.0.0.1:%u", (unsigned)ntohs(in.sin_port));
	return b;
}

static struct backend backend_unix(const char *dir)
{
	struct backend b = {
		.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .fd = -1
	};
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
	assert_int_equal(bind(b.listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(b.listener, 8), 0);
	snprintf(b.text, sizeof(b.text), "unix:%s", un.sun_path);
	return b;
}

static void backend_accept(struct house *h, struct backend *b)
{
	for (int i = 0; i < 100 && b->fd < 0; i++) {
		turn(h);
		b->fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	assert_true(b->fd >= 0);
}

static size_t backend_read(struct house *h, struct backend *b, char *out, size_t size, size_t want)
{
	size_t n = 0;

	for (int i = 0; i < 500 && n < want; i++) {
		const ssize_t got = recv(b->fd, out + n, size - n, 0);
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
		turn(h);
	}
	return n;
}

static bool backend_sees_end(struct house *h, struct backend *b)
{
	char byte;

	for (int i = 0; i < 200; i++) {
		if (recv(b->fd, &byte, 1, 0) == 0)
			return true;
		turn(h);
	}
	return false;
}

static void backend_end(struct backend *b)
{
	close(b->fd);
	close(b->listener);
}

static void relays_both_ways(struct backend b)
{
	struct house *h = house(b.text, 10, 60);
	struct client c = connected(h);
	char text[256];

	say(&c, "question");
	backend_accept(h, &b);
	assert_int_equal(backend_read(h, &b, text, sizeof(text), 8), 8);
	assert_memory_equal(text, "question", 8);
	assert_int_equal(send(b.fd, "answer", 6, 0), 6);
	assert_int_equal(client_read(h, &c, text, sizeof(text), "answer"), 6);
	/* the client ends its half; the upstream still answers, then ends too */
	assert_true(SSL_shutdown(c.ssl) >= 0);
	assert_true(backend_sees_end(h, &b));
	assert_int_equal(send(b.fd, "last words", 10, 0), 10);
	shutdown(b.fd, SHUT_WR);
	assert_int_equal(client_read(h, &c, text, sizeof(text), NULL), 10);
	client_end(&c);
	for (int i = 0; i < 5; i++)
		turn(h);
	assert_int_equal(conns_count(h->conns), 0);
	house_free(h);
	backend_end(&b);
}

static void tcp_and_unix_upstreams_are_relayed_with_half_close(void **state)
{
	char dir[64];

	(void)state;
	relays_both_ways(backend_tcp());
	relays_both_ways(backend_unix(fx_mkdir(dir)));
	fx_rmdir(dir);
}

#define MUCH ((size_t)3 << 20)

/* Both directions at once, each end slow at times: every byte arrives, in order. */
static void much_data_passes_through_small_buffers(void **state)
{
	struct backend b = backend_tcp();
	struct house *h = house(b.text, 10, 60);
	struct client c = connected(h);
	size_t sent[2] = { 0 }, got[2] = { 0 };
	static uint8_t block[7919], back[16384];
	bool same = true;

	(void)state;
	backend_accept(h, &b);
	for (int i = 0; i < 100000 && (got[0] < MUCH || got[1] < MUCH); i++) {
		size_t n = 0;
		for (size_t k = 0; k < sizeof(block); k++)
			block[k] = (uint8_t)((sent[0] + k) * 31 >> 3);
		if (sent[0] < MUCH && SSL_write_ex(c.ssl, block, sizeof(block), &n) == 1)
			sent[0] += n;
		for (size_t k = 0; k < sizeof(block); k++)
			block[k] = (uint8_t)((sent[1] + k) * 17 >> 2);
		const ssize_t out =
		        sent[1] < MUCH ? send(b.fd, block, sizeof(block), MSG_NOSIGNAL) : 0;
		sent[1] += out > 0 ? (size_t)out : 0;
		const ssize_t in = i % 3 == 0 ? recv(b.fd, back, sizeof(back), 0) : 0;
		for (ssize_t k = 0; k < in; k++)
			same &= back[k] == (uint8_t)((got[0] + (size_t)k) * 31 >> 3);
		got[0] += in > 0 ? (size_t)in : 0;
		n = 0;
		if (i % 5 == 0 && SSL_read_ex(c.ssl, back, sizeof(back), &n) == 1)
			for (size_t k = 0; k < n; k++)
				same &= back[k] == (uint8_t)((got[1] + k) * 17 >> 2);
		got[1] += n;
		assert_int_equal(loop_turn(h->loop, 0), CS_OK);
	}
	assert_true(got[0] >= MUCH && got[1] >= MUCH);
	assert_true(same);
	client_end(&c);
	house_free(h);
	backend_end(&b);
}

static void an_upstream_that_closes_early_still_gets_its_answer_through(void **state)
{
	struct backend b = backend_tcp();
	struct house *h = house(b.text, 10, 60);
	struct client c = connected(h);
	char text[64];

	(void)state;
	backend_accept(h, &b);
	assert_int_equal(send(b.fd, "too large", 9, 0), 9);
	shutdown(b.fd, SHUT_RDWR);
	assert_int_equal(client_read(h, &c, text, sizeof(text), NULL), 9);
	for (int i = 0; i < 50 && conns_count(h->conns) > 0; i++) {
		static const char block[1024] = "upload";
		(void)(SSL_write(c.ssl, block, sizeof(block)) > 0);
		turn(h);
	}
	client_end(&c);
	for (int i = 0; i < 50 && conns_count(h->conns) > 0; i++)
		turn(h);
	assert_int_equal(conns_count(h->conns), 0);
	house_free(h);
	backend_end(&b);
}

static void a_client_that_vanishes_is_no_orderly_end(void **state)
{
	struct backend b = backend_tcp();
	struct house *h = house(b.text, 10, 60);
	struct client c = connected(h);
	char byte;

	(void)state;
	backend_accept(h, &b);
	shutdown(c.fd, SHUT_RDWR); /* without close_notify */
	for (int i = 0; i < 50 && conns_count(h->conns) > 0; i++)
		turn(h);
	assert_int_equal(conns_count(h->conns), 0);
	assert_true(recv(b.fd, &byte, 1, 0) <= 0);
	client_end(&c);
	house_free(h);
	backend_end(&b);
}

static void an_upstream_that_is_down_closes_the_connection(void **state)
{
	struct backend b = backend_tcp();
	char byte[8];

	(void)state;
	close(b.listener);
	b.listener = -1;
	struct house *h = house(b.text, 10, 60);
	struct client c = connected(h);
	assert_int_equal(client_read(h, &c, byte, sizeof(byte), NULL), -1);
	assert_int_equal(conns_count(h->conns), 0);
	client_end(&c);
	house_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_answers_and_keeps_the_connection),
		cmocka_unit_test(a_request_without_end_gets_431),
		cmocka_unit_test(a_held_download_comes_in_time_and_whole),
		cmocka_unit_test(a_stalled_hello_ends_at_the_deadline),
		cmocka_unit_test(an_idle_connection_ends),
		cmocka_unit_test(draining_ends_the_idle_and_finishes_the_busy),
		cmocka_unit_test(tcp_and_unix_upstreams_are_relayed_with_half_close),
		cmocka_unit_test(much_data_passes_through_small_buffers),
		cmocka_unit_test(an_upstream_that_closes_early_still_gets_its_answer_through),
		cmocka_unit_test(a_client_that_vanishes_is_no_orderly_end),
		cmocka_unit_test(an_upstream_that_is_down_closes_the_connection),
	};

	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	SSL_SESSION_free(newest);
	provider_unload();
	return failed;
}
