/* proto/role/channel.h: one SOCK_SEQPACKET end: one wire packet a message, at most CS_PACKET_MAX,
 * perhaps with one descriptor. Plain functions over a descriptor: whoever owns the descriptor owns
 * the channel. */
#pragma once
#include "proto/base/cs.h"
#include "proto/wire/packet.h"

/* Both ends, close-on-exec, non-blocking, with buffers that take two of the largest packets. */
CS_MUST enum cs_err channel_pair(int ends[2]);
/* Never blocks: CS_EAGAIN when the peer does not read, CS_ECLOSED when it is gone, CS_ETOOBIG.
 * PASS_FD -1: none; a passed descriptor stays the caller's too. */
CS_MUST enum cs_err channel_send(int fd, unsigned packet, const void *body, int pass_fd);
/* Waits until DEADLINE_MS (cs_clock_mono_ms) for room, then CS_ETIMEOUT. */
CS_MUST enum cs_err channel_send_wait(
        int fd, unsigned packet, const void *body, int64_t deadline_ms);
/* On CS_OK the caller owns *OUT and *PASSED (-1 if none; PASSED may be NULL: what comes is closed).
 * CS_EAGAIN when there is nothing, CS_ECLOSED at the end, CS_EMALFORMED, CS_EUNSUPPORTED: the
 * packet is consumed. */
CS_MUST enum cs_err channel_receive(int fd, struct wire_packet *out, int *passed);
/* As channel_receive, but waits until DEADLINE_MS, then CS_ETIMEOUT. */
CS_MUST enum cs_err channel_receive_wait(
        int fd, int64_t deadline_ms, struct wire_packet *out, int *passed);
