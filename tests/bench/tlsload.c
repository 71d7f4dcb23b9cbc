/* tlsload floor CERT.pem KEY.pem TICKETS N       server CPU of N in-memory full TLS 1.3 handshakes
 * tlsload load HOST PORT SNI IN_FLIGHT SECONDS   full TLS 1.3 handshakes against a server, closed
 * loop Prints one JSON line. Loopback only. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/ssl.h>

#define MAX_IN_FLIGHT 256

static void fail(const char *what)
{
	fprintf(stderr, "tlsload: %s\n", what);
	exit(1);
}

static double clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL_CTX *client_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
	        SSL_CTX_set1_groups_list(ctx, "X25519") != 1)
		fail("client context");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

/* One handshake over a memory pair; the server's share of the CPU is added to *CPU. */
static void memory_handshake(SSL_CTX *client_ctx, SSL_CTX *server_ctx, double *cpu)
{
	BIO *a = NULL, *b = NULL;
	SSL *client = SSL_new(client_ctx), *server = NULL;
	char byte;

	const double begin = clock_of(CLOCK_THREAD_CPUTIME_ID);
	server = SSL_new(server_ctx);
	*cpu += clock_of(CLOCK_THREAD_CPUTIME_ID) - begin;
	if (client == NULL || server == NULL || BIO_new_bio_pair(&a, 65536, &b, 65536) != 1)
		fail("memory pair");
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int turn = 0;
	        turn < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	        turn++) {
		(void)SSL_do_handshake(client);
		const double t = clock_of(CLOCK_THREAD_CPUTIME_ID);
		(void)SSL_do_handshake(server);
		*cpu += clock_of(CLOCK_THREAD_CPUTIME_ID) - t;
	}
	if (!SSL_is_init_finished(server))
		fail("handshake in memory");
	(void)SSL_read(client, &byte, 1); /* takes the tickets */
	SSL_free(client);
	const double end = clock_of(CLOCK_THREAD_CPUTIME_ID);
	SSL_free(server);
	*cpu += clock_of(CLOCK_THREAD_CPUTIME_ID) - end;
}

static int floor_main(char **argv)
{
	SSL_CTX *client = client_context(), *server = SSL_CTX_new(TLS_server_method());
	const long n = strtol(argv[3], NULL, 10);
	double cpu = 0, warm = 0;

	if (server == NULL || SSL_CTX_use_certificate_chain_file(server, argv[0]) != 1 ||
	        SSL_CTX_use_PrivateKey_file(server, argv[1], SSL_FILETYPE_PEM) != 1)
		fail("server context");
	SSL_CTX_set_num_tickets(server, (size_t)strtol(argv[2], NULL, 10));
	for (int i = 0; i < 200; i++)
		memory_handshake(client, server, &warm);
	for (long i = 0; i < n; i++)
		memory_handshake(client, server, &cpu);
	printf("{\"handshakes\": %ld, \"server_cpu_us\": %.1f}\n", n, cpu / (double)n * 1e6);
	return 0;
}

struct slot {
	SSL *ssl;
	int fd;
	bool done; /* handshake finished; waiting for the peer's end */
	short want; /* POLLIN or POLLOUT */
};

static void slot_open(struct slot *s, SSL_CTX *ctx, const struct sockaddr_in *to, const char *sni)
{
	const int one = 1;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	s->ssl = SSL_new(ctx);
	s->done = false;
	s->want = POLLOUT;
	if (s->fd < 0 || s->ssl == NULL ||
	        (connect(s->fd, (const struct sockaddr *)to, sizeof(*to)) != 0 &&
	                errno != EINPROGRESS))
		fail("connect");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_fd(s->ssl, s->fd);
	if (strcmp(sni, "-") != 0)
		SSL_set_tlsext_host_name(s->ssl, sni);
	SSL_set_connect_state(s->ssl);
}

