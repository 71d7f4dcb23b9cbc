/* proto/role/role.h: how a role process begins and lives (design section 3).
 *
 * The supervisor execs `certspan-ROLE` with descriptor 3 = its control channel. The role calls
 * role_begin, which waits for START, hardens the process (not dumpable, no core, ends with its
 * parent, SIGPIPE ignored) and sets up the log. Then it receives descriptors by FD packets, calls
 * role_ready when it serves, and obeys STOP, CONFIG and the end of the channel (the supervisor is
 * gone: end at once). */
#pragma once
#include "proto/wire/control.h"
#include "proto/wire/packet.h"

#define ROLE_CONTROL_FD 3

struct role {
	int control; /* watch it; hand every packet to your own switch */
	struct wire_packet start; /* body: struct wire_start; alive until role_end */
	struct wire_packet newest; /* the last CONFIG, if any */
	const struct wire_config *config; /* inside newest, else inside start */
};

/* NAME: "edge" ... for the log. CS_EUSAGE when it was not started by the supervisor. */
CS_MUST enum cs_err role_begin(const char *name, struct role *out);
/* Says READY with the hardening that is active; NOTE may add to it ("seccomp landlock"). */
CS_MUST enum cs_err role_ready(const struct role *self, const char *note);
/* Takes over a CONFIG packet (steals it) and sets up the log anew. */
void role_reconfigure(struct role *self, struct wire_packet *packet);
void role_end(struct role *self);
