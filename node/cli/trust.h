/* node/cli/trust.h: whose root some certificate leads to, by this system's trust store and what
 * came with it. */
#pragma once
#include "store/pki/intake.h"
#include "store/pki/warnings.h"

/* PKI_TRUST_UNKNOWN also when memory is out. FILE: NULL for the system's own. */
enum pki_trust trust_of_pair(
        const struct intake *in, const struct intake_pair *pair, int64_t now, const char *file);
