/* replicator/local/opening.h: which bundles keyd still has to open. Opening never holds storing up:
 * it is told after the commit, and its results (key numbers wrapped under the node's own key) are
 * kept beside the bundle as derived data. */
#pragma once
#include "proto/wire/control.h"
#include "store/db/state.h"

struct opening;
CS_MUST enum cs_err opening_new(struct opening **out);
void opening_free(struct opening **self);
/* Finds what has come since the last look. CS_ENOMEM, errors of the store. */
CS_MUST enum cs_err opening_scan(struct opening *self, struct state *state);
/* All that was asked and not answered is asked again: a fresh keyd. */
void opening_again(struct opening *self);
/* The next ids to ask for, at most MAX; they count as asked. */
size_t opening_take(struct opening *self, const char **ids, size_t max);
/* A result. A bundle that cannot be opened is remembered as such; a locked keyd is asked again
 * later. */
CS_MUST enum cs_err opening_opened(struct opening *self, const struct wire_opened *opened);
/* Writes the results that have gathered, in one transaction. */
CS_MUST enum cs_err opening_flush(struct opening *self, struct state *state);
bool opening_holds_results(const struct opening *self);
uint64_t opening_loaded(
        const struct opening *self); /* highest seq up to which every bundle is opened, or failed */
uint64_t opening_unopened(const struct opening *self);
