#include "proto/wire/sign.h"
#include <string.h>

#define REQUEST_HEAD offsetof(struct sign_request, text)
#define REPLY_HEAD offsetof(struct sign_reply, signature)

static size_t put(uint8_t *packet, size_t n, const void *item, size_t head, size_t body)
{
	if (n + head + body > SIGN_PACKET_MAX)
		return 0;
	memcpy(packet + n, item, head + body);
	return n + head + body;
}

/* HEAD bytes into OUT, then as many as they announce: at most MAX. */
static enum cs_err take(
        struct cs_bytes *packet, void *out, size_t head, const uint16_t *body, size_t max)
{
	if (packet->n == 0)
		return CS_ENOTFOUND;
	if (packet->n < head)
		return CS_EMALFORMED;
	memcpy(out, packet->p, head);
	if (*body > max || packet->n - head < *body)
		return CS_EMALFORMED;
	memcpy((uint8_t *)out + head, packet->p + head, *body);
	packet->p += head + *body;
	packet->n -= head + *body;
	return CS_OK;
}

size_t sign_request_put(uint8_t *packet, size_t n, const struct sign_request *request)
{
	return put(packet, n, request, REQUEST_HEAD, request->text_len);
}

size_t sign_reply_put(uint8_t *packet, size_t n, const struct sign_reply *reply)
{
	return put(packet, n, reply, REPLY_HEAD, reply->signature_len);
}

enum cs_err sign_request_take(struct cs_bytes *packet, struct sign_request *out)
{
	CS_TRY(take(packet, out, REQUEST_HEAD, &out->text_len, SIGN_TEXT_MAX));
	return out->key[SIGN_KEY_ID - 1] == '\0' ? CS_OK : CS_EMALFORMED;
}

enum cs_err sign_reply_take(struct cs_bytes *packet, struct sign_reply *out)
{
	return take(packet, out, REPLY_HEAD, &out->signature_len, SIGN_SIGNATURE_MAX);
}
