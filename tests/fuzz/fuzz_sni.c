/* The server name of a ClientHello: the first thing that a stranger says. Once as the bare
 * extension, once in a handshake that goes as far as the choice of a certificate; then the built-in
 * page's request. */
#include <stdlib.h>
#include <string.h>
#include "tls-edge/conn/page.h"
#include "tls-edge/provider/provider.h"
#include "tls-edge/select/select.h"
#include "tls-edge/tls/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum cs_err no_pick(void *self, const struct cs_bytes *sni, unsigned can_verify, int64_t now,
        struct serving_pick *out)
{
	char name[CS_NAME_MAX + 1];

	(void)self;
	(void)can_verify;
	(void)now;
	(void)out;
	if (sni != NULL && pki_name_normal(*sni, name) == CS_OK && strlen(name) > CS_NAME_MAX)
		abort();
	return CS_ENOTFOUND;
}

static enum cs_err no_cert(
        void *self, const char *id, struct cs_arena *arena, struct serving_cert *out)
{
	(void)self;
	(void)id;
	(void)arena;
	(void)out;
	return CS_ENOTFOUND;
}

static SSL_CTX *context(void)
{
	static struct keyline *keyd;
	static struct select *select;
	static SSL_CTX *ctx;
	const struct source source = { NULL, no_pick, no_cert };

	if (ctx != NULL)
		return ctx;
	if (keyline_new(&keyd) != CS_OK || provider_load(keyd) != CS_OK ||
	        select_new(&source, 4, &select) != CS_OK)
		abort();
	const struct tls_hooks hooks = { select_hello, select_certificate, select };
	if (tls_context_new(&hooks, &ctx) != CS_OK)
		abort();
	return ctx;
}

static void shake(const uint8_t *data, size_t size)
{
	struct select_choice choice;
	SSL *ssl = SSL_new(context());

	SSL_set_bio(ssl, BIO_new_mem_buf(data, (int)size), BIO_new(BIO_s_null()));
	SSL_set_accept_state(ssl);
	select_attach(ssl, &choice);
	(void)(SSL_do_handshake(ssl) == 1);
	SSL_free(ssl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cs_bytes in = { data, size };
	struct hello_sni sni;
	struct page_request request;
	size_t used;

	if (hello_sni_read(in, &sni) == CS_OK && (!sni.sent || sni.n > size))
		abort();
	if (page_read(in, &request, &used) == CS_OK && (used == 0 || used > size))
		abort();
	if (size < 65536)
		shake(data, size);
	return 0;
}
