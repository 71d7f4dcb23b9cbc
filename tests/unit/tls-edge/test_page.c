#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tls-edge/conn/page.h"
#include "tls-edge/conn/upstream.h"

static void requests_are_read_as_http_says(void **state)
{
	static const struct {
		const char *in;
		enum cs_err rc;
		struct page_request want;
	} table[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", CS_OK, { .status = 200 } },
		{ "GET /any/path HTTP/1.1\nHost: a\n\n", CS_OK, { .status = 200 } },
		{ "HEAD / HTTP/1.1\r\n\r\n", CS_OK, { .status = 200, .head = true } },
		{ "GET / HTTP/1.0\r\n\r\n", CS_OK, { .status = 200, .close = true } },
		{ "GET / HTTP/1.1\r\nconnection: Close\r\n\r\n", CS_OK,
		        { .status = 200, .close = true } },
		{ "GET / HTTP/1.1\r\nACCEPT: text/html, application/json\r\n\r\n", CS_OK,
		        { .status = 200, .json = true } },
		{ "GET / HTTP/1.1\r\nContent-Length: 30\r\n\r\n", CS_OK,
		        { .status = 200, .close = true } },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", CS_OK,
		        { .status = 200, .close = true } },
		{ "GET /hold?seconds=4 HTTP/1.1\r\n\r\n", CS_OK, { .status = 200, .hold_s = 4 } },
		{ "GET /hold?seconds=99999999999999999999 HTTP/1.1\r\n\r\n", CS_OK,
		        { .status = 200, .hold_s = 60 } },
		{ "GET /hold?seconds=-4 HTTP/1.1\r\n\r\n", CS_OK, { .status = 200 } },
		{ "GET /hold?seconds=4x HTTP/1.1\r\n\r\n", CS_OK, { .status = 200 } },
		{ "POST / HTTP/1.1\r\n\r\n", CS_OK, { .status = 405, .close = true } },
		{ "GET http://a/ HTTP/1.1\r\n\r\n", CS_OK, { .status = 400, .close = true } },
		{ "GET /\r\n\r\n", CS_OK, { .status = 400, .close = true } },
		{ "GET / HTTP/1.1\r\nno colon\r\n\r\n", CS_OK, { .status = 400, .close = true } },
		{ "\r\n\r\n", CS_OK, { .status = 400, .close = true } },
		{ "GET / HTTP/1.1\r\nHost: a\r\n", CS_EAGAIN, { .status = 200 } },
		{ "", CS_EAGAIN, { .status = 200 } },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct page_request got;
		size_t used;
		const enum cs_err rc = page_read(cs_bytes_of(table[i].in), &got, &used);
		const struct page_request *want = &table[i].want;
		if (rc != table[i].rc || got.status != want->status || got.head != want->head ||
		        got.json != want->json || got.close != want->close ||
		        got.hold_s != want->hold_s)
			fail_msg("%s", table[i].in);
		assert_int_equal(used, rc == CS_OK ? strlen(table[i].in) : 0);
	}
}

static void a_pipeline_is_cut_at_its_seams(void **state)
{
	struct page_request request;
	size_t used;

	(void)state;
	assert_int_equal(page_read(cs_bytes_of("GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n"),
	                         &request, &used),
	        CS_OK);
	assert_int_equal(used, 18);
}

static void a_head_without_end_is_refused(void **state)
{
	static uint8_t endless[PAGE_HEAD_MAX];
	struct page_request request;
	size_t used;

	(void)state;
	memset(endless, 'a', sizeof(endless));
	assert_int_equal(page_read((struct cs_bytes){ endless, sizeof(endless) }, &request, &used),
	        CS_ETOOBIG);
	assert_int_equal(
	        page_read((struct cs_bytes){ endless, sizeof(endless) - 1 }, &request, &used),
	        CS_EAGAIN);
}

static const struct serving_pick pick = {
	.id = "0123456789abcdef", .why = SERVING_UNMATCHED, .not_before = 0, .not_after = 86400
};

static const char *written(bool json, const char *sni, struct cs_buf *out)
{
	const struct page_request request = { .status = 200, .json = json };
	const struct page_facts facts = { .node = "p1",
		.protocol = "TLSv1.3",
		.cipher = "X",
		.sni_sent = sni != NULL,
		.sni = cs_bytes_of(sni != NULL ? sni : ""),
		.picked = true,
		.pick = &pick };

	assert_int_equal(page_write(&request, &facts, out), CS_OK);
	return cs_buf_text(out);
}

static void what_a_stranger_sent_is_escaped(void **state)
{
	CS_AUTO(cs_buf_free)
	struct cs_buf a = cs_buf_new(PAGE_ANSWER_MAX * 2), b = cs_buf_new(PAGE_ANSWER_MAX * 2);

	(void)state;
	const char *html = written(false, "<script>\"'&\x01\xff", &a);
	assert_null(strstr(html, "<script"));
	assert_non_null(strstr(html, "&#60;script&#62;&#34;&#39;&#38;\\x01\\xff"));
	const char *json = written(true, "a\"\\\n<b\xff", &b);
	assert_non_null(strstr(json, "\"sni\":\"a\\u0022\\u005c\\u000a\\u003cb\\u00ff\""));
	cs_buf_free(&b);
}

static void the_longest_name_fits(void **state)
{
	char sni[256];
	CS_AUTO(cs_buf_free)
	struct cs_buf a = cs_buf_new(PAGE_ANSWER_MAX * 2), b = cs_buf_new(PAGE_ANSWER_MAX * 2);

	(void)state;
	memset(sni, '<', 255);
	sni[255] = '\0';
	assert_non_null(strstr(written(false, sni, &a), "</table>"));
	assert_non_null(strstr(written(true, sni, &b), "\"resumed\":false}"));
}

static void the_page_names_node_and_certificate(void **state)
{
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(PAGE_ANSWER_MAX * 2);
	const char *json = written(true, NULL, &out);

	(void)state;
	assert_non_null(strstr(json,
	        "{\"schema\":\"certspan.page/"
	        "1\",\"node\":\"p1\",\"sni\":null,\"certificate\":\"0123456789abcdef\","
	        "\"why\":\"unmatched-sni\",\"not_before\":\"1970-01-01T00:00:00Z\",\"not_after\":"
	        "\"1970-01-02T00:00:00Z\""));
}

static void upstreams_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		enum cs_err rc;
		bool any;
	} table[] = {
		{ "", CS_OK, false },
		{ "tcp:127.0.0.1:8080", CS_OK, true },
		{ "tcp:[::1]:8080", CS_OK, true },
		{ "unix:/run/web.sock", CS_OK, true },
		{ "unix:web.sock", CS_EMALFORMED, false },
		{ "tcp:127.0.0.1", CS_EMALFORMED, false },
		{ "tcp::80", CS_EMALFORMED, false },
		{ "udp:127.0.0.1:80", CS_EMALFORMED, false },
		{ "tcp:127.0.0.1:http", CS_EUNREACHABLE, false },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		struct upstream up;
		assert_int_equal(upstream_read(table[i].text, &up), table[i].rc);
		assert_int_equal(up.length != 0, table[i].any);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read_as_http_says),
		cmocka_unit_test(a_pipeline_is_cut_at_its_seams),
		cmocka_unit_test(a_head_without_end_is_refused),
		cmocka_unit_test(what_a_stranger_sent_is_escaped),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(the_page_names_node_and_certificate),
		cmocka_unit_test(upstreams_are_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
