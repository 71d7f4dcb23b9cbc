/* node/admin/link.h: the channel to the replicator or to keyd, shared by all threads: a question
 * goes out with a fresh tag, one thread receives and wakes whoever waits for that tag. When the
 * replicator is gone every waiting question ends with CS_EUNREACHABLE, until a fresh channel comes.
 */
#pragma once
#include "proto/wire/packet.h"

struct link;

CS_MUST enum cs_err link_new(
        const char *peer, struct link **out); /* starts its thread; lives as long as the process */
/* Takes over FD, a fresh channel; an older one is closed and what waits on it fails. */
void link_attach(struct link *self, int fd);
/* Sends BODY, whose first field is its tag, and waits for the answer of type WANT. On CS_OK the
 * caller owns *OUT. CS_EUNREACHABLE: the replicator is gone; CS_ETIMEOUT; CS_EMALFORMED: an answer
 * of another type. */
CS_MUST enum cs_err link_ask(struct link *self, unsigned packet, void *body, unsigned want,
        int64_t timeout_ms, struct wire_packet *out);
