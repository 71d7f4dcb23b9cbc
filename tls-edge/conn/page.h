/* tls-edge/conn/page.h: what an edge without an upstream answers: HTTP/1.1, one small page that
 * says which node and which certificate this was. Pure: bytes in, bytes out. `GET /hold?seconds=N`
 * is the page's held download: a chunk of one line every PAGE_HOLD_MS, so that anybody can see a
 * connection outlive a change. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "store/serving/serving.h"

#define PAGE_HEAD_MAX 8192 /* request line and headers */
#define PAGE_ANSWER_MAX 8192
#define PAGE_HOLD_MS 200
#define PAGE_HOLD_MAX_S 60

struct page_request {
	bool head, json, close;
	unsigned hold_s; /* 0: the page */
	unsigned status; /* what it deserves: 200, 400, 405 */
};
/* The next request off IN; *USED: its bytes. CS_EAGAIN: not whole yet; CS_ETOOBIG: over
 * PAGE_HEAD_MAX. Nonsense is CS_OK with a status. */
CS_MUST enum cs_err page_read(struct cs_bytes in, struct page_request *out, size_t *used);

struct page_facts {
	const char *node, *protocol, *cipher;
	bool resumed, sni_sent, picked;
	struct cs_bytes sni;
	const struct serving_pick *pick; /* counts when picked */
};
/* Appends the whole answer, or the head of a held download. */
CS_MUST enum cs_err page_write(
        const struct page_request *request, const struct page_facts *facts, struct cs_buf *out);
/* An answer without a page: 431, 503. It closes. */
CS_MUST enum cs_err page_write_error(unsigned status, struct cs_buf *out);
/* One line of a held download; the last one ends it. */
CS_MUST enum cs_err page_write_line(bool last, struct cs_buf *out);
