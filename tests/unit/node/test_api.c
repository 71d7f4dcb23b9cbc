/* The API and the imports against a replicator of our own: what is answered, what is refused, what
 * is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "node/admin/http.h"
#include "node/admin/routes.h"
#include "tests/unit/node/cluster.h"

#define WILD "DNS:*.example.com,DNS:example.com"

/* METHOD PATH with BODY as JSON (a query for GET and DELETE is given in BODY too); the answer is
 * the caller's. */
static json_t *ask(
        struct cluster *c, const char *method, const char *path, const char *body, unsigned *status)
{
	char name[CS_FRIENDLY_MAX + 1], allow[64];
	const struct route *route = route_find(method, path, name, allow);
	struct call call;

	assert_non_null(route);
	assert_int_equal(call_begin(cluster_admin(c), 0, &call), CS_OK);
	call.name = name;
	enum cs_err rc =
	        args_body(cs_bytes_of(body), route->fields, route->write, &call.reply, &call.args);
	if (rc == CS_OK)
		rc = route->fn(&call);
	if (rc != CS_OK)
		call.reply.err = rc;
	char *text = reply_body(&call.reply, false);
	*status = reply_status(&call.reply);
	call_end(&call);
	json_t *json = json_loads(text, 0, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static const char *text_at(json_t *doc, const char *name)
{
	return json_string_value(json_object_get(doc, name));
}

static const char *error_at(json_t *doc, const char *name)
{
	return text_at(json_object_get(doc, "error"), name);
}

/* Asks and throws the answer away; returns error.code, or "" when it went well. */
static const char *code_of(
        struct cluster *c, const char *method, const char *path, const char *body)
{
	static char code[64];
	unsigned status;
	json_t *doc = ask(c, method, path, body, &status);
	const char *found = error_at(doc, "code");

	snprintf(code, sizeof(code), "%s", found != NULL ? found : "");
	json_decref(doc);
	return code;
}

static char *id_of(const struct fx_cert *cert, char out[17])
{
	struct pki_cert *leaf;

	assert_int_equal(pki_cert_read(fx_der(cert), &leaf), CS_OK);
	pki_cert_id(leaf->sha256, out);
	pki_cert_free(&leaf);
	return out;
}

static void set_default(struct cluster *c, const char *id)
{
	char body[64];

	snprintf(body, sizeof(body), "{\"id\":\"%s\"}", id);
	assert_string_equal(code_of(c, "PUT", "/v1/default", body), "");
}

static void test_first_import_serves_and_a_renewal_takes_its_place(void **state)
{
	struct cluster *c = cluster_new();
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "CA" });
	const struct fx_cert old =
	        fx_cert((struct fx_spec){ .san = WILD, .issuer = &ca, .cn = "wild" });
	const struct fx_cert renewed = fx_cert((struct fx_spec){
	        .san = WILD, .issuer = &ca, .cn = "wild", .same_key = &old, .days_to = 200 });
	char old_id[17], new_id[17];
	uint32_t status;

	(void)state;
	json_t *first = cluster_import(c, &old, "{}", &status);
	assert_int_equal(status, 200);
	assert_string_equal(text_at(first, "schema"), "certspan.outcome/1");
	assert_string_equal(text_at(first, "verdict"), "first");
	assert_true(json_is_true(json_object_get(first, "activated")));
	assert_int_equal(json_integer_value(json_object_get(first, "generation")), 1);
	assert_non_null(strstr(text_at(first, "next"), "certspan default set"));
	json_decref(first);
	set_default(c, id_of(&old, old_id));

	json_t *second = cluster_import(c, &renewed, "{}", &status);
	assert_string_equal(text_at(second, "verdict"), "renewal");
	assert_true(json_is_true(json_object_get(second, "default_moved")));
	assert_string_equal(text_at(second, "replaced"), old_id);
	assert_int_equal(json_integer_value(json_object_get(second, "exit")), 0);
	json_decref(second);

