#include "replicator/driver/signature.h"
#include <string.h>
#include <sodium.h>

static enum cs_err mark_text(const struct wire_mark *mark, struct cs_buf *out)
{
	struct wire_mark bare = *mark;

	bare.sid = 0;
	bare.signature = (struct cs_bytes){ NULL, 0 };
	return wire_encode(&wire_mark_type, &bare, out);
}

enum cs_err mark_sign(const struct wire_mark *mark, const uint8_t sign_secret[64], uint8_t out[64])
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);

	CS_TRY(mark_text(mark, &buf));
	return crypto_sign_detached(out, NULL, buf.p, buf.n, sign_secret) == 0 ? CS_OK : CS_ECRYPTO;
}

static bool verified(
        const struct wire_node *node, struct cs_bytes signature, const struct cs_buf *text)
{
	return node != NULL && node_of_pair(node) && node->sign_key.n == 32 && signature.n == 64 &&
	       crypto_sign_verify_detached(signature.p, text->p, text->n, node->sign_key.p) == 0;
}

bool mark_good(const struct wire_mark *mark, const struct registry *registry)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);

	if (mark->position == NULL || mark->reigns.n == 0 || mark_text(mark, &buf) != CS_OK)
		return false;
	const struct wire_reign *newest = &mark->reigns.v[mark->reigns.n - 1];
	if (strcmp(newest->leader, mark->signer) != 0 || newest->epoch != mark->epoch)
		return false;
	return verified(registry_find(registry, mark->signer), mark->signature, &buf);
}

bool reign_good(const struct wire_reign *reign, const struct registry *registry)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_MESSAGE_MAX);
	struct wire_reign bare = *reign;

	bare.signature = (struct cs_bytes){ NULL, 0 };
	if (reign->history.n != 16 || wire_encode(&wire_reign_type, &bare, &buf) != CS_OK)
		return false;
	return verified(registry_find(registry, reign->leader), reign->signature, &buf);
}
