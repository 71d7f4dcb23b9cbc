/* tls-edge/select/select.h: which certificate a handshake gets: asked of the store at each one, so
 *there is no reload and no moment at which an old choice lives on. Rules (design sections 4
 *and 4.1):
 *
 *	name found            its certificate, remembered with the name
 *	no SNI, no match,
 *	IP literal, illegal   the default
 *	no certificate at all internal_error
 *	store unreadable      what the name got last; else internal_error, never the default
 *
 * A session ticket resumes only under the name that it was given for: the session id context is a
 *hash of policy and name. */
#pragma once
#include "tls-edge/select/source.h"
#include "tls-edge/tls/hello.h"

struct select;

/* One connection's question and answer; the caller puts it before the handshake by select_attach.
 */
struct select_choice {
	struct hello_sni sni;
	bool made; /* pick is there; not so after a resumption */
	struct serving_pick pick;
	enum cs_err error; /* why there is none */
};

/* At most CAPACITY certificates stay parsed. SOURCE's self outlives this. */
CS_MUST enum cs_err select_new(const struct source *source, size_t capacity, struct select **out);
void select_attach(SSL *ssl, struct select_choice *choice);
/* The hooks of tls/context.h; DATA is the struct select. */
int select_hello(SSL *ssl, int *alert, void *data);
int select_certificate(SSL *ssl, void *data);
/* What SSL would get now, for a connection that was resumed. */
CS_MUST enum cs_err select_look(struct select *self, SSL *ssl, struct select_choice *choice);
void select_free(struct select **self);
