/* node/keyd/numbers.h: a private key as its bare numbers, wrapped by AES-256-GCM under the key of
 * this node alone (design 4.3). Opening a PKCS#12 costs 1.9 ms; opening this costs some 20 us. */
#pragma once
#include "node/keyd/signkey.h"

#define NUMBERS_WRAP_KEY 32
#define NUMBERS_WRAPPED_MAX 8192

/* Appends the wrapped numbers to OUT; bundle id and type of key are authenticated with them.
 * CS_ECRYPTO. */
CS_MUST enum cs_err numbers_wrap(const struct signkey *key, const uint8_t wrap[NUMBERS_WRAP_KEY],
        const char *id, struct cs_buf *out);
/* CS_ECORRUPT: altered, or of another bundle, type or node. */
CS_MUST enum cs_err numbers_unwrap(struct cs_bytes wrapped, const uint8_t wrap[NUMBERS_WRAP_KEY],
        const char *id, struct signkey **out);
