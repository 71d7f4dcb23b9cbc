#include "tls-edge/conn/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "proto/base/text.h"

/* --- request --- */

static size_t head_length(struct cs_bytes in)
{
	if (in.n == 0)
		return 0;
	const uint8_t *crlf = memmem(in.p, in.n, "\r\n\r\n", 4),
	              *lf = memmem(in.p, in.n, "\n\n", 2);

	if (crlf != NULL && (lf == NULL || crlf < lf))
		return (size_t)(crlf - in.p) + 4;
	return lf != NULL ? (size_t)(lf - in.p) + 2 : 0;
}

/* The next line off *REST, without its end; NULs make it no text: refused by the caller. */
static bool next_line(struct cs_bytes *rest, char *line, size_t size)
{
	const uint8_t *end = memchr(rest->p, '\n', rest->n);

	if (end == NULL)
		return false;
	size_t n = (size_t)(end - rest->p);
	const size_t whole = n + 1;
	if (n > 0 && rest->p[n - 1] == '\r')
		n--;
	n = n < size ? n : size - 1;
	memcpy(line, rest->p, n);
	line[n] = '\0';
	rest->p += whole;
	rest->n -= whole;
	return true;
}

static unsigned hold_of(const char *target)
{
	static const char path[] = "/hold?seconds=";

	if (strncmp(target, path, sizeof(path) - 1) != 0)
		return 0;
	const char *digits = target + sizeof(path) - 1;
	char *end;
	const unsigned long n = strtoul(digits, &end, 10);
	if (*end != '\0' || end == digits || *digits == '-')
		return 0;
	return n < PAGE_HOLD_MAX_S ? (unsigned)n : PAGE_HOLD_MAX_S;
}

static void read_first(char *line, struct page_request *out)
{
	char *rest = line;
	const char *method = strsep(&rest, " "), *target = strsep(&rest, " "), *version = rest;

	if (target == NULL || version == NULL || target[0] != '/' ||
	        strncmp(version, "HTTP/1.", 7) != 0) {
		out->status = 400;
		out->close = true;
		return;
	}
	out->close = strcmp(version, "HTTP/1.0") == 0;
	out->head = strcmp(method, "HEAD") == 0;
	if (!out->head && strcmp(method, "GET") != 0)
		out->status = 405;
	else
		out->hold_s = hold_of(target);
}

static void read_header(char *line, struct page_request *out)
{
	char *value = line;
	const char *name = strsep(&value, ":");

	if (value == NULL) {
		out->status = 400;
		out->close = true;
		return;
	}
	if (strcasecmp(name, "Accept") == 0)
		out->json |= strcasestr(value, "application/json") != NULL;
	else if (strcasecmp(name, "Connection") == 0)
		out->close |= strcasestr(value, "close") != NULL;
	else if (strcasecmp(name, "Content-Length") == 0 ||
	         strcasecmp(name, "Transfer-Encoding") == 0)
		out->close = true; /* a body that nobody reads must never be taken for a request */
}

enum cs_err page_read(struct cs_bytes in, struct page_request *out, size_t *used)
{
	char line[2048];

	*out = (struct page_request){ .status = 200 };
	*used = head_length(in);
	if (*used > PAGE_HEAD_MAX || (*used == 0 && in.n >= PAGE_HEAD_MAX))
		return CS_ETOOBIG;
	if (*used == 0)
		return CS_EAGAIN;
	struct cs_bytes rest = { in.p, *used };
	if (next_line(&rest, line, sizeof(line)))
		read_first(line, out);
	while (next_line(&rest, line, sizeof(line)) && line[0] != '\0')
		read_header(line, out);
	if (out->status != 200)
		out->close = true;
	return CS_OK;
}

/* --- answer --- */

static const char *why_word(enum serving_why why)
{
	static const char *const words[] = { [SERVING_NAME] = "name",
		[SERVING_NO_SNI] = "no-sni",
		[SERVING_UNMATCHED] = "unmatched-sni" };
	return words[why];
}

static const char *status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "200 OK";
	case 405:
		return "405 Method Not Allowed";
	case 431:
		return "431 Request Header Fields Too Large";
	case 503:
		return "503 Service Unavailable";
	default:
		return "400 Bad Request";
	}
}

/* Bytes of a stranger as text of a page or of a JSON string; what is not printable ASCII comes as
 * an escape. */
static enum cs_err escaped(struct cs_bytes text, bool json, struct cs_buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		if (c >= 0x20 && c < 0x7f && strchr("<>&\"'\\", c) == NULL)
			CS_TRY(cs_buf_add(out, &c, 1));
		else if (json)
			CS_TRY(cs_buf_printf(out, "\\u%04x", c));
		else if (c >= 0x20 && c < 0x7f)
			CS_TRY(cs_buf_printf(out, "&#%u;", c));
		else
			CS_TRY(cs_buf_printf(out, "\\x%02x", c));
	}
	return CS_OK;
}

static enum cs_err row(const char *label, struct cs_bytes value, struct cs_buf *out)
{
	CS_TRY(cs_buf_printf(out, "<tr><th scope=row>%s<td>", label));
	CS_TRY(escaped(value, false, out));
	return cs_buf_add(out, "\n", 1);
}

