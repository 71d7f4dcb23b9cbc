/* replicator/driver/signature.h: Ed25519 over marks and reigns: made by a leader, believed only
 * from a pair member. */
#pragma once
#include "replicator/driver/registry.h"

/* Signs the mark's encoding (sid 0, no signature) into OUT (64 bytes). */
CS_MUST enum cs_err mark_sign(
        const struct wire_mark *mark, const uint8_t sign_secret[64], uint8_t out[64]);
/* Its signer is a pair member of REGISTRY, and leads the newest of its reigns. */
bool mark_good(const struct wire_mark *mark, const struct registry *registry);
bool reign_good(const struct wire_reign *reign, const struct registry *registry);
