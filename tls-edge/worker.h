/* tls-edge/worker.h: one edge worker: its listeners, its control channel, and everything between
 * (design section 3). */
#pragma once
#include "proto/role/role.h"
#include "tls-edge/select/source.h"

struct worker;

/* ROLE has begun; SOURCE gives certificates; both outlive the worker. Once a process: it loads the
 * OpenSSL provider. */
CS_MUST enum cs_err worker_new(struct role *role, const struct source *source, struct worker **out);
/* Until STOP is obeyed (CS_OK) or the supervisor is gone (CS_ECLOSED). */
CS_MUST enum cs_err worker_run(struct worker *self);
void worker_free(struct worker **self);
