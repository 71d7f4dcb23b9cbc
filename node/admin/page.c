#include "node/admin/page.h"
#include <string.h>
#include <strings.h>

enum cs_err page_sort_of(const char *word, enum page_sort *out)
{
	static const char *const words[] = { "id", "name", "expires", "issuer" };

	for (size_t i = 0; i < CS_COUNT(words); i++)
		if (strcmp(words[i], word) == 0) {
			*out = (enum page_sort)i;
			return CS_OK;
		}
	return CS_EUSAGE;
}

static int by_key(enum page_sort sort, const struct page_row *a, const struct page_row *b)
{
	switch (sort) {
	case PAGE_NAME:
		return strcasecmp(a->name, b->name);
	case PAGE_EXPIRES:
		return a->leaf->not_after < b->leaf->not_after   ? -1
		       : a->leaf->not_after > b->leaf->not_after ? 1
		                                                 : 0;
	case PAGE_ISSUER:
		return strcasecmp(a->leaf->issuer, b->leaf->issuer);
	default:
		return 0;
	}
}

/* Ids tell equals apart, so a page begins exactly where the one before ended. */
static int compare(enum page_sort sort, const struct page_row *a, const struct page_row *b)
{
	const int order = by_key(sort, a, b);

	return order != 0 ? order : strcmp(a->id, b->id);
}

static size_t place_of(const struct page *self, const struct page_row *row)
{
	size_t low = 0, high = self->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		if (compare(self->sort, &self->rows[middle], row) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void page_offer(struct page *self, const struct page_row *row)
{
	self->total++;
	if (self->after != NULL && compare(self->sort, row, self->after) <= 0)
		return;
	const bool full = self->count == self->limit;
	self->more = self->more || full;
	if (full &&
	        (self->limit == 0 || compare(self->sort, row, &self->rows[self->count - 1]) > 0))
		return;
	const size_t at = place_of(self, row), last = full ? self->count - 1 : self->count;
	memmove(&self->rows[at + 1], &self->rows[at], (last - at) * sizeof(*self->rows));
	self->rows[at] = *row;
	self->count = last + 1;
}
