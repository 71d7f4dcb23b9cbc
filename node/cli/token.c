#include "node/cli/token.h"
#include <string.h>
#include <sodium.h>
#include "proto/base/buf.h"
#include "proto/base/text.h"
#include "proto/wire/objects.h"
#include "store/pki/names.h"

#define HEAD "certspan1."
#define HEAD_ANY "certspan"
#define VERSION 1

static enum cs_err take(struct cs_bytes *in, void *out, size_t n)
{
	if (in->n < n)
		return CS_EMALFORMED;
	memcpy(out, in->p, n);
	*in = (struct cs_bytes){ in->p + n, in->n - n };
	return CS_OK;
}

static enum cs_err take_text(struct cs_bytes *in, char *out, size_t max)
{
	uint8_t n = 0;

	CS_TRY(take(in, &n, 1));
	if (n > max)
		return CS_EMALFORMED;
	CS_TRY(take(in, out, n));
	out[n] = '\0';
	return strlen(out) == n ? CS_OK : CS_EMALFORMED;
}

static enum cs_err read_fields(struct cs_bytes in, struct join_token *t)
{
	uint8_t version = 0, role = 0;

	CS_TRY(take(&in, &version, 1));
	if (version != VERSION) /* a newer one has another prefix too */
		return CS_EMALFORMED;
	CS_TRY(take(&in, t->id, sizeof(t->id)));
	CS_TRY(take(&in, t->secret, sizeof(t->secret)));
	CS_TRY(take(&in, t->cluster, sizeof(t->cluster)));
	CS_TRY(take(&in, t->server_key, sizeof(t->server_key)));
	CS_TRY(take(&in, &role, 1));
	CS_TRY(take_text(&in, t->name, CS_ID_MAX));
	CS_TRY(take_text(&in, t->endpoint, CS_ENDPOINT_MAX - 1));
	CS_TRY(take_text(&in, t->public_host, CS_NAME_MAX));
	t->role = role;
	return in.n == 0 ? CS_OK : CS_EMALFORMED;
}

static bool sensible(const struct join_token *t)
{
	return (t->role == ROLE_BACKUP || t->role == ROLE_TRAFFIC) && cs_node_name_ok(t->name) &&
	       cs_endpoint_ok(t->endpoint, false) && pki_hostname_ok(t->public_host);
}

enum cs_err join_token_read(const char *text, struct join_token *out)
{
	static const char white[] = " \t\r\n";
	char trimmed[JOIN_TOKEN_TEXT_MAX];

	*out = (struct join_token){ .role = 0 };
	text += strspn(text, white);
	const size_t n = strcspn(text, white);
	if (n >= sizeof(trimmed) || text[n + strspn(text + n, white)] != '\0')
		return CS_EMALFORMED;
	memcpy(trimmed, text, n);
	trimmed[n] = '\0';
	if (strncmp(trimmed, HEAD, strlen(HEAD)) != 0)
		return strncmp(trimmed, HEAD_ANY, strlen(HEAD_ANY)) == 0 &&
		                       strchr(trimmed, '.') != NULL
		               ? CS_EVERSION
		               : CS_EMALFORMED;

	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(JOIN_TOKEN_TEXT_MAX);
	enum cs_err rc = cs_unbase64url(trimmed + strlen(HEAD), &buf);
	sodium_memzero(trimmed, sizeof(trimmed));
	if (rc == CS_OK)
		rc = read_fields(cs_buf_view(&buf), out);
	if (rc == CS_OK && !sensible(out))
		rc = CS_EMALFORMED;
	if (rc != CS_OK)
		sodium_memzero(out, sizeof(*out));
	return rc;
}
