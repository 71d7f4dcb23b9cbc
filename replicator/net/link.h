/* replicator/net/link.h: the two ZeroMQ ends: a server (ROUTER that binds) and a client (DEALER
 * that dials), both CURVE, with the socket options of design section 5. Every call is non-blocking.
 * Owned by one thread. */
#pragma once
#include "proto/base/cs.h"
#include "proto/base/limits.h"
#include "proto/wire/packet.h"

struct link_keys {
	const uint8_t *curve_public, *curve_secret; /* 32 bytes each */
};
#define LINK_ROUTE_MAX 32
struct link_route { /* where an answer goes: one connection of a server */
	uint8_t bytes[LINK_ROUTE_MAX];
	size_t n;
};

/* --- server --- */
struct server;
/* ADDRESS: host:port, port 0: any. CS_EUNREACHABLE: cannot be bound (in use, no such address). */
CS_MUST enum cs_err server_open(
        void *context, const char *address, struct link_keys keys, struct server **out);
/* Proves that an unknown key is refused: CS_OK, else CS_EDENIED (it was let in) or CS_ETIMEOUT.
 * Blocks up to 3 s; call before any token is open. */
CS_MUST enum cs_err server_probe(struct server *self);
/* CS_EAGAIN: nothing. CS_EMALFORMED, CS_EUNSUPPORTED, CS_ETOOBIG: USER sent something bad, *PACKET
 * is empty. USER takes CS_ID_MAX + 16 bytes; "" when libzmq lost it: then the message counts as
 * nobody's. On CS_OK the caller owns *PACKET. */
CS_MUST enum cs_err server_receive(
        struct server *self, struct link_route *from, char *user, struct wire_packet *packet);
/* CS_EAGAIN: that peer's queue is full; CS_ECLOSED: that peer is gone. */
CS_MUST enum cs_err server_send(
        struct server *self, const struct link_route *to, struct cs_bytes payload);
void *server_socket(struct server *self); /* for zmq_poll */
const char *server_endpoint(const struct server *self); /* host:port as bound */
void server_close(struct server **self);

/* --- client --- */
struct client;
enum client_fault { CLIENT_FINE, CLIENT_REFUSED, CLIENT_NO_CURVE, CLIENT_LOST };
/* LATE: the long reconnect intervals of an upstream that is away for over a minute. */
CS_MUST enum cs_err client_open(void *context, const char *address, const uint8_t server_key[32],
        struct link_keys keys, bool late, struct client **out);
bool client_writable(struct client *self); /* connected and not full */
CS_MUST enum cs_err client_receive(
        struct client *self, struct wire_packet *packet); /* as server_receive */
CS_MUST enum cs_err client_send(struct client *self, struct cs_bytes payload); /* CS_EAGAIN */
enum client_fault client_fault(struct client *self); /* the newest, since the last call */
void *client_socket(struct client *self);
void *client_monitor(struct client *self); /* poll it too: an unread monitor stops libzmq */
void client_close(struct client **self);
