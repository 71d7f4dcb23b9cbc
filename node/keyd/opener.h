/* node/keyd/opener.h: bundles that the replicator wants opened ahead, one at a time, while no
 * handshake waits. */
#pragma once
#include "node/keyd/keybox.h"
#include "node/keyd/vault.h"
#include "proto/wire/control.h"

struct opener;

CS_MUST enum cs_err opener_new(struct keybox *box, struct vault *vault, struct opener **out);
/* Queues; an id that is queued already is opened twice, which harms nobody. CS_ETOOBIG past a
 * million. */
CS_MUST enum cs_err opener_add(
        struct opener *self, const struct wire_open *request, int64_t now_ms);
/* Whether opener_next has something to do at NOW. */
bool opener_ready(const struct opener *self, int64_t now_ms);
/* Opens one. CS_OK: *OPENED is its answer, which lives in SELF until the next call. CS_EAGAIN: it
 * waits for the store or for a secret that replication is bringing; opener_ready is false for a
 * moment then. */
CS_MUST enum cs_err opener_next(struct opener *self, int64_t now_ms, struct wire_opened *opened);
void opener_clear(struct opener *self); /* who asked is gone */
size_t opener_waiting(const struct opener *self);
void opener_free(struct opener **self);
