/* node/cli/token.h: the one-time join token as text: "certspan1." + base64url of version 1, token
 * id 8, secret 16, cluster id 16, server CURVE key 32, role 1, then name, endpoint and public
 * hostname, each with a length byte. Pure. */
#pragma once
#include "proto/base/cs.h"
#include "proto/base/limits.h"

#define TOKEN_TEXT_MAX 1024 /* with NUL */

struct token {
	uint8_t id[8], secret[16], cluster[16], server_key[32];
	uint32_t role; /* enum node_role: backup or traffic */
	char name[CS_ID_MAX + 1], endpoint[CS_ENDPOINT_MAX + 1], public_host[CS_NAME_MAX + 1];
};
/* OUT takes TOKEN_TEXT_MAX bytes; wipe it. CS_ETOOBIG: an endpoint or name over 255 bytes. */
CS_MUST enum cs_err token_encode(const struct token *token, char *out);
/* White space around TEXT is dropped. CS_EMALFORMED (cut, changed, impossible content), CS_EVERSION
 * (of a newer certspan). */
CS_MUST enum cs_err token_decode(const char *text, struct token *out);