	unsigned http;
	json_t *now = ask(c, "GET", "/v1/default", "", &http);
	assert_string_equal(
	        text_at(json_object_get(now, "default"), "cert"), id_of(&renewed, new_id));
	json_decref(now);
	json_t *again = cluster_import(c, &renewed, "{}", &status);
	assert_string_equal(text_at(again, "verdict"), "same");
	assert_non_null(strstr(text_at(again, "text"), "already stored as"));
	json_decref(again);
}

static void test_what_may_not_serve_stays_staged(void **state)
{
	struct cluster *c = cluster_new();
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true, .cn = "CA" }),
	                     other = fx_cert((struct fx_spec){ .ca = true, .cn = "Other" });
	const struct fx_cert good = fx_cert((struct fx_spec){ .san = WILD, .issuer = &ca });
	const struct {
		struct fx_spec spec;
		const char *verdict, *word;
	} table[] = {
		{ { .san = "DNS:old.example.org", .issuer = &ca, .days_from = -20, .days_to = -10 },
		        "first", "expired" },
		{ { .san = "DNS:new.example.org", .issuer = &ca, .days_from = 10 }, "first",
		        "not yet valid" },
		{ { .san = WILD, .issuer = &other }, "replacement", "another issuer" },
		{ { .san = "DNS:*.example.com", .issuer = &ca }, "re-issue", "lacks names" },
		{ { .san = WILD, .issuer = &ca, .days_from = -30 }, "re-key", "older" },
	};
	uint32_t status;

	(void)state;
	json_decref(cluster_import(c, &good, "{}", &status));
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		const struct fx_cert cert = fx_cert(table[i].spec);
		json_t *doc = cluster_import(c, &cert, "{}", &status);
		assert_int_equal(status, 200);
		assert_string_equal(text_at(doc, "verdict"), table[i].verdict);
		assert_true(json_is_false(json_object_get(doc, "activated")));
		assert_int_equal(json_integer_value(json_object_get(doc, "exit")), 65);
		assert_non_null(strstr(text_at(doc, "text"), table[i].word));
		assert_string_equal(text_at(json_object_get(doc, "cert"), "state"), "staged");
		json_decref(doc);
	}
}

static void test_an_additional_certificate_serves_beside_the_others(void **state)
{
	struct cluster *c = cluster_new();
	const struct fx_cert ca = fx_cert((struct fx_spec){ .ca = true });
	const struct fx_cert wild = fx_cert((struct fx_spec){ .san = WILD, .issuer = &ca });
	const struct fx_cert exact =
	        fx_cert((struct fx_spec){ .san = "DNS:access.example.com", .issuer = &ca });
	char id[17];
	uint32_t status;
	unsigned http;

	(void)state;
	json_decref(cluster_import(c, &wild, "{}", &status));
	json_t *doc = cluster_import(c, &exact, "{}", &status);
	assert_string_equal(text_at(doc, "verdict"), "additional");
	assert_true(json_is_true(json_object_get(doc, "activated")));
	json_decref(doc);
	json_t *why = ask(c, "GET", "/v1/explain", "{\"host\":\"ACCESS.example.com.\"}", &http);
	assert_string_equal(text_at(json_object_get(why, "chosen"), "cert"), id_of(&exact, id));
	assert_int_equal(json_array_size(json_object_get(why, "candidates")), 2);
	json_decref(why);
}

