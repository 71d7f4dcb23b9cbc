/* node/cli/token.h: a one-time join token, read: "certspan1." + base64url of version 1, token id 8,
 * secret 16, cluster id 16, server CURVE key 32, role 1, then name, endpoint and public hostname,
 * each with a length byte. The primary's admin role writes it (node/admin/token.h). Pure. */
#pragma once
#include "proto/base/cs.h"
#include "proto/base/limits.h"

#define JOIN_TOKEN_TEXT_MAX 1024 /* with NUL */

struct join_token {
	uint8_t id[8], secret[16], cluster[16], server_key[32];
	uint32_t role; /* enum node_role: backup or traffic */
	char name[CS_ID_MAX + 1], endpoint[CS_ENDPOINT_MAX + 1], public_host[CS_NAME_MAX + 1];
};
/* White space around TEXT is dropped. CS_EMALFORMED (cut, changed, impossible content), CS_EVERSION
 * (of a newer certspan): *OUT is all zero then. Wipe it in the end. */
CS_MUST enum cs_err join_token_read(const char *text, struct join_token *out);
