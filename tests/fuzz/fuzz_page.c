/* What a client sends to the built-in page (a pipeline of request heads), and the page that shows
 * the server name it asked for: no byte of it becomes markup. */
#include <stdlib.h>
#include <string.h>
#include "proto/base/limits.h"
#include "tls-edge/conn/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pipeline(struct cs_bytes in)
{
	struct page_request request;

	for (size_t used; page_read(in, &request, &used) == CS_OK;) {
		if (used == 0 || used > in.n || request.hold_s > PAGE_HOLD_MAX_S)
			abort();
		in.p += used;
		in.n -= used;
	}
}

static size_t count(struct cs_bytes text, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == (uint8_t)c;
	return n;
}

static void page(struct cs_bytes sni, bool json, size_t *marks)
{
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(PAGE_ANSWER_MAX);
	const struct page_request request = { .json = json, .status = 200 };
	const struct page_facts facts = {
		.node = "p1", .protocol = "TLSv1.3", .cipher = "c", .sni_sent = true, .sni = sni
	};

	if (page_write(&request, &facts, &out) != CS_OK)
		abort();
	*marks = count(cs_buf_view(&out), json ? '"' : '<');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cs_bytes in = { data, size };
	static size_t usual[2];

	pipeline(in);
	if (size > CS_NAME_MAX + 2)
		return 0;
	for (int json = 0; json < 2; json++) {
		size_t marks;
		if (usual[json] == 0)
			page(cs_bytes_of("a"), json, &usual[json]);
		page(in, json, &marks);
		if (json == 0 && marks != usual[json])
			abort();
	}
	return 0;
}
