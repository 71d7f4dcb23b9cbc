/* node/probe/probe.h: one TLS handshake as a question: which certificate do you serve to a client
 * that asks like this?
 *
 * Nothing is verified here but what TLS itself proves: that the server holds the private key of the
 * leaf it sent. Trust and names are the caller's business; status compares fingerprints. Never
 * resumed, so the server always shows its certificate. The program must ignore SIGPIPE. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/wire/replication.h"

struct probe_question {
	const char *address; /* "HOST:PORT" or "[V6]:PORT"; HOST may be a name, which blocks while
	                        it is looked up */
	enum probe_kind kind;
	const char *sni; /* sent for PROBE_SNI and PROBE_UNMATCHED, unless it is an IP address (RFC
	                    6066 forbids that) */
	int64_t deadline_ms; /* by cs_clock_mono_ms */
};

struct probe_answer {
	enum cs_err err; /* CS_OK: a whole handshake. Else CS_EUNREACHABLE, CS_ETIMEOUT, CS_ECLOSED
	                    (refused in the handshake) */
	char error[128]; /* why not, for people; "" on CS_OK */
	const char *tls; /* "TLSv1.3"; "" */
	const char *cipher; /* "TLS_AES_256_GCM_SHA384"; "" */
	uint8_t sha256[32]; /* of the leaf */
	struct cs_bytes leaf; /* DER */
	const struct cs_bytes *chain; /* what came after the leaf, in the server's order */
	size_t chain_count;
	uint32_t took_us;
	struct cs_arena *arena; /* holds leaf, chain and texts */
};
void probe_answer_free(struct probe_answer *self);

/* Asks and waits. On CS_OK the caller owns *OUT, which may say that the probe failed. CS_ENOMEM,
 * CS_EMALFORMED: a bad question. */
CS_MUST enum cs_err probe_run(const struct probe_question *question, struct probe_answer *out);

/* The same in steps, for many at once: wait until probe_fd is ready for probe_events (or the
 * deadline is over), then step. */
struct probe;
CS_MUST enum cs_err probe_start(const struct probe_question *question, struct probe **out);
int probe_fd(const struct probe *self); /* -1: none, step at once */
uint32_t probe_events(const struct probe *self); /* EPOLLIN or EPOLLOUT; the same bits as poll's */
/* CS_EAGAIN: not done yet. CS_OK: done, the caller owns *OUT. */
CS_MUST enum cs_err probe_step(struct probe *self, struct probe_answer *out);
void probe_free(struct probe **self);
