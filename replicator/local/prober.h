/* replicator/local/prober.h: which handshakes prove what this node serves, and what they found.
 * Rounds: one at a time; what is due meanwhile waits for the next. */
#pragma once
#include "proto/wire/control.h"
#include "store/serving/serving.h"

#define PROBER_NAMES_MAX 20 /* of one change: bulk loads are sampled */

struct prober;
CS_MUST enum cs_err prober_new(struct prober **out);
void prober_free(struct prober **self);
/* The names that this node always answers for: its own and the site's. */
CS_MUST enum cs_err prober_base(struct prober *self, const char *const *hosts, size_t count);
/* A view at SEQ was published; IDS may be served otherwise now. */
CS_MUST enum cs_err prober_changed(
        struct prober *self, struct state *state, struct wire_texts ids, uint64_t seq);
void prober_due(struct prober *self); /* everything of its own, soon */
/* The next round into OUT (memory: ARENA), with what LOOKUP says an edge would serve now.
 * CS_EAGAIN: nothing due, or one is under way. An empty round is CS_ENOTFOUND: there is nothing to
 * prove, and it counts as proven. LOOKUP may be NULL. */
CS_MUST enum cs_err prober_round(struct prober *self, struct serving *lookup, int64_t wall_s,
        int64_t now, struct cs_arena *arena, struct wire_probe_round *out);
/* Results. True: they belong to the round under way. */
bool prober_done(struct prober *self, const struct wire_probed *probed, int64_t now);
void prober_again(struct prober *self); /* a fresh prober process */
uint64_t prober_served(
        const struct prober *self); /* the seq whose names were all served as they should */
bool prober_idle(const struct prober *self);
size_t prober_results(const struct prober *self, struct wire_probe *out,
        size_t max); /* texts and bytes are SELF's */
