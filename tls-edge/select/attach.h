/* tls-edge/select/attach.h: the serving environment of this node as a source. It may not be there
 * yet when the edge starts (a fresh node), and it may be built anew under the same name: both are
 * looked after at the handshakes, at most every 100 ms. */
#pragma once
#include "tls-edge/select/source.h"

struct attach;

/* DIR: STATE_DIR/serving. Nothing is opened yet. */
CS_MUST enum cs_err attach_new(const char *dir, size_t map_size, struct attach **out);
/* CS_ENOTFOUND from its pick: no view yet, or no certificate. */
struct source attach_source(struct attach *self);
/* A first try, so that the first handshake need not pay for it. */
void attach_try(struct attach *self);
void attach_free(struct attach **self);
