/* node/admin/page.h: one page of the certificates in some order, picked out of any number of them
 * without keeping or copying the rest. Pure. */
#pragma once
#include "node/admin/scene.h"

struct page_row {
	const char *id, *name;
	const struct pki_cert *leaf;
	const void *what; /* the caller's */
};
enum page_sort { PAGE_ID, PAGE_NAME, PAGE_EXPIRES, PAGE_ISSUER };
/* CS_EUSAGE for a word that is none of "id", "name", "expires", "issuer". */
CS_MUST enum cs_err page_sort_of(const char *word, enum page_sort *out);

struct page {
	enum page_sort sort;
	const struct page_row *after; /* the last row of the page before; NULL */
	struct page_row *rows; /* the caller's, LIMIT of them */
	size_t count, limit;
	size_t total; /* rows offered */
	bool more; /* others come after the last one */
};
/* Rows may come in any order, each once. */
void page_offer(struct page *self, const struct page_row *row);
