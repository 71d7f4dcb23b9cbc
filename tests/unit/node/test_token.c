#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "node/cli/token.h"
#include "proto/wire/objects.h"

static struct token sample(void)
{
	struct token t = { .role = ROLE_BACKUP,
		.name = "b1",
		.endpoint = "10.0.0.1:7443",
		.public_host = "b1.example.com" };

	memset(t.id, 1, sizeof(t.id));
	memset(t.secret, 2, sizeof(t.secret));
	memset(t.cluster, 3, sizeof(t.cluster));
	memset(t.server_key, 4, sizeof(t.server_key));
	return t;
}

static void a_token_survives_the_way_to_the_other_host(void **state)
{
	(void)state;
	const struct token in = sample();
	struct token out;
	char text[TOKEN_TEXT_MAX], padded[TOKEN_TEXT_MAX + 8];

	assert_int_equal(token_encode(&in, text), CS_OK);
	assert_int_equal(strncmp(text, "certspan1.", 10), 0);
	snprintf(padded, sizeof(padded), "  %s\r\n", text);
	assert_int_equal(token_decode(padded, &out), CS_OK);
	assert_memory_equal(out.secret, in.secret, sizeof(in.secret));
	assert_memory_equal(out.server_key, in.server_key, sizeof(in.server_key));
	assert_int_equal(out.role, ROLE_BACKUP);
	assert_string_equal(out.name, "b1");
	assert_string_equal(out.endpoint, "10.0.0.1:7443");
	assert_string_equal(out.public_host, "b1.example.com");
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	const struct token in = sample();
	struct token out;
	char text[TOKEN_TEXT_MAX];

	assert_int_equal(token_encode(&in, text), CS_OK);
	for (size_t n = strlen(text); n > 0; n--) {
		text[n - 1] = '\0';
		assert_int_not_equal(token_decode(text, &out), CS_OK);
	}
	assert_int_equal(token_decode("", &out), CS_EMALFORMED);
}

static void what_cannot_be_a_node_is_refused(void **state)
{
	(void)state;
	struct token bad[5], out;
	char text[TOKEN_TEXT_MAX];

	for (size_t i = 0; i < 5; i++)
		bad[i] = sample();
	bad[0].role = ROLE_PRIMARY;
	snprintf(bad[1].name, sizeof(bad[1].name), "../b1");
	snprintf(bad[2].endpoint, sizeof(bad[2].endpoint), "10.0.0.1");
	snprintf(bad[3].public_host, sizeof(bad[3].public_host), "*.example.com");
	bad[4].role = 77;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(token_encode(&bad[i], text), CS_OK);
		assert_int_equal(token_decode(text, &out), CS_EMALFORMED);
		assert_int_equal(out.secret[0], 0); /* nothing of it is left */
	}
}

static void a_newer_one_says_so(void **state)
{
	(void)state;
	struct token out;

	assert_int_equal(token_decode("certspan2.AAAA", &out), CS_EVERSION);
	assert_int_equal(token_decode("hello world", &out), CS_EMALFORMED);
	assert_int_equal(token_decode("certspan1.***", &out), CS_EMALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_survives_the_way_to_the_other_host),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(what_cannot_be_a_node_is_refused),
		cmocka_unit_test(a_newer_one_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
