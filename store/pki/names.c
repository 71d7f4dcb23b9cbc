#include "store/pki/names.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include "proto/base/limits.h"

#define LABEL_MAX 63

const char *pki_cover_name(enum pki_cover cover)
{
	static const char *const names[] = { "none", "wildcard", "exact" };

	return (size_t)cover < CS_COUNT(names) ? names[cover] : "none";
}

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* No label is empty or too long. */
static bool labels_ok(const char *name)
{
	size_t label = 0;

	for (const char *c = name;; c++) {
		if (*c != '.' && *c != '\0') {
			label++;
			continue;
		}
		if (label == 0 || label > LABEL_MAX)
			return false;
		if (*c == '\0')
			return true;
		label = 0;
	}
}

/* The 4 or 16 bytes of an IP literal, [v6] too; 0 if TEXT is none. */
static size_t ip_of(const char *text, uint8_t out[16])
{
	char inner[INET6_ADDRSTRLEN + 1];
	const size_t n = strlen(text);

	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	if (text[0] != '[')
		return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
	if (n < 3 || n - 2 >= sizeof(inner) || text[n - 1] != ']')
		return 0;
	memcpy(inner, text + 1, n - 2);
	inner[n - 2] = '\0';
	return inet_pton(AF_INET6, inner, out) == 1 ? 16 : 0;
}

/* Digits and dots alone: some clients read it as an IPv4 address, so no dNSName may vouch for it.
 */
static bool numeric(const char *name)
{
	return name[strspn(name, "0123456789.")] == '\0';
}

enum cs_err pki_name_normal(struct cs_bytes host, char *out)
{
	uint8_t ip[16];
	size_t n = host.n;

	out[0] = '\0';
	if (n == 0 || n > CS_NAME_MAX + 1)
		return CS_EMALFORMED;
	if (host.p[n - 1] == '.')
		n--;
	if (n == 0 || n > CS_NAME_MAX)
		return CS_EMALFORMED;
	bool plain = true;
	for (size_t i = 0; i < n; i++) {
		out[i] = lower(host.p[i]);
		plain = plain && name_byte(out[i]);
	}
	out[n] = '\0';
	if (strlen(out) == n && (plain ? labels_ok(out) : n == host.n && ip_of(out, ip) != 0))
		return CS_OK;
	out[0] = '\0';
	return CS_EMALFORMED;
}

bool pki_name_wildcard(const char *host, char *out)
{
	const char *dot = strchr(host, '.');
	const size_t n = strlen(host);

	out[0] = '\0';
	if (dot == NULL || dot == host || n > CS_NAME_MAX || numeric(host) ||
	        strchr(host, ':') != NULL)
		return false;
	if (host[0] == '-' || dot[-1] == '-' || host[0] == '*')
		return false;
	if (strchr(dot + 1, '.') == NULL) /* "*.com" stands for nobody */
		return false;
	const size_t rest = n - (size_t)(dot - host);
	if (rest + 1 > CS_NAME_MAX)
		return false;
	out[0] = '*';
	memcpy(out + 1, dot, rest + 1);
	return true;
}

/* HOST is in normal form and no IP literal; WILDCARD is its wildcard, "" if none may stand for it.
 */
static enum pki_cover match(const char *pattern, const char *host, const char *wildcard)
{
	if (strcasecmp(pattern, host) == 0)
		return PKI_COVER_EXACT;
	if (wildcard[0] != '\0' && strcasecmp(pattern, wildcard) == 0)
		return PKI_COVER_WILDCARD;
	return PKI_COVER_NONE;
}

struct asked {
	char host[CS_NAME_MAX + 1], wildcard[CS_NAME_MAX + 1];
	uint8_t ip[16];
	size_t ip_len;
};

static bool asked_of(struct cs_bytes host, struct asked *out)
{
	if (pki_name_normal(host, out->host) != CS_OK)
		return false;
	out->ip_len = host.p[host.n - 1] != '.' ? ip_of(out->host, out->ip) : 0;
	if (out->ip_len == 0 && numeric(out->host))
		return false;
	if (out->ip_len != 0 || !pki_name_wildcard(out->host, out->wildcard))
		out->wildcard[0] = '\0';
	return true;
}

enum pki_cover pki_name_match(const char *pattern, struct cs_bytes host)
{
	struct asked asked;

	if (!asked_of(host, &asked) || asked.ip_len != 0)
		return PKI_COVER_NONE;
	return match(pattern, asked.host, asked.wildcard);
}

static enum pki_cover covers_ip(const struct pki_cert *cert, struct cs_bytes ip, const char **by)
{
	for (size_t i = 0; i < cert->ip_count; i++) {
		if (!cs_bytes_equal(cert->ip[i], ip))
			continue;
		*by = cert->ip_text != NULL ? cert->ip_text[i] : NULL;
		return PKI_COVER_EXACT;
	}
	return PKI_COVER_NONE;
}

enum pki_cover pki_cert_covers(const struct pki_cert *cert, struct cs_bytes host, const char **by)
{
	enum pki_cover best = PKI_COVER_NONE;
	const char *ignored = NULL;
	struct asked asked;

	by = by != NULL ? by : &ignored;
	*by = NULL;
	if (!asked_of(host, &asked))
		return PKI_COVER_NONE;
	if (asked.ip_len != 0)
		return covers_ip(cert, (struct cs_bytes){ asked.ip, asked.ip_len }, by);
	for (size_t i = 0; i < cert->dns_count && best != PKI_COVER_EXACT; i++) {
		const enum pki_cover cover = match(cert->dns[i], asked.host, asked.wildcard);
		if (cover <= best)
			continue;
		best = cover;
		*by = cert->dns[i];
	}
	return best;
}

bool pki_hostname_ok(const char *text)
{
	const size_t n = strlen(text);

	if (n == 0 || n > CS_NAME_MAX || !labels_ok(text) || numeric(text))
		return false;
	for (size_t i = 0; i < n; i++) {
		const bool edge =
		        i == 0 || text[i - 1] == '.' || text[i + 1] == '.' || text[i + 1] == '\0';
		const char c = lower((uint8_t)text[i]);
		if (!name_byte(c) || c == '_' || (c == '-' && edge))
			return false;
	}
	return true;
}
