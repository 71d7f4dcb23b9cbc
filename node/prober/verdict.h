/* node/prober/verdict.h: what a handshake's outcome means. Pure. */
#pragma once
#include "proto/wire/replication.h"

/* GOT: SHA-256 of the served leaf, empty when there was none. FALLBACK: what a client without SNI
 * should get, empty when unknown. A certificate from before a change is `wrong` here; only the
 * replicator knows what was served before, and refines it to `old`. */
enum probe_result verdict(struct cs_bytes want, struct cs_bytes got, struct cs_bytes fallback);
/* The own edge's address as a client on this host dials it: the wildcard addresses become loopback.
 * OUT: CS_ENDPOINT_MAX + 1 bytes. */
const char *verdict_dial(const char *listen, char *out);
