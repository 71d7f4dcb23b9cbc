#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <zmq.h>
#include "proto/base/clock.h"
#include "replicator/net/link_own.h"
#include "replicator/net/zap.h"

#define PROBE_MS 3000

struct server {
	void *context, *socket;
	uint8_t curve_public[32];
	char endpoint[CS_ENDPOINT_MAX + 16]; /* tcp://host:port */
};

/* An IPv6 socket on an IPv4 address says tcp://[::ffff:127.0.0.1]:7443; people wrote
 * 127.0.0.1:7443. */
static void plain_v4(char *endpoint)
{
	static const char mapped[] = "tcp://[::ffff:";
	char *end = strchr(endpoint, ']');

	if (strncmp(endpoint, mapped, sizeof(mapped) - 1) != 0 || end == NULL)
		return;
	char *host = endpoint + sizeof(mapped) - 1;
	const size_t n = (size_t)(end - host);
	memmove(endpoint + 6, host, n);
	memmove(endpoint + 6 + n, end + 1, strlen(end + 1) + 1);
}

static enum cs_err bind_it(struct server *self, const char *address, struct link_keys keys)
{
	const int yes = 1;
	char url[CS_ENDPOINT_MAX + 16];
	size_t size = sizeof(self->endpoint);

	CS_TRY(link_options(self->socket, keys));
	if (zmq_setsockopt(self->socket, ZMQ_ROUTER_MANDATORY, &yes, sizeof(yes)) != 0 ||
	        zmq_setsockopt(self->socket, ZMQ_CURVE_SERVER, &yes, sizeof(yes)) != 0 ||
	        zmq_setsockopt(self->socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) != 0 ||
	        zmq_setsockopt(self->socket, 93 /* ZMQ_ZAP_ENFORCE_DOMAIN, a draft name */, &yes,
	                sizeof(yes)) != 0)
		return CS_EBUG;
	snprintf(url, sizeof(url), "tcp://%s", address);
	if (zmq_bind(self->socket, url) != 0)
		return link_error(errno);
	if (zmq_getsockopt(self->socket, ZMQ_LAST_ENDPOINT, self->endpoint, &size) != 0)
		return CS_EBUG;
	plain_v4(self->endpoint);
	return CS_OK;
}

enum cs_err server_open(
        void *context, const char *address, struct link_keys keys, struct server **out)
{
	CS_AUTO(server_close) struct server *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->context = context;
	self->socket = zmq_socket(context, ZMQ_ROUTER);
	if (self->socket == NULL)
		return CS_EIO;
	memcpy(self->curve_public, keys.curve_public, 32);
	CS_TRY(bind_it(self, address, keys));
	*out = CS_STEAL(self);
	return CS_OK;
}

/* The bound address as a local client dials it: a wildcard is this machine. */
static void dial_address(const struct server *self, char *out, size_t size)
{
	const char *port = strrchr(self->endpoint, ':');

	if (strncmp(self->endpoint, "tcp://0.0.0.0:", 14) == 0)
		snprintf(out, size, "127.0.0.1%s", port);
	else if (strncmp(self->endpoint, "tcp://[::]:", 11) == 0)
		snprintf(out, size, "[::1]%s", port);
	else
		snprintf(out, size, "%s", self->endpoint + 6);
}

enum cs_err server_probe(struct server *self)
{
	uint8_t pub[32], secret[32];
	char address[CS_ENDPOINT_MAX + 16];

	crypto_box_keypair(pub, secret);
	dial_address(self, address, sizeof(address));
	CS_AUTO(client_close) struct client *stranger = NULL;
	CS_TRY(client_open(self->context, address, self->curve_public,
	        (struct link_keys){ pub, secret }, false, &stranger));
	const int64_t end = cs_clock_mono_ms() + PROBE_MS;
	while (cs_clock_mono_ms() < end) {
		zmq_pollitem_t item[2] = { { .socket = client_monitor(stranger),
			                           .events = ZMQ_POLLIN },
			{ .socket = client_socket(stranger), .events = ZMQ_POLLOUT } };
		zmq_poll(item, 2, 100);
		if (client_writable(stranger))
			return CS_EDENIED;
		if (client_fault(stranger) == CLIENT_REFUSED)
			return CS_OK;
	}
	return CS_ETIMEOUT;
}

static enum cs_err receive_route(void *socket, struct link_route *from)
{
	const int n = zmq_recv(socket, from->bytes, sizeof(from->bytes), ZMQ_DONTWAIT);

	if (n < 0)
		return link_error(errno);
	from->n = (size_t)n;
	return from->n <= sizeof(from->bytes) ? CS_OK : CS_EMALFORMED;
}

enum cs_err server_receive(
        struct server *self, struct link_route *from, char *user, struct wire_packet *packet)
{
	zmq_msg_t frame;

	*packet = (struct wire_packet){ 0 };
	user[0] = '\0';
	enum cs_err rc = receive_route(self->socket, from);
	if (rc == CS_EAGAIN)
		return rc;
	if (rc != CS_OK || !link_more(self->socket)) {
		link_skip_rest(self->socket);
		return CS_EMALFORMED;
	}
	zmq_msg_init(&frame);
	if (zmq_msg_recv(&frame, self->socket, ZMQ_DONTWAIT) < 0)
		rc = link_error(errno);
	/* The User-Id of the id frame can be lost in 4.3.4; the payload's is right. */
	const char *id = rc == CS_OK ? zmq_msg_gets(&frame, "User-Id") : NULL;
	snprintf(user, CS_ID_MAX + 16, "%s", id != NULL ? id : "");
	if (rc == CS_OK && link_more(self->socket))
		rc = CS_EMALFORMED;
	if (rc == CS_OK && user[0] != '\0')
		rc = wire_unpack(
		        (struct cs_bytes){ zmq_msg_data(&frame), zmq_msg_size(&frame) }, packet);
	zmq_msg_close(&frame);
	link_skip_rest(self->socket);
	return rc == CS_EAGAIN ? CS_EMALFORMED : rc;
}

enum cs_err server_send(struct server *self, const struct link_route *to, struct cs_bytes payload)
{
	if (zmq_send(self->socket, to->bytes, to->n, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return link_error(errno);
	if (zmq_send(self->socket, payload.p, payload.n, ZMQ_DONTWAIT) < 0)
		return link_error(errno);
	return CS_OK;
}

void *server_socket(struct server *self)
{
	return self->socket;
}

const char *server_endpoint(const struct server *self)
{
	return self->endpoint + 6;
}

void server_close(struct server **self)
{
	if (*self == NULL)
		return;
	if ((*self)->socket != NULL)
		zmq_close((*self)->socket);
	free(*self);
	*self = NULL;
}
