#include "proto/base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sodium.h>
#include "proto/base/limits.h"

#define NODE_NAME_MAX 32

void cs_hex(const uint8_t *bytes, size_t n, char *out)
{
	sodium_bin2hex(out, 2 * n + 1, bytes, n);
}

enum cs_err cs_unhex(const char *text, uint8_t *bytes, size_t n)
{
	size_t got = 0;
	const char *end = NULL;

	if (strlen(text) != 2 * n)
		return CS_EMALFORMED;
	if (sodium_hex2bin(bytes, n, text, 2 * n, NULL, &got, &end) != 0 || got != n ||
	        *end != '\0')
		return CS_EMALFORMED;
	return CS_OK;
}

void cs_base64url(const uint8_t *bytes, size_t n, char *out)
{
	const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

	sodium_bin2base64(out, sodium_base64_encoded_len(n, variant), bytes, n, variant);
}

enum cs_err cs_unbase64url(const char *text, struct cs_buf *out)
{
	const size_t len = strlen(text), most = len / 4 * 3 + 3;
	const char *end = NULL;
	size_t got = 0;

	CS_TRY(cs_buf_reserve(out, most));
	if (sodium_base642bin(out->p + out->n, most, text, len, NULL, &got, &end,
	            sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	        end != text + len)
		return CS_EMALFORMED;
	out->n += got;
	return CS_OK;
}

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool cs_id_ok(const char *text)
{
	const size_t n = strlen(text);

	if (n == 0 || n > CS_ID_MAX || (!alnum(text[0]) && strchr("*@", text[0]) == NULL))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!alnum(text[i]) && strchr("._:*@-", text[i]) == NULL)
			return false;
	return true;
}

bool cs_node_name_ok(const char *text)
{
	const size_t n = strlen(text);

	if (n == 0 || n > NODE_NAME_MAX || text[0] == '-' || text[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

bool cs_endpoint_ok(const char *text, bool zero_ok)
{
	const char *colon = strrchr(text, ':');
	char *end = NULL;

	if (colon == NULL || colon == text || strlen(text) >= CS_ENDPOINT_MAX)
		return false;
	if (text[0] == '[' && colon[-1] != ']')
		return false;
	if (text[0] != '[' && memchr(text, ':', (size_t)(colon - text)) != NULL)
		return false;
	if (colon[1] < '0' || colon[1] > '9')
		return false;
	const unsigned long port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port > 65535 || (port == 0 && !zero_ok))
		return false;
	return cs_text_ok(text, CS_ENDPOINT_MAX) && strpbrk(text, " /\\\"'") == NULL;
}

/* The length of the UTF-8 sequence at S, 0 if it is none (overlong forms and surrogates are none).
 */
static size_t utf8_len(const unsigned char *s)
{
	const unsigned char c = s[0];

	if (c < 0x80)
		return 1;
	const size_t n = c >= 0xf0 && c <= 0xf4  ? 4
	                 : c >= 0xe0 && c < 0xf0 ? 3
	                 : c >= 0xc2 && c < 0xe0 ? 2
	                                         : 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f))
		return 0;
	if ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool cs_text_ok(const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;

	if (strlen(text) > max)
		return false;
	while (*s != '\0') {
		const size_t n = utf8_len(s);
		if (n == 0 || *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
			return false;
		s += n;
	}
	return true;
}

const char *cs_show(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		const bool odd = *c < 0x20 || *c == 0x7f;
		if (n + (odd ? 4 : 1) + 4 > size) {
			if (size >= 4)
				memcpy(out + n, "...", 4);
			return out;
		}
		n += (size_t)snprintf(out + n, size - n, odd ? "\\x%02x" : "%c", *c);
	}
	out[n] = '\0';
	return out;
}

const char *cs_time_text(int64_t unix_s, char *out, size_t size)
{
	const time_t s = (time_t)unix_s;
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, size, "?");
	return out;
}

size_t cs_distance(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	size_t d[CS_WORD_MAX + 1][CS_WORD_MAX + 1];

	if (n > CS_WORD_MAX || m > CS_WORD_MAX)
		return CS_WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
			best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			        d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return d[n][m];
}
