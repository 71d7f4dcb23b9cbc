/* tls-edge/provider/provider.h: private keys that are not here. An OpenSSL 3 provider, built in,
 * whose RSA and EC keys know only their public part and a certificate id; a signature is keyd's
 * answer to the whole to-be-signed text. */
#pragma once
#include <openssl/evp.h>
#include "tls-edge/provider/keyline.h"

/* Loads OpenSSL's default provider and ours, once a process, without any openssl.cnf; KEYD stays
 * the caller's and outlives all keys. */
CS_MUST enum cs_err provider_load(struct keyline *keyd);
/* At the end of the process, when all keys and SSL_CTX are gone. */
void provider_unload(void);
/* The far-away private key of PUBLIC (a certificate's own key), known to keyd as ID. The caller
 * owns *OUT. CS_EUNSUPPORTED: neither RSA nor a curve that we offer. */
CS_MUST enum cs_err provider_key(EVP_PKEY *public, const char *id, EVP_PKEY **out);
