/* tls-edge/conn/conns.h: all client connections of one worker: from accept over the handshake to
 * the last byte. It never blocks but for one signature (provider/keyline.h), and holds no buffer
 * for a connection that has nothing under way. */
#pragma once
#include <openssl/ssl.h>
#include "proto/base/cs.h"
#include "proto/role/loop.h"
#include "tls-edge/provider/keyline.h"
#include "tls-edge/select/select.h"

#define CONNS_MAX 20000

struct conns;
/* All of them outlive the conns. */
struct conns_parts {
	struct loop *loop;
	SSL_CTX *ctx; /* its hooks are select's */
	struct select *select;
	struct keyline *keyd;
};
struct conns_config {
	const char *node, *upstream; /* copied; upstream as in upstream.h */
	uint32_t handshake_timeout_s, idle_timeout_s;
};
CS_MUST enum cs_err conns_new(
        const struct conns_parts *parts, const struct conns_config *config, struct conns **out);
/* For connections that begin from now on. */
CS_MUST enum cs_err conns_configure(struct conns *self, const struct conns_config *config);
/* Takes over FD, non-blocking, just accepted. CS_EAGAIN when CONNS_MAX are open (FD is closed then,
 * as on any error). */
CS_MUST enum cs_err conns_add(struct conns *self, int fd);
size_t conns_count(const struct conns *self);
/* From now on: idle ones go, answers say "Connection: close". */
void conns_drain(struct conns *self);
struct conns_tally {
	uint64_t accepted, handshakes, resumed, failed, timed_out;
};
struct conns_tally conns_tally(const struct conns *self);
void conns_free(struct conns **self); /* closes all */
