#include <netinet/in.h>
#include <sys/resource.h>
#include "proto/role/channel.h"
#include "tests/unit/tls-edge/house.h"
#include "tls-edge/worker.h"

/* A worker in a thread of its own; this thread is its supervisor, its keyd's helper, and its
 * clients. */
struct site {
	struct house *h; /* its store and keyd alone */
	struct role role;
	struct wire_config config;
	struct wire_start start;
	int control, listener;
	uint16_t port;
	pthread_t thread;
	struct worker *worker;
	enum cs_err ended;
};

static void *run(void *data)
{
	struct site *s = data;

	s->ended = worker_run(s->worker);
	return NULL;
}

static int listener_new(uint16_t *port)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 64), 0);
	getsockname(fd, (struct sockaddr *)&in, &n);
	*port = ntohs(in.sin_port);
	return fd;
}

static void hand_over(struct site *s, const char *what, int fd)
{
	const struct wire_fd packet = { .what = what };

	assert_int_equal(channel_send(s->control, PACKET_fd, &packet, fd), CS_OK);
	close(fd);
}

/* keyd's thread of the house on a fresh channel, handed over as the supervisor does. */
static void keyd_fresh(struct site *s)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	s->h->keyd_fd = ends[1];
	s->h->mood = KEYD_SIGNS;
	assert_int_equal(pthread_create(&s->h->keyd, NULL, keyd_main, s->h), 0);
	hand_over(s, "keyd", ends[0]);
}

static struct site *site_new(void)
{
	struct site *s = calloc(1, sizeof(*s));
	static const char *const addresses[] = { "127.0.0.1:0" };
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	s->h = calloc(1, sizeof(*s->h));
	s->h->fallback = house_add(s->h, (struct fx_spec){ .san = "DNS:site.test" });
	s->config = (struct wire_config){ .name = "p1",
		.upstream = "",
		.edge_listen = { addresses, 1 },
		.handshake_timeout_s = 10,
		.idle_timeout_s = 60 };
	s->start = (struct wire_start){ .role = "edge", .config = &s->config };
	assert_int_equal(channel_pair(ends), CS_OK);
	s->control = ends[0];
	s->role = (struct role){ .control = ends[1],
		.start = { .id = PACKET_start, .body = &s->start },
		.config = &s->config };
	const struct source source = { s->h, fake_pick, fake_cert };
	assert_int_equal(worker_new(&s->role, &source, &s->worker), CS_OK);
	s->listener = listener_new(&s->port);
	keyd_fresh(s);
	hand_over(s, "listen", s->listener);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	return s;
}

static void site_free(struct site *s)
{
	worker_free(&s->worker);
	close(s->role.control);
	close(s->control);
	keyd_kill(s->h);
	pki_cert_free(&s->h->facts[0]);
	role_end(&s->role);
	free(s->h);
	free(s);
}

static struct client dial(const struct site *s)
{
	const struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { .tv_sec = 5 };
	struct client c = { .ctx = SSL_CTX_new(TLS_client_method()),
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	(void)(connect(c.fd, (const struct sockaddr *)&in, sizeof(in)) == 0);
	c.ssl = SSL_new(c.ctx);
	SSL_set_fd(c.ssl, c.fd);
	SSL_set_tlsext_host_name(c.ssl, "site.test");
	return c;
}

static bool works(const struct site *s)
{
	struct client c = dial(s);
	const bool ok = SSL_connect(c.ssl) == 1;

	client_end(&c);
	ERR_clear_error();
	return ok;
}

static struct site *s;

static void it_is_ready_when_it_listens_everywhere(void **state)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	(void)state;
	assert_int_equal(
	        channel_receive_wait(s->control, cs_clock_mono_ms() + 2000, &packet, NULL), CS_OK);
	assert_int_equal(packet.id, PACKET_ready);
	assert_true(works(s));
}

