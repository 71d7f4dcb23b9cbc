/* node/cli/demo/mint.h: a demo CA and certificates of it, minted on the spot, as
 * passphrase-protected PKCS#12. */
#pragma once
#include "proto/base/cs.h"

struct mint;
/* A fresh CA and one P-256 key for all that it issues. */
CS_MUST enum cs_err mint_new(struct mint **out);
/* Writes FILE (0600): a certificate for the DNS names of SAN ("DNS:a,DNS:b") from an hour ago until
 * DAYS from now, its key and the CA's certificate, under PASSPHRASE, made as `openssl pkcs12
 * -export` does (PBES2 AES-256-CBC and MAC, 2,048 rounds each). */
CS_MUST enum cs_err mint_p12(struct mint *self, const char *san, long days, const char *passphrase,
        const char *file, uint8_t sha256[32]);
/* The CA's certificate as PEM. */
CS_MUST enum cs_err mint_ca_pem(struct mint *self, const char *file);
void mint_free(struct mint **self);
