#include "node/admin/http.h"
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "node/admin/routes.h"
#include "proto/base/log.h"

#define CONNECTIONS_MAX 64
#define IDLE_S 30
#define BODY_MAX (128u << 10)

struct http {
	struct admin *admin;
	struct MHD_Daemon *daemon;
	_Atomic unsigned requests; /* begun, not yet answered */
};

/* One request between libmicrohttpd's calls. */
struct request {
	struct cs_buf body;
	bool too_big;
};

static enum MHD_Result send_text(
        struct MHD_Connection *connection, unsigned status, char *body, const char *allow)
{
	static const char memory[] = "{\"schema\":\"certspan.error/"
	                             "1\",\"error\":{\"code\":\"CS_ENOMEM\",\"exit\":70,\"text\":"
	                             "\"out of memory\",\"next\":\"\"}}";
	struct MHD_Response *response =
	        body != NULL
	                ? MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE)
	                : MHD_create_response_from_buffer(sizeof(memory) - 1,
	                          (void *)(uintptr_t)memory, MHD_RESPMEM_PERSISTENT);

	if (response == NULL) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (allow != NULL)
		MHD_add_response_header(response, "Allow", allow);
	const enum MHD_Result rc =
	        MHD_queue_response(connection, body != NULL ? status : 500, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned status,
        enum cs_err err, const char *text, const char *allow)
{
	struct reply reply = { .status = status };

	reply_fail(&reply, err, "", "%s", text);
	char *body = reply_body(&reply, false);
	reply_free(&reply);
	return send_text(connection, status, body, allow);
}

/* --- who asks --- */

static bool peer_uid(struct MHD_Connection *connection, uint32_t *uid)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	*uid = cred.uid;
	return true;
}

static bool permitted(struct admin *admin, struct MHD_Connection *connection, uint32_t *uid)
{
	return peer_uid(connection, uid) && admin_permits(admin, *uid);
}

/* --- headers: a second Host or Content-Length, or both ways of length, is how requests are
 * smuggled --- */

struct headers {
	unsigned host, length, encoding;
	unsigned long long content_length;
};

static enum MHD_Result count_header(
        void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct headers *h = data;

	(void)kind;
	h->host += strcasecmp(name, "Host") == 0;
	h->encoding += strcasecmp(name, "Transfer-Encoding") == 0;
	if (strcasecmp(name, "Content-Length") != 0)
		return MHD_YES;
	h->length++;
	h->content_length = value != NULL ? strtoull(value, NULL, 10) : 0;
	return MHD_YES;
}

static enum MHD_Result begin(struct http *self, struct MHD_Connection *connection, void **state)
{
	struct headers h = { 0 };
	uint32_t uid;

	if (!permitted(self->admin, connection, &uid))
		return send_error(connection, 403, CS_EDENIED,
		        "only root and the user of certspand may use this socket", NULL);
	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &h);
	if (h.host > 1 || h.length > 1 || h.encoding > 1 || (h.length > 0 && h.encoding > 0))
		return send_error(connection, 400, CS_EUSAGE,
		        "Host, Content-Length or Transfer-Encoding is given twice", NULL);
	if (h.content_length > BODY_MAX)
		return send_error(
		        connection, 413, CS_ETOOBIG, "the body is larger than 128 KiB", NULL);
	struct request *request = malloc(sizeof(*request));
	if (request == NULL)
		return MHD_NO;
	*request = (struct request){ .body = cs_buf_new(BODY_MAX) };
	*state = request;
	self->requests++;
	return MHD_YES;
}

/* --- the request itself --- */

struct query {
	const struct route *route;
	struct call *call;
	enum cs_err err;
};

static enum MHD_Result query_value(
        void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query *q = data;

	(void)kind;
	q->err = args_query(
	        q->call->args, name, value, q->route->fields, q->route->write, &q->call->reply);
	return q->err == CS_OK ? MHD_YES : MHD_NO;
}

static bool takes_body(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0;
}

