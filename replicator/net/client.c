#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <zmq.h>
#include "replicator/net/link_own.h"

#define REFUSALS (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
#define EVENTS (REFUSALS | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED)

struct client {
	void *socket, *monitor;
};

void *link_monitor(void *context, void *socket, const char *name, int events)
{
	char url[64];

	snprintf(url, sizeof(url), "inproc://%s", name);
	if (zmq_socket_monitor(socket, url, events) != 0)
		return NULL;
	void *monitor = zmq_socket(context, ZMQ_PAIR);
	const int linger = 0;
	if (monitor == NULL || zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof(linger)) != 0 ||
	        zmq_connect(monitor, url) != 0) {
		if (monitor != NULL)
			zmq_close(monitor);
		return NULL;
	}
	return monitor;
}

int link_monitor_next(void *monitor)
{
	uint8_t bytes[6];
	uint16_t event;

	const int n = zmq_recv(monitor, bytes, sizeof(bytes), ZMQ_DONTWAIT);
	if (n < 0)
		return 0;
	link_skip_rest(monitor);
	memcpy(&event, bytes, sizeof(event));
	return event;
}

static enum cs_err dial(struct client *self, void *context, const char *address,
        const uint8_t server_key[32], bool late)
{
	const int first = 200 + (int)randombytes_uniform(100), most = late ? 30000 : 1000;
	char url[CS_ENDPOINT_MAX + 16], name[40];

	if (zmq_setsockopt(self->socket, ZMQ_RECONNECT_IVL, &first, sizeof(first)) != 0 ||
	        zmq_setsockopt(self->socket, ZMQ_RECONNECT_IVL_MAX, &most, sizeof(most)) != 0 ||
	        zmq_setsockopt(self->socket, ZMQ_CURVE_SERVERKEY, server_key, 32) != 0)
		return CS_EBUG;
	snprintf(name, sizeof(name), "client-%p", self->socket);
	self->monitor = link_monitor(context, self->socket, name, EVENTS);
	if (self->monitor == NULL)
		return CS_EIO;
	snprintf(url, sizeof(url), "tcp://%s", address);
	return zmq_connect(self->socket, url) == 0 ? CS_OK : link_error(errno);
}

enum cs_err client_open(void *context, const char *address, const uint8_t server_key[32],
        struct link_keys keys, bool late, struct client **out)
{
	CS_AUTO(client_close) struct client *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->socket = zmq_socket(context, ZMQ_DEALER);
	if (self->socket == NULL)
		return CS_EIO;
	CS_TRY(link_options(self->socket, keys));
	CS_TRY(dial(self, context, address, server_key, late));
	*out = CS_STEAL(self);
	return CS_OK;
}

bool client_writable(struct client *self)
{
	int events = 0;
	size_t size = sizeof(events);

	return zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &size) == 0 &&
	       (events & ZMQ_POLLOUT) != 0;
}

enum cs_err client_receive(struct client *self, struct wire_packet *packet)
{
	zmq_msg_t frame;

	*packet = (struct wire_packet){ 0 };
	zmq_msg_init(&frame);
	enum cs_err rc =
	        zmq_msg_recv(&frame, self->socket, ZMQ_DONTWAIT) < 0 ? link_error(errno) : CS_OK;
	if (rc == CS_OK && link_more(self->socket))
		rc = CS_EMALFORMED;
	if (rc == CS_OK)
		rc = wire_unpack(
		        (struct cs_bytes){ zmq_msg_data(&frame), zmq_msg_size(&frame) }, packet);
	zmq_msg_close(&frame);
	link_skip_rest(self->socket);
	return rc;
}

enum cs_err client_send(struct client *self, struct cs_bytes payload)
{
	return zmq_send(self->socket, payload.p, payload.n, ZMQ_DONTWAIT) < 0 ? link_error(errno)
	                                                                      : CS_OK;
}

enum client_fault client_fault(struct client *self)
{
	enum client_fault fault = CLIENT_FINE;

	for (int event = link_monitor_next(self->monitor); event != 0;
	        event = link_monitor_next(self->monitor)) {
		if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
			fault = CLIENT_REFUSED;
		else if ((event & REFUSALS) != 0)
			fault = CLIENT_NO_CURVE;
		else if (fault == CLIENT_FINE)
			fault = CLIENT_LOST; /* a refusal ends the connection too, and says more */
	}
	return fault;
}

void *client_socket(struct client *self)
{
	return self->socket;
}

void *client_monitor(struct client *self)
{
	return self->monitor;
}

void client_close(struct client **self)
{
	if (*self == NULL)
		return;
	if ((*self)->monitor != NULL) {
		zmq_socket_monitor((*self)->socket, NULL, 0);
		zmq_close((*self)->monitor);
	}
	if ((*self)->socket != NULL)
		zmq_close((*self)->socket);
	free(*self);
	*self = NULL;
}