static void test_a_default_must_vouch_for_the_nodes(void **state)
{
	struct cluster *c = cluster_new();
	const struct fx_cert elsewhere =
	        fx_cert((struct fx_spec){ .san = "DNS:elsewhere.example.org" });
	char id[17], body[256];
	uint32_t status;
	unsigned http;

	(void)state;
	json_decref(cluster_import(c, &elsewhere, "{}", &status));
	id_of(&elsewhere, id);
	snprintf(body, sizeof(body), "{\"id\":\"%s\"}", id);
	json_t *doc = ask(c, "PUT", "/v1/default", body, &http);
	assert_int_equal(http, 422);
	assert_int_equal(
	        json_integer_value(json_object_get(json_object_get(doc, "error"), "exit")), 65);
	assert_non_null(strstr(error_at(doc, "text"), "access.example.com"));
	assert_non_null(strstr(error_at(doc, "next"), "--accept-uncovered access.example.com"));
	assert_int_equal(
	        json_array_size(json_object_get(json_object_get(doc, "error"), "uncovered")), 2);
	json_decref(doc);
	snprintf(body, sizeof(body),
	        "{\"id\":\"%s\",\"accept_uncovered\":[\"access.example.com\",\"p1.example.com\"]}",
	        id);
	assert_string_equal(code_of(c, "PUT", "/v1/default", body), "");
	assert_string_equal(
	        code_of(c, "PUT", "/v1/default", "{\"id\":\"ffffffffffffffff\"}"), "CS_ENOTFOUND");
	assert_string_equal(code_of(c, "PUT", "/v1/default", "{}"), "CS_EUSAGE");
}

static void test_deleting_names_what_breaks(void **state)
{
	struct cluster *c = cluster_new();
	const struct fx_cert wild = fx_cert((struct fx_spec){ .san = WILD });
	char id[17], path[64];
	uint32_t status;

	(void)state;
	json_decref(cluster_import(c, &wild, "{}", &status));
	snprintf(path, sizeof(path), "/v1/certs/%s", id_of(&wild, id));
	assert_string_equal(code_of(c, "DELETE", path, "{}"), "CS_EREFUSED");
	set_default(c, id);
	assert_string_equal(code_of(c, "DELETE", path, "{}"), "CS_EREFUSED");
	assert_string_equal(code_of(c, "DELETE", path, "{\"dry_run\":true,\"force\":true}"), "");
	assert_string_equal(code_of(c, "GET", path, ""), "");
	assert_string_equal(code_of(c, "DELETE", path, "{\"force\":true}"), "");
	assert_string_equal(code_of(c, "GET", path, ""), "CS_ENOTFOUND");
	unsigned http;
	json_t *doc = ask(c, "GET", "/v1/default", "", &http);
	assert_true(json_is_null(json_object_get(doc, "default")));
	json_decref(doc);
}

static void test_writes_on_a_follower_name_the_primary(void **state)
{
	struct cluster *c = cluster_new();
	unsigned http;

	(void)state;
	cluster_role(c, ROLE_TRAFFIC, "boss");
	json_t *doc = ask(c, "PUT", "/v1/default", "{\"id\":\"aaaa\"}", &http);
	assert_int_equal(http, 403);
	assert_string_equal(error_at(doc, "code"), "CS_ENOTPRIMARY");
	assert_int_equal(
	        json_integer_value(json_object_get(json_object_get(doc, "error"), "exit")), 77);
	assert_non_null(strstr(error_at(doc, "text"), "boss"));
	assert_string_equal(error_at(doc, "primary"), "boss");
	json_decref(doc);
}

static void test_a_conflict_is_decided_anew_and_a_slow_backup_is_told(void **state)
{
	struct cluster *c = cluster_new();
	unsigned http;

	(void)state;
	cluster_conflict(c);
	cluster_conflict(c);
	assert_string_equal(
	        code_of(c, "PUT", "/v1/settings/ack.mode", "{\"value\":\"local\"}"), "");
	for (int i = 0; i < 5; i++)
		cluster_conflict(c);
	assert_string_equal(code_of(c, "PUT", "/v1/settings/ack.mode", "{\"value\":\"backup\"}"),
	        "CS_ECONFLICT");
	cluster_answer(c, "CS_EPENDING");
	json_t *doc = ask(c, "PUT", "/v1/settings/ack.timeout", "{\"value\":500}", &http);
	assert_int_equal(http, 202);
	assert_int_equal(json_integer_value(json_object_get(doc, "exit")), 10);
	assert_string_equal(text_at(doc, "next"), "certspan sync wait");
	json_decref(doc);
}

