/* replicator/enrol/mac.h: the HMAC-SHA-256 by a join token's secret over ENROL and ENROLLED (with
 * an empty hmac field). */
#pragma once
#include "proto/wire/replication.h"

CS_MUST enum cs_err enrol_mac(
        const struct wire_enrol *message, const uint8_t secret[16], uint8_t out[32]);
CS_MUST enum cs_err enrolled_mac(
        const struct wire_enrolled *message, const uint8_t secret[16], uint8_t out[32]);
/* In constant time. */
bool mac_equal(const uint8_t mac[32], struct cs_bytes other);
