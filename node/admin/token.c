#include "node/admin/token.h"
#include <sodium.h>
#include <string.h>
#include "proto/base/text.h"

#define TOKEN_VERSION 1
#define PARTS_MAX 1024

static enum cs_err add_text(struct cs_buf *out, const char *text)
{
	const size_t n = strlen(text);
	const uint8_t len = (uint8_t)n;

	if (n > UINT8_MAX)
		return CS_ETOOBIG;
	CS_TRY(cs_buf_add(out, &len, 1));
	return cs_buf_add(out, text, n);
}

static enum cs_err add_parts(const struct token *self, struct cs_buf *out)
{
	const uint8_t version = TOKEN_VERSION, role = (uint8_t)self->role;

	if (self->cluster.n != 16 || self->server_key.n != 32)
		return CS_EBUG;
	CS_TRY(cs_buf_add(out, &version, 1));
	CS_TRY(cs_buf_add(out, self->id, sizeof(self->id)));
	CS_TRY(cs_buf_add(out, self->secret, sizeof(self->secret)));
	CS_TRY(cs_buf_add(out, self->cluster.p, self->cluster.n));
	CS_TRY(cs_buf_add(out, self->server_key.p, self->server_key.n));
	CS_TRY(cs_buf_add(out, &role, 1));
	CS_TRY(add_text(out, self->name));
	CS_TRY(add_text(out, self->endpoint));
	return add_text(out, self->public_host);
}

enum cs_err token_text(const struct token *self, struct cs_buf *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf parts = cs_buf_new(PARTS_MAX);
	char text[4 * PARTS_MAX / 3 + 8];

	CS_TRY(add_parts(self, &parts));
	cs_base64url(parts.p, parts.n, text);
	const enum cs_err rc = cs_buf_printf(out, "%s%s", TOKEN_PREFIX, text);
	sodium_memzero(text, sizeof(text));
	return rc;
}
