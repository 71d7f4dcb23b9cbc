/* node/admin/token.h: the text of a one-time join token: "certspan1." and base64url of its parts.
 */
#pragma once
#include "proto/base/buf.h"

#define TOKEN_PREFIX "certspan1."

struct token {
	uint8_t id[8], secret[16];
	struct cs_bytes cluster, server_key; /* 16 and 32 bytes */
	uint32_t role;
	const char *name, *endpoint, *public_host; /* at most 255 bytes each */
};
/* Appends the text to OUT. CS_EBUG when a part has another length. */
CS_MUST enum cs_err token_text(const struct token *self, struct cs_buf *out);
