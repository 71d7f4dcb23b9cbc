/* replicator/local/keyd.h: which bundles keyd still has to open. Opening never holds storing up: it
 * is told after the commit, and its results (key numbers wrapped under the node's own key) are kept
 * beside the bundle as derived data. */
#pragma once
#include "proto/wire/control.h"
#include "store/db/state.h"

struct keyd;
CS_MUST enum cs_err keyd_new(struct keyd **out);
void keyd_free(struct keyd **self);
/* Finds what has come since the last look. CS_ENOMEM, errors of the store. */
CS_MUST enum cs_err keyd_scan(struct keyd *self, struct state *state);
/* All that was asked and not answered is asked again: a fresh keyd. */
void keyd_again(struct keyd *self);
/* The next ids to ask for, at most MAX; they count as asked. */
size_t keyd_take(struct keyd *self, const char **ids, size_t max);
/* A result. A bundle that cannot be opened is remembered as such; a locked keyd is asked again
 * later. */
CS_MUST enum cs_err keyd_opened(struct keyd *self, const struct wire_opened *opened);
/* Writes the results that have gathered, in one transaction. */
CS_MUST enum cs_err keyd_flush(struct keyd *self, struct state *state);
bool keyd_holds_results(const struct keyd *self);
uint64_t keyd_loaded(
        const struct keyd *self); /* highest seq up to which every bundle is opened, or failed */
uint64_t keyd_unopened(const struct keyd *self);