static enum cs_err read_args(struct call *call, const struct route *route,
        struct MHD_Connection *connection, struct cs_bytes body)
{
	struct query q = { route, call, CS_OK };
	const int in_query =
	        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);

	if (takes_body(route->method)) {
		if (in_query > 0)
			return reply_fail(&call->reply, CS_EUSAGE, "",
			        "the fields of this request go into its body");
		return args_body(body, route->fields, route->write, &call->reply, &call->args);
	}
	if (body.n > 0)
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "the fields of this request go into its query");
	call->args = json_object();
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_value, &q);
	return q.err;
}

static enum MHD_Result run(struct http *self, struct MHD_Connection *connection,
        const struct route *route, const char *name, struct cs_bytes body)
{
	struct call call;
	uint32_t uid;

	if (!permitted(self->admin, connection, &uid))
		return MHD_NO;
	enum cs_err rc = call_begin(self->admin, uid, &call);
	call.name = name;
	if (rc == CS_OK)
		rc = read_args(&call, route, connection, body);
	if (rc == CS_OK)
		rc = route->fn(&call);
	if (rc != CS_OK)
		call.reply.err = rc;
	if (rc != CS_OK || route->write)
		cs_info("%s %s by uid %u: %s", route->method, route->path, uid,
		        cs_err_name(call.reply.err));
	char *text = reply_body(&call.reply, false);
	const unsigned status = reply_status(&call.reply);
	call_end(&call);
	return send_text(connection, status, text, NULL);
}

static enum MHD_Result dispatch(struct http *self, struct MHD_Connection *connection,
        const char *path, const char *method, struct request *request)
{
	char name[CS_FRIENDLY_MAX + 1], allow[64];

	if (request->too_big)
		return send_error(
		        connection, 413, CS_ETOOBIG, "the body is larger than 128 KiB", NULL);
	const struct route *route = route_find(method, path, name, allow);
	if (route != NULL)
		return run(self, connection, route, name, cs_buf_view(&request->body));
	if (allow[0] != '\0')
		return send_error(
		        connection, 405, CS_EUSAGE, "this path has no such method", allow);
	return send_error(connection, 404, CS_ENOTFOUND, "no such route", NULL);
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *path,
        const char *method, const char *version, const char *upload, size_t *upload_size,
        void **state)
{
	struct http *self = data;
	struct request *request = *state;

	(void)version;
	if (request == NULL)
		return begin(self, connection, state);
	if (*upload_size > 0) {
		request->too_big = request->too_big ||
		                   cs_buf_add(&request->body, upload, *upload_size) != CS_OK;
		*upload_size = 0;
		return MHD_YES;
	}
	return dispatch(self, connection, path, method, request);
}

static void completed(void *data, struct MHD_Connection *connection, void **state,
        enum MHD_RequestTerminationCode code)
{
	struct http *self = data;
	struct request *request = *state;

	(void)connection;
	(void)code;
	if (request == NULL)
		return;
	self->requests--;
	cs_buf_free(&request->body);
	free(request);
	*state = NULL;
}

static void mhd_log(void *data, const char *fmt, va_list args)
        __attribute__((format(printf, 2, 0)));
static void mhd_log(void *data, const char *fmt, va_list args)
{
	char text[512];

	(void)data;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	cs_debug("http: %s", text);
}

enum cs_err http_start(struct admin *admin, int listener, struct http **out)
{
	struct http *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->admin = admin;
	self->daemon =
	        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
	                                 MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
	                0, NULL, NULL, answer, self, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL,
	                MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
	                CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
	                MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, completed,
	                self, MHD_OPTION_THREAD_STACK_SIZE, (size_t)(512u << 10), MHD_OPTION_END);
	if (self->daemon == NULL) {
		free(self);
		return CS_EIO;
	}
	*out = self;
	return CS_OK;
}

void http_drain(struct http *self)
{
	const MHD_socket listener = MHD_quiesce_daemon(self->daemon);

	if (listener != MHD_INVALID_SOCKET)
		close(listener);
}

unsigned http_requests(struct http *self)
{
	return self->requests;
}
