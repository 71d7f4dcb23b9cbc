#include "node/keyd/signer.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

#define LOG_EVERY_MS 1000

void signer_refuse(struct signer *self, const char *key, const char *why)
{
	const int64_t now = cs_clock_mono_ms();

	self->refused++;
	if (self->logged_ms != 0 && now - self->logged_ms < LOG_EVERY_MS)
		return;
	cs_log_with(CS_LOG_WARNING, (struct cs_log_fields){ .cert = key },
	        "refused to sign: %s (%llu refusals since the last line); the handshake fails, "
	        "look at the edge that asked",
	        why, (unsigned long long)(self->refused - self->logged_refused));
	self->logged_ms = now;
	self->logged_refused = self->refused;
}

static enum cs_err find_key(struct signer *self, const char *id, struct signkey **out)
{
	CS_AUTO(signkey_free) struct signkey *loaded = NULL;

	*out = keybox_find(self->box, id);
	if (*out != NULL)
		return CS_OK;
	CS_TRY(vault_key(self->vault, id, &loaded));
	CS_TRY(keybox_put(self->box, id, true, &loaded));
	*out = keybox_find(self->box, id);
	return *out != NULL ? CS_OK : CS_EBUG;
}

static enum cs_err answer(
        struct signer *self, const struct sign_request *request, struct sign_reply *reply)
{
	const struct cs_bytes text = { request->text, request->text_len };
	const struct tbs_scheme *scheme = tbs_scheme(request->scheme);
	struct signkey *key;
	size_t n = 0;

	CS_TRY(find_key(self, request->key, &key));
	if ((request->flags & SIGN_WARM) != 0)
		return signkey_warm(key);
	const enum cs_err rc = tbs_check(scheme, request->tls13 != 0, signkey_kind(key), text);
	if (rc != CS_OK) {
		signer_refuse(self, request->key,
		        "not the text of a TLS server signature, or no scheme for this key");
		return rc;
	}
	CS_TRY(signkey_sign(key, scheme, text, reply->signature, &n));
	reply->signature_len = (uint16_t)n;
	self->signatures++;
	return CS_OK;
}

void signer_answer(
        struct signer *self, const struct sign_request *request, struct sign_reply *reply)
{
	reply->tag = request->tag;
	reply->signature_len = 0;
	reply->err = (uint16_t)answer(self, request, reply);
}
