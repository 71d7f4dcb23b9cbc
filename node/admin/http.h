/* node/admin/http.h: the API's socket: one thread a connection, at most 64; who may, what size,
 * which route. */
#pragma once
#include "node/admin/admin.h"

struct http;
/* Serves on LISTENER, a listening unix socket (taken over). */
CS_MUST enum cs_err http_start(struct admin *admin, int listener, struct http **out);
/* No new connection from now on; requests that are open go on. */
void http_drain(struct http *self);
unsigned http_requests(struct http *self); /* begun, not yet answered */
