/* store/serving/serving.h: the environment `serving`: what the edges look up, derived from `state`
 * (design section 4). Only public data: names -> candidates, certificate id -> leaf, chain; the
 * default; the generation. Written by the replicator (MDB_NOSYNC, rebuilt after another boot or an
 * unclean stop), read by edges at each handshake. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "store/db/state.h"
#include "store/pki/choice.h"

/* --- the writer: view fixed at a position, published later (replication.md R3) --- */
struct serving_writer;
/* DIR = STATE_DIR/serving, made if absent. NODE: whose own default choice counts. What another boot
 * left without a clean stop, or another format, is dropped here; any other view goes on being
 * served until the next one is published. */
CS_MUST enum cs_err serving_open(
        const char *dir, const char *node, size_t map_size, struct serving_writer **out);
/* Derives the view of STATE's position now into a pending transaction that no reader sees: from the
 * published view when that lies on STATE's line, else anew. CS_EBUG when one is pending already.
 * CS_ECONFLICT: STATE has no activation, the view stays. *CHANGED: bundle ids whose serving may
 * differ (arena, >= 64 KiB; at most 4,096 of them), for probes. What cannot be derived (a bundle
 * missing) is logged and left as it was. Begin and end it on one thread. */
CS_MUST enum cs_err serving_prepare(struct serving_writer *self, struct state *state,
        struct cs_arena *arena, struct wire_texts *changed);
bool serving_pending(
        const struct serving_writer *self, uint64_t *seq); /* the seq of the pending view */
CS_MUST enum cs_err serving_publish(
        struct serving_writer *self); /* all readers see it from their next look-up on */
void serving_discard(struct serving_writer *self);
uint64_t serving_published(const struct serving_writer *self); /* seq of the published view, 0 */
unsigned serving_reader_check(struct serving_writer *self);
void serving_close(struct serving_writer **self); /* marks a clean stop */
/* The published view through the writer's own environment (LMDB must not be opened twice in a
 * process): what an edge would see now. The writer's; valid until serving_close. Also while a view
 * is pending, on the writer's thread. CS_ENOTFOUND before the first view. */
struct serving;
CS_MUST enum cs_err serving_reader_of(struct serving_writer *self, struct serving **out);

/* --- readers: edges, and whoever must know what an edge would do --- */
struct serving;
CS_MUST enum cs_err serving_attach(const char *dir, size_t map_size,
        struct serving **out); /* CS_ENOTFOUND before the first view */
void serving_detach(struct serving **self);

enum serving_why { SERVING_NAME, SERVING_NO_SNI, SERVING_UNMATCHED };
struct serving_pick {
	char id[24];
	enum serving_why why;
	enum pki_cover cover;
	enum pki_key key;
	int64_t not_before, not_after;
	uint64_t issuers; /* changes with the chain, as good as never by chance */
};
/* What a client gets: SNI NULL = none sent; else raw bytes (normalised here). CAN_VERIFY as in
 * choice.h. CS_ENOTFOUND: no certificate at all (no default either). CS_ECORRUPT, CS_EIO: the store
 * is unreadable (then never a default). */
CS_MUST enum cs_err serving_pick(struct serving *self, const struct cs_bytes *sni,
        unsigned can_verify, int64_t now, struct serving_pick *out);
/* All candidates for HOST (normal form), for `explain` and tests; ids live in ARENA. */
CS_MUST enum cs_err serving_candidates(struct serving *self, const char *host,
        struct cs_arena *arena, const struct choice_candidate **out, size_t *count);
struct serving_cert {
	struct cs_bytes leaf;
	const struct cs_bytes *chain;
	size_t chain_count;
};
CS_MUST enum cs_err serving_cert(
        struct serving *self, const char *id, struct cs_arena *arena, struct serving_cert *out);
struct serving_facts {
	uint64_t seq, generation, certificates, names;
	char default_id[24]; /* "" */
};
CS_MUST enum cs_err serving_facts(struct serving *self, struct serving_facts *out);
