/* store/pki/keyscan.h: whether bytes hold anything like a private key, in whatever form: PEM,
 * PKCS#8, traditional RSA, DSA and EC keys, encrypted keys, PKCS#12 (so every sealed bundle),
 * encrypted CMS, key files of other programs and of certspan, a join token; plain or within base64,
 * hex or UTF-16, at any place. It errs on the side of finding. Pure. */
#pragma once
#include "proto/base/cs.h"

/* What was found, as "a PKCS#8 private key"; NULL: nothing like a key. *FAILED: memory ran out
 * before all was looked at; take it as a find. */
const char *pki_keyscan(struct cs_bytes bytes, bool *failed);