static void a_fresh_keyd_takes_the_place_of_a_dead_one(void **state)
{
	(void)state;
	keyd_kill(s->h);
	assert_false(works(s));
	keyd_fresh(s);
	bool ok = false;
	for (int i = 0; i < 50 && !ok; i++)
		ok = works(s);
	assert_true(ok);
}

static void a_new_configuration_counts_for_the_next_connection(void **state)
{
	struct wire_config next = s->config;
	char page[8192] = "";

	(void)state;
	next.name = "renamed";
	assert_int_equal(channel_send(s->control, PACKET_config, &next, -1), CS_OK);
	for (int i = 0; i < 50 && strstr(page, "renamed") == NULL; i++) {
		struct client c = dial(s);
		assert_int_equal(SSL_connect(c.ssl), 1);
		SSL_write(c.ssl, "GET / HTTP/1.0\r\n\r\n", 18);
		const int n = SSL_read(c.ssl, page, sizeof(page) - 1);
		page[n > 0 ? n : 0] = '\0';
		client_end(&c);
	}
	assert_non_null(strstr(page, "renamed"));
}

static void without_descriptors_it_backs_off_and_comes_back(void **state)
{
	struct rlimit was, few;
	int held[64], n = 0;
	struct client c = dial(s); /* its own descriptor is taken before they run out */

	(void)state;
	poll(NULL, 0, 100); /* what earlier clients left is closed by now */
	getrlimit(RLIMIT_NOFILE, &was);
	struct client late = { .ctx = SSL_CTX_new(TLS_client_method()),
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(SSL_connect(c.ssl), 1);
	few = was;
	few.rlim_cur = 3;
	for (int fd; n < 64 && (fd = dup(c.fd)) >= 0; held[n++] = fd)
		few.rlim_cur = (rlim_t)fd + 1 > few.rlim_cur ? (rlim_t)fd + 1 : few.rlim_cur;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	const struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(late.fd, (const struct sockaddr *)&in, sizeof(in)), 0);
	poll(NULL, 0, 150);
	while (n > 0)
		close(held[--n]);
	setrlimit(RLIMIT_NOFILE, &was);
	late.ssl = SSL_new(late.ctx);
	SSL_set_fd(late.ssl, late.fd);
	assert_int_equal(SSL_connect(late.ssl), 1);
	client_end(&late);
	client_end(&c);
}

static void stop_lets_the_busy_finish(void **state)
{
	struct client c = dial(s);
	const struct wire_stop stop = { .drain_ms = 4000 };
	char page[8192];
	int n, all = 0;

	(void)state;
	assert_int_equal(SSL_connect(c.ssl), 1);
	SSL_write(c.ssl, "GET /hold?seconds=1 HTTP/1.1\r\nConnection: close\r\n\r\n", 52);
	all = SSL_read(c.ssl, page, sizeof(page) - 1);
	assert_true(all > 0);
	const int64_t start = cs_clock_mono_ms();
	assert_int_equal(channel_send(s->control, PACKET_stop, &stop, -1), CS_OK);
	while ((n = SSL_read(c.ssl, page + all, (int)sizeof(page) - all - 1)) > 0)
		all += n;
	page[all] = '\0';
	assert_non_null(strstr(page, "\r\n0\r\n\r\n"));
	client_end(&c);
	pthread_join(s->thread, NULL);
	assert_int_equal(s->ended, CS_OK);
	assert_in_range(cs_clock_mono_ms() - start, 300, 3000);
	assert_false(works(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_ready_when_it_listens_everywhere),
		cmocka_unit_test(a_fresh_keyd_takes_the_place_of_a_dead_one),
		cmocka_unit_test(a_new_configuration_counts_for_the_next_connection),
		cmocka_unit_test(without_descriptors_it_backs_off_and_comes_back),
		cmocka_unit_test(stop_lets_the_busy_finish),
	};

	s = site_new();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	site_free(s);
	return failed;
}
