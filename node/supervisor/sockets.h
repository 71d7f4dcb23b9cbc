/* node/supervisor/sockets.h: every socket that the node listens on but replication's, bound here
 * and kept open, so that nothing is refused while a role restarts. */
#pragma once
#include "proto/base/buf.h"
#include "proto/wire/control.h"

struct sockets {
	int api, door; /* unix, 0600 */
	size_t workers, addresses;
	int *edge; /* [worker * addresses + address], one SO_REUSEPORT group an address */
	char api_path[128], door_path[128];
};

/* CS_EEXISTS: a port is in use. COMPLAINT: what, and `next:` what to do. */
CS_MUST enum cs_err sockets_open(
        const struct wire_config *config, struct sockets *out, struct cs_buf *complaint);
int sockets_edge(const struct sockets *self, size_t worker, size_t address);
/* Closes all and removes the unix sockets' names; safe to call twice. */
void sockets_close(struct sockets *self);
