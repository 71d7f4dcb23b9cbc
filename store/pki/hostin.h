/* store/pki/hostin.h: host names as people write them, turned into what a certificate holds, and
 * what the public suffix list says of a wildcard. Needs libidn2 and libpsl. */
#pragma once
#include "proto/base/cs.h"

/* TEXT ("bücher.example", "*.Example.COM.") as an A-label name in lower case, without its trailing
 * dot, into OUT (CS_NAME_MAX + 1). A wildcard is "*." before at least two labels. CS_EMALFORMED
 * with a sentence in REASON. */
CS_MUST enum cs_err pki_hostin(const char *text, char *out, char *reason, size_t size);

enum pki_suffix { PKI_SUFFIX_NONE = 0, PKI_SUFFIX_PRIVATE = 1, PKI_SUFFIX_PUBLIC = 2 };
/* What the wildcard NAME stands directly under: a suffix of a registry ("*.co.uk"), of a private
 * operator ("*.github.io"), or neither. NAMES without "*." are PKI_SUFFIX_NONE. */
enum pki_suffix pki_hostin_suffix(const char *name);
