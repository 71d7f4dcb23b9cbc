/* node/keyd/keymill.h: makes keys on a thread of its own: an RSA key takes up to seconds, and no
 * handshake waits for it. */
#pragma once
#include <openssl/types.h>
#include "proto/base/cs.h"
#include "store/pki/csr.h"

#define KEYMILL_ORDERS_MAX 8

struct keymill;

/* Starts the thread, which puts itself under seccomp: call it before the sandbox forbids threads,
 * after OpenSSL is warm. */
CS_MUST enum cs_err keymill_new(struct keymill **out);
int keymill_fd(const struct keymill *self); /* readable when a key is ready */
/* A key of SPEC, to be taken under TICKET. CS_EAGAIN: too many wait. */
CS_MUST enum cs_err keymill_order(
        struct keymill *self, uint64_t ticket, const struct pki_keyspec *spec);
/* The next that is ready; false: none. *KEY is the caller's, NULL when it could not be made. */
bool keymill_take(struct keymill *self, uint64_t *ticket, EVP_PKEY **key);
/* Breaks off what is being made. */
void keymill_free(struct keymill **self);