static void test_tokens(void **state)
{
	struct cluster *c = cluster_new();
	const struct fx_cert wild = fx_cert((struct fx_spec){ .san = WILD });
	uint32_t status;
	unsigned http;

	(void)state;
	json_t *doc = ask(c, "POST", "/v1/tokens",
	        "{\"name\":\"t1\",\"role\":\"traffic\",\"public\":\"t1.elsewhere.org\"}", &http);
	assert_int_equal(http, 200);
	assert_int_equal(strncmp(text_at(doc, "token"), "certspan1.", 10), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "warnings")),
	        1); /* uncovered, but nothing is served yet */
	json_decref(doc);
	assert_string_equal(
	        code_of(c, "POST", "/v1/tokens", "{\"name\":\"t1\",\"role\":\"traffic\"}"),
	        "CS_EEXISTS");
	json_decref(cluster_import(c, &wild, "{}", &status));
	doc = ask(c, "POST", "/v1/tokens",
	        "{\"name\":\"t2\",\"role\":\"traffic\",\"public\":\"t2.elsewhere.org\"}", &http);
	assert_string_equal(error_at(doc, "code"), "CS_EREFUSED");
	assert_non_null(strstr(error_at(doc, "text"), "t2.elsewhere.org"));
	json_decref(doc);
	assert_string_equal(
	        code_of(c, "POST", "/v1/tokens",
	                "{\"name\":\"b1\",\"role\":\"backup\",\"public\":\"b1.example.com\"}"),
	        "CS_EUSAGE");
	assert_string_equal(code_of(c, "POST", "/v1/tokens",
	                            "{\"name\":\"b1\",\"role\":\"backup\",\"public\":\"b1.example."
	                            "com\",\"internal\":\"10.0.0.2:1\"}"),
	        "");
	assert_string_equal(code_of(c, "DELETE", "/v1/nodes/p1", "{}"), "CS_EREFUSED");
	assert_string_equal(code_of(c, "DELETE", "/v1/nodes/b1", "{}"), "");
	assert_string_equal(code_of(c, "GET", "/v1/nodes/b1", ""), "CS_ENOTFOUND");
}

static void test_every_reading_route_answers(void **state)
{
	static const char *const paths[] = { "/v1/version", "/v1/status", "/v1/certs",
		"/v1/default", "/v1/coverage", "/v1/explain", "/v1/nodes", "/v1/nodes/p1",
		"/v1/settings", "/v1/settings/site.hostname", "/v1/sync" };
	struct cluster *c = cluster_new();
	const struct fx_cert wild = fx_cert((struct fx_spec){ .san = WILD });
	uint32_t status;
	unsigned http;

	(void)state;
	for (int round = 0; round < 2; round++) { /* empty, then with a certificate */
		for (size_t i = 0; i < CS_COUNT(paths); i++) {
			json_t *doc = ask(c, "GET", paths[i], "", &http);
			assert_int_equal(http, 200);
			assert_int_equal(strncmp(text_at(doc, "schema"), "certspan.", 9), 0);
			json_decref(doc);
		}
		json_decref(cluster_import(c, &wild, "{}", &status));
	}
	json_t *cert = ask(c, "GET", "/v1/certs/fixture", "", &http);
	assert_int_equal(http, 200);
	assert_non_null(strstr(text_at(json_object_get(cert, "cert"), "pem"), "BEGIN CERTIFICATE"));
	assert_non_null(text_at(json_object_get(cert, "cert"), "serial_decimal"));
	json_decref(cert);
	json_t *doc = ask(c, "GET", "/v1/status", "", &http);
	assert_string_equal(text_at(doc, "state"), "standalone");
	assert_int_equal(json_array_size(json_object_get(doc, "nodes")), 1);
	json_decref(doc);
}

static void test_a_lost_replicator_is_said_and_survived(void **state)
{
	struct cluster *c = cluster_new();

	(void)state;
	assert_string_equal(code_of(c, "GET", "/v1/status", ""), "");
	cluster_restart(c, false);
	assert_string_equal(code_of(c, "GET", "/v1/certs", ""), "CS_EUNREACHABLE");
	cluster_restart(c, true);
	assert_string_equal(code_of(c, "GET", "/v1/certs", ""), "");
}

