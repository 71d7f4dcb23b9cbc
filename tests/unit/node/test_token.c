#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "node/admin/token.h"
#include "node/cli/token.h"
#include "proto/wire/objects.h"

static struct join_token sample(void)
{
	struct join_token t = { .role = ROLE_BACKUP,
		.name = "b1",
		.endpoint = "10.0.0.1:7443",
		.public_host = "b1.example.com" };

	memset(t.id, 1, sizeof(t.id));
	memset(t.secret, 2, sizeof(t.secret));
	memset(t.cluster, 3, sizeof(t.cluster));
	memset(t.server_key, 4, sizeof(t.server_key));
	return t;
}

/* As the primary writes it. */
static enum cs_err written(const struct join_token *t, char text[JOIN_TOKEN_TEXT_MAX])
{
	const struct token token = { .cluster = { t->cluster, 16 },
		.server_key = { t->server_key, 32 },
		.role = t->role,
		.name = t->name,
		.endpoint = t->endpoint,
		.public_host = t->public_host };
	struct token whole = token;
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(JOIN_TOKEN_TEXT_MAX);

	memcpy(whole.id, t->id, sizeof(whole.id));
	memcpy(whole.secret, t->secret, sizeof(whole.secret));
	CS_TRY(token_text(&whole, &buf));
	snprintf(text, JOIN_TOKEN_TEXT_MAX, "%s", cs_buf_text(&buf));
	return CS_OK;
}

static void a_token_survives_the_way_to_the_other_host(void **state)
{
	(void)state;
	const struct join_token in = sample();
	struct join_token out;
	char text[JOIN_TOKEN_TEXT_MAX], padded[JOIN_TOKEN_TEXT_MAX + 8];

	assert_int_equal(written(&in, text), CS_OK);
	assert_int_equal(strncmp(text, "certspan1.", 10), 0);
	snprintf(padded, sizeof(padded), "  %s\r\n", text);
	assert_int_equal(join_token_read(padded, &out), CS_OK);
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
	const struct join_token in = sample();
	struct join_token out;
	char text[JOIN_TOKEN_TEXT_MAX];

	assert_int_equal(written(&in, text), CS_OK);
	for (size_t n = strlen(text); n > 0; n--) {
		text[n - 1] = '\0';
		assert_int_not_equal(join_token_read(text, &out), CS_OK);
	}
	assert_int_equal(join_token_read("", &out), CS_EMALFORMED);
}

static void what_cannot_be_a_node_is_refused(void **state)
{
	(void)state;
	struct join_token bad[5], out;
	char text[JOIN_TOKEN_TEXT_MAX];

	for (size_t i = 0; i < 5; i++)
		bad[i] = sample();
	bad[0].role = ROLE_PRIMARY;
	snprintf(bad[1].name, sizeof(bad[1].name), "../b1");
	snprintf(bad[2].endpoint, sizeof(bad[2].endpoint), "10.0.0.1");
	snprintf(bad[3].public_host, sizeof(bad[3].public_host), "*.example.com");
	bad[4].role = 77;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(written(&bad[i], text), CS_OK);
		assert_int_equal(join_token_read(text, &out), CS_EMALFORMED);
		assert_int_equal(out.secret[0], 0); /* nothing of it is left */
	}
}

static void a_newer_one_says_so(void **state)
{
	(void)state;
	struct join_token out;

	assert_int_equal(join_token_read("certspan2.AAAA", &out), CS_EVERSION);
	assert_int_equal(join_token_read("hello world", &out), CS_EMALFORMED);
	assert_int_equal(join_token_read("certspan1.***", &out), CS_EMALFORMED);
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
