/* replicator/net/zap.h: who may connect: the ZAP handler (RFC 27) of one ZeroMQ context, in its own
 * thread. A CURVE key of the allow-list gets its node's name as User-Id; an unknown key is refused,
 * or let in as "enrol" while a join token is open. */
#pragma once
#include "proto/base/cs.h"
#include "proto/base/limits.h"

#define ZAP_DOMAIN "certspan"
#define ZAP_ENROL "enrol:" /* User-Id of an unknown key; no node name holds a ':' */

struct zap_entry {
	uint8_t key[32];
	char name[CS_ID_MAX + 1];
};
struct zap;
/* Nobody is allowed yet. Start before any server socket of CONTEXT is bound. */
CS_MUST enum cs_err zap_start(void *context, struct zap **out);
/* Replaces the list; ENTRIES are copied. */
CS_MUST enum cs_err zap_allow(struct zap *self, const struct zap_entry *entries, size_t count);
void zap_open(struct zap *self, bool open); /* a join token is open */
uint64_t zap_refused(struct zap *self); /* connections refused so far */
/* After all other sockets of the context are closed and zmq_ctx_shutdown was called. */
void zap_stop(struct zap **self);
