/* tls-edge/conn/conn.h: one client connection, as the files of this folder see it.
 *
 *	           handshake done, upstream set        both ends done
 *	HANDSHAKE ------------------------------> RELAY ------------------> gone
 *	    |                                                                ^
 *	    +---------------> PAGE -----------------> LINGER ----------------+
 *	      no upstream            last answer out          client's end, or LINGER_MS
 *
 * Each stage has a deadline: handshake (with the way to the upstream), idle, linger; any error is
 *the end. */
#pragma once
#include "proto/base/buf.h"
#include "tls-edge/conn/conns.h"
#include "tls-edge/conn/page.h"
#include "tls-edge/conn/upstream.h"

#define SCRATCH_MAX 16384 /* a whole TLS record, so that none stays behind in OpenSSL */
#define LINGER_MS 2000
#define BURST 16 /* reads of one side in one loop turn */

enum conn_stage { CONN_HANDSHAKE, CONN_RELAY, CONN_PAGE, CONN_LINGER };

struct conn_side {
	int fd;
	uint32_t watched; /* events asked of the loop; 0: not watched */
	uint32_t ready; /* events of this turn */
};
/* Connections with one same time-out, so the first to end is always at the head. */
struct conn_queue {
	struct conn *head, *tail;
	int64_t timeout_ms;
};
struct conn {
	struct conn *next, *prev;
	struct conn_queue *queue;
	int64_t due;
	struct conns *home;
	enum conn_stage stage;
	SSL *ssl; /* NULL until the first byte */
	struct conn_side client, upstream;
	struct select_choice choice;
	struct cs_buf in, out; /* what could not go on yet; from, to the client. Empty most of the
	                          time, then no memory */
	bool in_end, out_end; /* no more will come */
	bool in_shut, out_shut; /* and this was passed on */
	bool lost; /* the upstream stopped reading before the client's end */
	bool connected, write_first; /* write_first: OpenSSL must write before it can read */
	unsigned hold_left; /* lines of a held download */
	struct loop_timer *hold;
};

struct conns {
	struct conns_parts parts;
	char node[72], upstream_text[1032];
	struct upstream upstream;
	int64_t upstream_tried;
	struct conn_queue handshaking, idle, lingering;
	struct loop_timer *tick;
	size_t count, holds;
	bool draining;
	int64_t said_handshake, said_upstream;
	struct conns_tally tally;
	uint8_t scratch[SCRATCH_MAX];
};

/* Watches exactly EVENTS of SIDE; 0 drops it, so that a hang-up nobody can act on yet does not
 * spin. */
CS_MUST enum cs_err conn_want(struct conn *self, struct conn_side *side, uint32_t events);
void conn_enqueue(struct conn *self, struct conn_queue *queue); /* with a fresh deadline */
/* Runs the stage and closes on anything but CS_OK. */
void conn_run(struct conn *self);
void conn_close(struct conn *self);
/* One SSL_read into home->scratch. CS_OK: *N bytes. CS_EAGAIN; CS_ECLOSED: the client's orderly
 * end; CS_EIO: anything else. */
CS_MUST enum cs_err conn_read(struct conn *self, size_t *n);
/* As much of BYTES as goes now, the rest into self->out. CS_OK, CS_EIO. */
CS_MUST enum cs_err conn_write(struct conn *self, const uint8_t *bytes, size_t n);
CS_MUST enum cs_err conn_flush(struct conn *self); /* self->out */
/* close_notify, then FIN. CS_EAGAIN: call again when writable. */
CS_MUST enum cs_err conn_goodbye(struct conn *self);
/* Goodbye, then reads on and forgets: a close with bytes unread would be a reset, which can
 * overtake what we sent last. */
CS_MUST enum cs_err conn_linger(struct conn *self);
/* True at most once a second for each *LAST: log lines that strangers can cause. */
bool conn_may_say(int64_t *last);

/* The stages, one file each. CS_OK: go on; anything else ends the connection. */
CS_MUST enum cs_err handshake_run(struct conn *self);
CS_MUST enum cs_err relay_begin(struct conn *self);
CS_MUST enum cs_err relay_run(struct conn *self);
CS_MUST enum cs_err answer_run(struct conn *self);
void answer_end(struct conn *self); /* drops its timer */
