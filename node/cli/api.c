#include "node/cli/api.h"
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <curl/curl.h>
#include <sodium.h>
#include "node/cli/reach.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define ANSWER_MAX (64u << 20)
#define PATH_MAX_LEN 8192
#define READ_WAIT_S 30
#define WRITE_WAIT_S 150
#define CONNECT_WAIT_MS 5000L

struct call {
	const char *method, *path;
	const char *body; /* NULL: none */
	long wait_s;
	bool quiet_absence;
	long status;
	struct cs_buf answer;
};

static size_t receive(char *bytes, size_t size, size_t n, void *data)
{
	struct call *call = data;

	return cs_buf_add(&call->answer, bytes, size * n) == CS_OK ? size * n : 0;
}

static CURLcode perform(struct call *call, const char *socket_path)
{
	char url[PATH_MAX_LEN + 32];
	CURL *curl = curl_easy_init();

	if (curl == NULL)
		return CURLE_OUT_OF_MEMORY;
	snprintf(url, sizeof(url), "http://certspan%s", call->path);
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_WAIT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->wait_s);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
	if (call->body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
	}
	const CURLcode rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return rc;
}

static int no_daemon(struct cli *cli, const char *socket_path)
{
	char next[CS_TEXT_MAX];

	snprintf(next, sizeof(next), "certspand --config %.800s", reach_config(cli));
	return cli_fail(cli, CS_EUNREACHABLE, next, "no daemon answers at %.800s", socket_path);
}

static int no_answer(struct cli *cli, const struct call *call, CURLcode rc, const char *request)
{
	char next[256] = "certspan status --local; then repeat it";
	const enum cs_err err = rc == CURLE_OPERATION_TIMEDOUT ? CS_ETIMEOUT : CS_ECLOSED;

	if (request != NULL)
		snprintf(next, sizeof(next), "repeat it with --request %.40s: it is then done once",
		        request);
	return cli_fail(cli, err, next, "%s: %s; %s", call->method,
	        err == CS_ETIMEOUT ? "no answer in time" : "the connection ended before the answer",
	        request != NULL ? "it may have been done" : "nothing was changed");
}

static int answered(struct cli *cli, const struct call *call, json_t **out)
{
	json_error_t error;
	json_t *doc = json_loadb(
	        (const char *)call->answer.p, call->answer.n, JSON_REJECT_DUPLICATES, &error);

	if (!json_is_object(doc)) {
		json_decref(doc);
		return cli_fail(cli, CS_EMALFORMED, "look at the daemon's log",
		        "the daemon answered no JSON (HTTP %ld)", call->status);
	}
	if (call->status >= 400 && call->quiet_absence) {
		json_decref(doc);
		return API_REFUSED;
	}
	if (call->status >= 400)
		return api_error(cli, doc);
	*out = doc;
	return 0;
}

/* A daemon that is being started gets a second: nothing was sent while nobody listens. */
static CURLcode reach(struct call *call, const char *socket_path)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	CURLcode rc = perform(call, socket_path);

	for (int i = 0; i < 20 && rc == CURLE_COULDNT_CONNECT && !call->quiet_absence; i++) {
		nanosleep(&pause, NULL);
		rc = perform(call, socket_path);
	}
	return rc;
}

static int run(struct cli *cli, struct call *call, const char *request, json_t **out)
{
	char socket_path[CS_TEXT_MAX];

	*out = NULL;
	const int where = reach_socket(cli, "api.sock", socket_path, sizeof(socket_path));
	if (where != 0)
		return where;
	call->answer = cs_buf_new(ANSWER_MAX);
	const CURLcode rc = reach(call, socket_path);
	int exit_code = 0;
	if (rc == CURLE_COULDNT_CONNECT)
		exit_code = call->quiet_absence ? API_ABSENT : no_daemon(cli, socket_path);
	else if (rc != CURLE_OK)
		exit_code = call->quiet_absence ? API_ABSENT : no_answer(cli, call, rc, request);
	else
		exit_code = answered(cli, call, out);
	cs_buf_free(&call->answer);
	return exit_code;
}