static enum cs_err html(const struct page_facts *f, struct cs_buf *out)
{
	char from[24] = "", to[24] = "";

	CS_TRY(cs_buf_printf(out,
	        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>certspan</title>\n"
	        "<style>body{font:1em/1.5 system-ui,sans-serif;max-width:40em;margin:3em "
	        "auto;padding:0 1em}"
	        "th{text-align:left;padding-right:2em;font-weight:normal;color:#555}</style>\n"
	        "<h1>It works</h1>\n<p>This is certspan's own page: no upstream is "
	        "configured.\n<table>\n"));
	CS_TRY(row("node", cs_bytes_of(f->node), out));
	CS_TRY(row("server name asked for", f->sni_sent ? f->sni : cs_bytes_of("(none)"), out));
	if (f->picked) {
		CS_TRY(row("certificate", cs_bytes_of(f->pick->id), out));
		CS_TRY(row("chosen by", cs_bytes_of(why_word(f->pick->why)), out));
		CS_TRY(row("valid from",
		        cs_bytes_of(cs_time_text(f->pick->not_before, from, sizeof(from))), out));
		CS_TRY(row("valid to",
		        cs_bytes_of(cs_time_text(f->pick->not_after, to, sizeof(to))), out));
	}
	CS_TRY(row("protocol", cs_bytes_of(f->protocol), out));
	CS_TRY(row("cipher", cs_bytes_of(f->cipher), out));
	CS_TRY(row("session", cs_bytes_of(f->resumed ? "resumed" : "full handshake"), out));
	return cs_buf_printf(out, "</table>\n");
}

static enum cs_err pair(const char *name, struct cs_bytes value, struct cs_buf *out)
{
	CS_TRY(cs_buf_printf(out, ",\"%s\":\"", name));
	CS_TRY(escaped(value, true, out));
	return cs_buf_add(out, "\"", 1);
}

static enum cs_err json(const struct page_facts *f, struct cs_buf *out)
{
	char from[24] = "", to[24] = "";

	CS_TRY(cs_buf_printf(out, "{\"schema\":\"certspan.page/1\""));
	CS_TRY(pair("node", cs_bytes_of(f->node), out));
	CS_TRY(f->sni_sent ? pair("sni", f->sni, out) : cs_buf_printf(out, ",\"sni\":null"));
	if (f->picked) {
		CS_TRY(pair("certificate", cs_bytes_of(f->pick->id), out));
		CS_TRY(pair("why", cs_bytes_of(why_word(f->pick->why)), out));
		CS_TRY(pair("not_before",
		        cs_bytes_of(cs_time_text(f->pick->not_before, from, sizeof(from))), out));
		CS_TRY(pair("not_after",
		        cs_bytes_of(cs_time_text(f->pick->not_after, to, sizeof(to))), out));
	}
	CS_TRY(pair("protocol", cs_bytes_of(f->protocol), out));
	CS_TRY(pair("cipher", cs_bytes_of(f->cipher), out));
	return cs_buf_printf(out, ",\"resumed\":%s}\n", f->resumed ? "true" : "false");
}

static enum cs_err head(const struct page_request *request, const char *type, struct cs_buf *out)
{
	CS_TRY(cs_buf_printf(out,
	        "HTTP/1.1 %s\r\nServer: certspan\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"
	        "X-Content-Type-Options: nosniff\r\n"
	        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n",
	        status_text(request->status), type));
	if (request->status == 405)
		CS_TRY(cs_buf_printf(out, "Allow: GET, HEAD\r\n"));
	return request->close ? cs_buf_printf(out, "Connection: close\r\n") : CS_OK;
}

static enum cs_err with_body(const struct page_request *request, const char *type,
        struct cs_buf *body, struct cs_buf *out)
{
	CS_TRY(head(request, type, out));
	CS_TRY(cs_buf_printf(out, "Content-Length: %zu\r\n\r\n", body->n));
	return request->head ? CS_OK : cs_buf_add(out, body->p, body->n);
}

enum cs_err page_write_error(unsigned status, struct cs_buf *out)
{
	const struct page_request request = { .status = status, .close = true };
	CS_AUTO(cs_buf_free) struct cs_buf body = cs_buf_new(PAGE_ANSWER_MAX);

	CS_TRY(cs_buf_printf(&body, "%s\n", status_text(status)));
	return with_body(&request, "text/plain", &body, out);
}

enum cs_err page_write(
        const struct page_request *request, const struct page_facts *facts, struct cs_buf *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf body = cs_buf_new(PAGE_ANSWER_MAX);

	if (request->status != 200) {
		CS_TRY(cs_buf_printf(&body, "%s\n", status_text(request->status)));
		return with_body(request, "text/plain", &body, out);
	}
	if (request->hold_s != 0 && !request->head) {
		CS_TRY(head(request, "text/plain", out));
		return cs_buf_printf(out, "Transfer-Encoding: chunked\r\n\r\n");
	}
	CS_TRY(request->json ? json(facts, &body) : html(facts, &body));
	return with_body(request, request->json ? "application/json" : "text/html; charset=utf-8",
	        &body, out);
}

enum cs_err page_write_line(bool last, struct cs_buf *out)
{
	return cs_buf_printf(out, "2\r\n.\n\r\n%s", last ? "0\r\n\r\n" : "");
}
