/* node/door/frame.h: one packet on the door's stream: 4 bytes of length (big-endian), then the
 * packet. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/base/limits.h"

#define DOOR_REQUEST_MAX (CS_UPLOAD_TOTAL_MAX + 65536) /* whole files, passphrase, options */
#define DOOR_REPLY_MAX (320u << 10) /* JSON and an exported file */

/* Both work on blocking and non-blocking sockets alike and give up at DEADLINE_MS
 * (cs_clock_mono_ms): CS_ETIMEOUT. */
CS_MUST enum cs_err door_frame_write(int fd, struct cs_bytes packet, int64_t deadline_ms);
/* Appends the packet to OUT. CS_ETOOBIG as soon as the length says more than OUT may take,
 * CS_EEMPTY for a length of 0, CS_ECLOSED when the stream ends before the packet does. */
CS_MUST enum cs_err door_frame_read(int fd, int64_t deadline_ms, struct cs_buf *out);
