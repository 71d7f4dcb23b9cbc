/* proto/base/text.h: small text forms: hex, base64url, ids, safe display. */
#pragma once
#include "proto/base/cs.h"
#include "proto/base/buf.h"

/* Lower-case hex of N bytes into OUT (2 * N + 1 bytes). */
void cs_hex(const uint8_t *bytes, size_t n, char *out);
/* Exactly N bytes from 2 * N hex digits of either case, else CS_EMALFORMED. */
CS_MUST enum cs_err cs_unhex(const char *text, uint8_t *bytes, size_t n);
/* base64url without padding; OUT takes 4 * N / 3 + 4 bytes. */
void cs_base64url(const uint8_t *bytes, size_t n, char *out);
CS_MUST enum cs_err cs_unbase64url(const char *text, struct cs_buf *out);
/* An object id or node name: 1 to CS_ID_MAX of [a-z0-9._:*@-], starting with a letter, digit, '*'
 * or '@'. */
bool cs_id_ok(const char *text);
/* A node name: an id of letters, digits and inner '-', at most 32. */
bool cs_node_name_ok(const char *text);
/* host:port or [v6]:port with a port of 1 to 65535 (0 too, if ZERO_OK). */
bool cs_endpoint_ok(const char *text, bool zero_ok);
/* Valid UTF-8 without control bytes, at most MAX bytes. */
bool cs_text_ok(const char *text, size_t max);
/* TEXT copied into OUT with control bytes as \xNN and cut with "..." if it does not fit; for
 * people. */
const char *cs_show(const char *text, char *out, size_t size);
/* "2026-11-24T22:43:08Z" into OUT (>= 24 bytes). */
const char *cs_time_text(int64_t unix_s, char *out, size_t size);
/* Edits (insert, drop, change, swap of neighbours) between two words of at most CS_WORD_MAX bytes;
 * a longer one is that far from everything. For "did you mean". */
#define CS_WORD_MAX 64
size_t cs_distance(const char *a, const char *b);
