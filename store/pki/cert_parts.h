/* store/pki/cert_parts.h: the pieces that pki_cert_read is made of. Inside store/pki only. */
#pragma once
#include "store/pki/cert.h"
#include "store/pki/ossl.h"

/* Authority Information Access, embedded SCTs and TLS feature of X into CERT. What does not decode
 * counts as absent: clients that do not know these extensions go on, too. */
CS_MUST enum cs_err cert_read_extras(struct cs_arena *arena, X509 *x, struct pki_cert *cert);
