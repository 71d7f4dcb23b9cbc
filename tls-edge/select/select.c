#include "tls-edge/select/select.h"
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "tls-edge/select/cache.h"
#include "tls-edge/tls/context.h"

/* One leaf and its longest chain, with the lists about them. */
#define ARENA_MAX ((size_t)CS_DER_MAX * (CS_CHAIN_MAX + 1) + 4096)

struct select {
	struct source source;
	struct cache *cache;
};

enum cs_err select_new(const struct source *source, size_t capacity, struct select **out)
{
	CS_AUTO(select_free) struct select *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->source = *source;
	CS_TRY(cache_new(capacity, capacity, &self->cache));
	*out = CS_STEAL(self);
	return CS_OK;
}

void select_attach(SSL *ssl, struct select_choice *choice)
{
	SSL_set_app_data(ssl, choice);
}

/* libssl itself binds a TLS 1.3 ticket to no name, and a TLS 1.2 one only where a server-name
 * callback accepted it. */
static int bind_session(SSL *ssl, const struct hello_sni *sni)
{
	uint8_t text[sizeof(TLS_POLICY) + HELLO_SNI_MAX], digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memcpy(text, TLS_POLICY, sizeof(TLS_POLICY) - 1);
	text[sizeof(TLS_POLICY) - 1] = sni->sent ? '=' : '-';
	for (size_t i = 0; i < sni->n; i++)
		text[sizeof(TLS_POLICY) + i] = sni->name[i] >= 'A' && sni->name[i] <= 'Z'
		                                       ? sni->name[i] | 0x20
		                                       : sni->name[i];
	return EVP_Digest(text, sizeof(TLS_POLICY) + sni->n, digest, &n, EVP_sha256(), NULL) == 1 &&
	       SSL_set_session_id_context(ssl, digest, SSL_MAX_SID_CTX_LENGTH) == 1;
}

int select_hello(SSL *ssl, int *alert, void *data)
{
	struct select_choice *choice = SSL_get_app_data(ssl);
	struct cs_bytes extension;

	(void)data;
	*choice = (struct select_choice){ 0 };
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension.p, &extension.n) ==
	                1 &&
	        hello_sni_read(extension, &choice->sni) != CS_OK)
		choice->sni = (struct hello_sni){
			0
		}; /* libssl refuses it with the right alert, right after this */
	if (bind_session(ssl, &choice->sni))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

static bool unreadable(enum cs_err rc)
{
	return rc != CS_OK && rc != CS_ENOTFOUND;
}

static enum cs_err pick(struct select *self, const struct hello_sni *sni, unsigned can_verify,
        struct serving_pick *out)
{
	const struct cs_bytes name = { sni->name, sni->n };
	const enum cs_err rc = self->source.pick(
	        self->source.self, sni->sent ? &name : NULL, can_verify, cs_clock_wall_s(), out);

	if (rc == CS_OK && out->why == SERVING_NAME)
		cache_remember(self->cache, name, can_verify, out);
	if (!unreadable(rc) || !sni->sent)
		return rc;
	return cache_recall(self->cache, name, can_verify, out) == CS_OK ? CS_OK : rc;
}

static enum cs_err parsed(
        struct select *self, const struct serving_pick *pick, const struct cache_cert **out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct serving_cert cert;

	*out = cache_find(self->cache, pick);
	if (*out != NULL)
		return CS_OK;
	CS_TRY(cs_arena_new(ARENA_MAX, &arena));
	CS_TRY(self->source.cert(self->source.self, pick->id, arena, &cert));
	return cache_add(self->cache, pick, &cert, out);
}

enum cs_err select_look(struct select *self, SSL *ssl, struct select_choice *choice)
{
	CS_TRY(pick(self, &choice->sni, hello_can_verify_ssl(ssl), &choice->pick));
	choice->made = true;
	return CS_OK;
}

/* Between look-up and fetch a commit may take the certificate away: then the name has another one
 * now. */
static enum cs_err find(
        struct select *self, SSL *ssl, struct select_choice *choice, const struct cache_cert **out)
{
	CS_TRY(select_look(self, ssl, choice));
	const enum cs_err rc = parsed(self, &choice->pick, out);
	if (rc != CS_ENOTFOUND)
		return rc;
	CS_TRY(select_look(self, ssl, choice));
	return parsed(self, &choice->pick, out);
}

static enum cs_err choose(struct select *self, SSL *ssl, struct select_choice *choice)
{
	const struct cache_cert *cert;

	CS_TRY(find(self, ssl, choice, &cert));
	SSL_certs_clear(ssl); /* a HelloRetryRequest comes here twice */
	return SSL_use_cert_and_key(ssl, cert->leaf, cert->key, cert->chain, 1) == 1 ? CS_OK
	                                                                             : CS_ECRYPTO;
}

int select_certificate(SSL *ssl, void *data)
{
	struct select_choice *choice = SSL_get_app_data(ssl);

	choice->error = choose(data, ssl, choice);
	return choice->error == CS_OK;
}

void select_free(struct select **self)
{
	if (*self == NULL)
		return;
	cache_free(&(*self)->cache);
	free(*self);
	*self = NULL;
}