static long wait_of(const struct cli *cli, long usual)
{
	return cli->timeout_s > 0 ? (long)cli->timeout_s + 10 : usual;
}

int api_get(struct cli *cli, json_t **out, const char *fmt, ...)
{
	char path[PATH_MAX_LEN];
	va_list args;

	va_start(args, fmt);
	const int n = vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	*out = NULL;
	if (n < 0 || (size_t)n >= sizeof(path))
		return cli_fail(cli, CS_ETOOBIG, "ask for less at once", "the request is too long");
	struct call call = { .method = "GET", .path = path, .wait_s = wait_of(cli, READ_WAIT_S) };
	return run(cli, &call, NULL, out);
}

int api_try(struct cli *cli, json_t **out, const char *path)
{
	struct call call = {
		.method = "GET", .path = path, .wait_s = READ_WAIT_S, .quiet_absence = true
	};

	return run(cli, &call, NULL, out);
}

void api_write_fields(struct cli *cli, json_t *fields)
{
	if (cli->ack != NULL)
		json_object_set_new(fields, "ack", json_string(cli->ack));
	if (cli->timeout_s > 0)
		json_object_set_new(
		        fields, "timeout_ms", json_integer((json_int_t)cli->timeout_s * 1000));
	if (cli->dry_run)
		json_object_set_new(fields, "dry_run", json_true());
	uint8_t random[16];
	char hex[33];
	randombytes_buf(random, sizeof(random));
	cs_hex(random, sizeof(random), hex);
	json_object_set_new(
	        fields, "request", json_string(cli->request != NULL ? cli->request : hex));
}

static enum cs_err query_value(const json_t *value, struct cs_buf *out)
{
	size_t i;
	json_t *item;

	if (json_is_true(value))
		return cs_buf_printf(out, "1");
	if (json_is_integer(value))
		return cs_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	if (json_is_string(value))
		return cs_buf_printf(out, "%s", api_escape(json_string_value(value)));
	json_array_foreach(value, i, item) CS_TRY(
	        cs_buf_printf(out, "%s%s", i > 0 ? "," : "", api_escape(json_string_value(item))));
	return CS_OK;
}

static enum cs_err with_query(const char *path, json_t *fields, struct cs_buf *out)
{
	const char *key;
	json_t *value;
	char separator = '?';

	CS_TRY(cs_buf_printf(out, "%s", path));
	json_object_foreach(fields, key, value)
	{
		CS_TRY(cs_buf_printf(out, "%c%s=", separator, key));
		CS_TRY(query_value(value, out));
		separator = '&';
	}
	return CS_OK;
}

int api_write(struct cli *cli, const char *method, const char *path, json_t *fields, json_t **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf query = cs_buf_new(PATH_MAX_LEN);
	struct call call = { .method = method, .path = path, .wait_s = wait_of(cli, WRITE_WAIT_S) };
	char request[64], *body = NULL;

	if (fields == NULL)
		fields = json_object();
	api_write_fields(cli, fields);
	snprintf(request, sizeof(request), "%s", text_at(fields, "request"));
	enum cs_err rc = CS_OK;
	if (strcmp(method, "DELETE") == 0) {
		rc = with_query(path, fields, &query);
		call.path = cs_buf_text(&query);
	} else {
		body = json_dumps(fields, JSON_COMPACT);
		call.body = body;
	}
	json_decref(fields);
	*out = NULL;
	const int exit_code =
	        rc == CS_OK ? run(cli, &call, request, out)
	                    : cli_fail(cli, rc, "give less at once", "the request is too long");
	free(body);
	if (exit_code == 0 && int_at(*out, "exit") == cs_err_exit(CS_EPENDING))
		return cs_err_exit(CS_EPENDING);
	return exit_code;
}

int api_post(struct cli *cli, const char *path, json_t *body, int wait_s, json_t **out)
{
	char *text = json_dumps(body, JSON_COMPACT);
	struct call call = { .method = "POST", .path = path, .body = text, .wait_s = wait_s + 10L };

	json_decref(body);
	const int exit_code = run(cli, &call, NULL, out);
	free(text);
	return exit_code;
}
