/* tls-edge/provider/keyline.h: the way to keyd: one handshake signature asked for, waited for in
 *place. Never blocks for more than KEYLINE_WAIT_MS, and not at all when keyd is gone or did not
 *answer the one before: a stuck keyd must not stop the relays of this worker.
 *
 *	           connect                 no answer in KEYLINE_WAIT_MS
 *	  down ---------------> up ------------------------------------> stuck
 *	   ^  EOF, EPIPE        |  ^   any answer, or KEYLINE_RETRY_MS later   |
 *	   +--------------------+  +----------------------------------------+
 */
#pragma once
#include "proto/base/cs.h"

#define KEYLINE_WAIT_MS 500
#define KEYLINE_RETRY_MS 1000

struct keyline;

CS_MUST enum cs_err keyline_new(struct keyline **out);
/* Takes over FD, keyd's channel (proto/wire/sign.h), in place of the one before. */
void keyline_connect(struct keyline *self, int fd);
bool keyline_up(const struct keyline *self);

struct keyline_ask {
	const char *key; /* certificate id */
	uint16_t scheme; /* TLS SignatureScheme */
	bool tls13;
	struct cs_bytes text; /* to be signed */
};
/* *N: room in SIGNATURE, then its length. CS_ECLOSED: keyd is gone; CS_ETIMEOUT: no answer; else
 * keyd's own answer. */
CS_MUST enum cs_err keyline_sign(
        struct keyline *self, const struct keyline_ask *ask, uint8_t *signature, size_t *n);
/* The last failure since the last call, then forgotten: OpenSSL has no way to hand a reason
 * through. */
enum cs_err keyline_failure(struct keyline *self);
void keyline_free(struct keyline **self);
