/* node/keyd/custody.h: what an importer may have of keyd beside SEAL: a key or the cluster secrets
 * against a committed export record (each record once), a comparison with a recovery file, and the
 * lock. */
#pragma once
#include "node/keyd/keybox.h"
#include "node/keyd/vault.h"
#include "proto/wire/packet.h"

#define CUSTODY_USED_MAX 64 /* records of two minutes */

struct custody {
	struct vault *vault;
	struct keybox *box;
	bool restart; /* keyd is to begin anew: it then reads its key file again */
	struct {
		char id[CS_ID_MAX + 1];
		int64_t at_s;
	} used[CUSTODY_USED_MAX];
};

/* Obeys one packet of an importer on FD and answers there. CS_EUNSUPPORTED: it is none of these. */
CS_MUST enum cs_err custody_answer(
        struct custody *self, int fd, const struct wire_packet *packet, int64_t now_s);
