/* tls-edge/tls/context.h: the one SSL_CTX of a worker: Mozilla "intermediate" (notes/security.md
 * section 8). Certificates are set for each connection in the certificate callback, never here. */
#pragma once
#include <openssl/ssl.h>
#include "proto/base/cs.h"

#define TLS_POLICY "intermediate"

struct tls_hooks {
	int (*hello)(SSL *ssl, int *alert,
	        void *data); /* SSL_client_hello_cb_fn: before resumption is decided */
	int (*certificate)(SSL *ssl, void *data); /* SSL_CTX_set_cert_cb: full handshakes only */
	void *data;
};
/* After provider_load. The caller owns *OUT (SSL_CTX_free). CS_ECRYPTO. */
CS_MUST enum cs_err tls_context_new(const struct tls_hooks *hooks, SSL_CTX **out);