/* True when the slot has ended; *FAILED counts what was not a full handshake. */
static bool slot_step(struct slot *s, long *failed)
{
	char byte;

	if (!s->done) {
		const int n = SSL_do_handshake(s->ssl);
		if (n != 1) {
			const int why = SSL_get_error(s->ssl, n);
			s->want = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
			if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
				return false;
			(*failed)++;
			return true;
		}
		s->done = true;
		s->want = POLLIN;
		SSL_shutdown(s->ssl);
		shutdown(s->fd, SHUT_WR);
	}
	for (;;) {
		const ssize_t n = recv(s->fd, &byte, 1, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		if (n < 0)
			return false;
	}
}

static void slot_close(struct slot *s)
{
	SSL_free(s->ssl);
	close(s->fd);
}

static int load_main(char **argv)
{
	static struct slot slots[MAX_IN_FLIGHT];
	static struct pollfd polls[MAX_IN_FLIGHT];
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)) };
	SSL_CTX *ctx = client_context();
	const long in_flight = strtol(argv[3], NULL, 10);
	long ops = 0, failed = 0;

	if (inet_pton(AF_INET, argv[0], &to.sin_addr) != 1 ||
	        (ntohl(to.sin_addr.s_addr) >> 24) != 127)
		fail("only loopback");
	if (in_flight < 1 || in_flight > MAX_IN_FLIGHT)
		fail("in flight: 1 to 256");
	const double begin = clock_of(CLOCK_MONOTONIC), end = begin + strtod(argv[4], NULL);
	for (long i = 0; i < in_flight; i++)
		slot_open(&slots[i], ctx, &to, argv[2]);
	while (clock_of(CLOCK_MONOTONIC) < end) {
		for (long i = 0; i < in_flight; i++)
			polls[i] = (struct pollfd){ .fd = slots[i].fd, .events = slots[i].want };
		if (poll(polls, (nfds_t)in_flight, 1000) < 0)
			fail("poll");
		for (long i = 0; i < in_flight; i++) {
			if (polls[i].revents == 0 || !slot_step(&slots[i], &failed))
				continue;
			ops++;
			slot_close(&slots[i]);
			slot_open(&slots[i], ctx, &to, argv[2]);
		}
	}
	printf("{\"ops\": %ld, \"failed\": %ld, \"seconds\": %.3f}\n", ops, failed,
	        clock_of(CLOCK_MONOTONIC) - begin);
	return 0;
}

/* One blocking handshake; true when the leaf's SHA-256 is WANT. */
static bool serves(SSL_CTX *ctx, const struct sockaddr_in *to, const char *sni, const char *want)
{
	unsigned char digest[32];
	char hex[65] = "";
	const int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl = SSL_new(ctx);

	if (fd < 0 || ssl == NULL)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, sni);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 && SSL_connect(ssl) == 1) {
		X509 *leaf = SSL_get1_peer_certificate(ssl);
		if (leaf != NULL && X509_digest(leaf, EVP_sha256(), digest, NULL) == 1)
			for (size_t i = 0; i < sizeof(digest); i++)
				snprintf(hex + 2 * i, 3, "%02x", digest[i]);
		X509_free(leaf);
	}
	SSL_free(ssl);
	close(fd);
	return strcmp(hex, want) == 0;
}

/* For each line "SNI SHA256": shakes hands until that leaf is served, then prints the monotonic
 * time. */
static int watch_main(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)) };
	SSL_CTX *ctx = client_context();
	char line[512], sni[300], want[65];

	if (inet_pton(AF_INET, argv[0], &to.sin_addr) != 1 ||
	        (ntohl(to.sin_addr.s_addr) >> 24) != 127)
		fail("only loopback");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "%299s %64s", sni, want) != 2)
			fail("a line is SNI SHA256");
		const double give_up = clock_of(CLOCK_MONOTONIC) + 30;
		while (!serves(ctx, &to, sni, want))
			if (clock_of(CLOCK_MONOTONIC) > give_up)
				fail("not served in 30 s");
		printf("%.6f\n", clock_of(CLOCK_MONOTONIC));
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "watch") == 0)
		return watch_main(argv + 2);
	if (argc == 6 && strcmp(argv[1], "floor") == 0)
		return floor_main(argv + 2);
	if (argc == 7 && strcmp(argv[1], "load") == 0)
		return load_main(argv + 2);
	fail("usage: tlsload floor CERT KEY TICKETS N | load HOST PORT SNI IN_FLIGHT SECONDS | "
	     "watch HOST PORT");
	return 64;
}