static void test_fields_are_checked(void **state)
{
	static const struct {
		const char *method, *path, *body;
	} table[] = {
		{ "PUT", "/v1/default", "{\"id\":\"a\",\"idd\":1}" },
		{ "PUT", "/v1/default", "{\"id\":\"a\",\"id\":\"b\"}" },
		{ "PUT", "/v1/default", "{\"id\":7}" },
		{ "PUT", "/v1/default", "[]" },
		{ "PUT", "/v1/default", "{\"id\":\"a" },
		{ "PUT", "/v1/default", "{\"id\":\"a\",\"ack\":\"some\"}" },
		{ "PUT", "/v1/default", "{\"id\":\"a\",\"request\":\"12\"}" },
		{ "GET", "/v1/certs", "{\"limit\":5000}" },
		{ "GET", "/v1/certs", "{\"state\":\"odd\"}" },
		{ "PATCH", "/v1/nodes/p1", "{\"public\":\"not a host\"}" },
		{ "PATCH", "/v1/nodes/p1", "{\"internal\":\"host\"}" },
		{ "POST", "/v1/tokens", "{\"name\":\"UPPER_\",\"role\":\"traffic\"}" },
		{ "POST", "/v1/tokens", "{\"name\":\"t1\",\"role\":\"primary\"}" },
		{ "PUT", "/v1/settings/site.hostname", "{\"value\":[\"*.example.com\"]}" },
		{ "PUT", "/v1/settings/ack.timeout", "{\"value\":-1}" },
	};
	struct cluster *c = cluster_new();
	const uint64_t head = cluster_head(c);

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++)
		assert_string_equal(
		        code_of(c, table[i].method, table[i].path, table[i].body), "CS_EUSAGE");
	assert_string_equal(
	        code_of(c, "PUT", "/v1/settings/no.such", "{\"value\":\"1\"}"), "CS_ENOTFOUND");
	assert_int_equal(cluster_head(c), head);
}

/* --- over the socket --- */

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int http_status(const char *path, const char *request)
{
	char answer[4096] = "";
	const int fd = dial(path);

	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	const ssize_t n = read(fd, answer, sizeof(answer) - 1);
	close(fd);
	return n > 12 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

static void test_http_refuses_what_it_should(void **state)
{
	static const struct {
		const char *request;
		int status;
	} table[] = {
		{ "GET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200 },
		{ "GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "DELETE /v1/version HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "BREW /v1/version HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "GET /v1/version?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /v1/status?local=1&local=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /v1/version HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
		{ "PUT /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: "
		  "2\r\n\r\n{}",
		        400 },
		{ "PUT /v1/default HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", 413 },
		{ "PUT /v1/default?id=a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400 },
	};
	struct cluster *c = cluster_new();
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[64];
	struct http *http;

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/api.sock", fx_mkdir(dir));
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	admin_set_shared_user(cluster_admin(c), true);
	assert_int_equal(http_start(cluster_admin(c), fd, &http), CS_OK);
	for (size_t i = 0; i < CS_COUNT(table); i++)
		assert_int_equal(http_status(addr.sun_path, table[i].request), table[i].status);
	http_drain(http);
	fx_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_import_serves_and_a_renewal_takes_its_place),
		cmocka_unit_test(test_what_may_not_serve_stays_staged),
		cmocka_unit_test(test_an_additional_certificate_serves_beside_the_others),
		cmocka_unit_test(test_a_default_must_vouch_for_the_nodes),
		cmocka_unit_test(test_deleting_names_what_breaks),
		cmocka_unit_test(test_writes_on_a_follower_name_the_primary),
		cmocka_unit_test(test_a_conflict_is_decided_anew_and_a_slow_backup_is_told),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_every_reading_route_answers),
		cmocka_unit_test(test_a_lost_replicator_is_said_and_survived),
		cmocka_unit_test(test_fields_are_checked),
		cmocka_unit_test(test_http_refuses_what_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
