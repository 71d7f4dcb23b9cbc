/* store/serving/view.h: the tables of `serving` and their records; seen in this room alone.
 *
 *	names     lower-case name, or "*.parent" -> candidates
 *	certs     certificate id -> key type, validity, issuers, leaf
 *	issuers   SHA-256 -> DER
 *	meta      "view" -> position, generation, default, node
 *
 * Every record ends in a check over its key and itself: what LMDB 0.9.24 lets rot must never look
 * like a name that nothing covers. An issuer's key is its own check. */
#pragma once
#include <lmdb.h>
#include "proto/base/limits.h"
#include "store/pki/cert.h"
#include "store/serving/serving.h"

enum view_table { V_NAMES, V_CERTS, V_ISSUERS, V_META, V_COUNT };
struct view {
	MDB_env *env;
	MDB_dbi table[V_COUNT];
};
/* Opens the tables in TXN, whose commit keeps the handles. */
CS_MUST enum cs_err view_tables(struct view *self, MDB_txn *txn, bool create);
void view_abort(MDB_txn **txn);

#define VIEW_ID 24 /* certificate id, NUL-padded */
struct view_meta {
	struct state_position position;
	uint64_t generation, certificates;
	char default_id[VIEW_ID];
	char node[CS_ID_MAX + 1];
};
/* CS_ENOTFOUND before the first view. */
CS_MUST enum cs_err view_meta_get(const struct view *self, MDB_txn *txn, struct view_meta *out);
CS_MUST enum cs_err view_meta_put(
        const struct view *self, MDB_txn *txn, const struct view_meta *meta);

/* The candidates of a key; they view the page: valid until the next write or the end of TXN. */
struct view_names {
	const uint8_t *p;
	size_t n;
};
CS_MUST enum cs_err view_names_get(
        const struct view *self, MDB_txn *txn, const char *key, struct view_names *out);
/* Candidate I, with COVER none; its id lives in the page. */
struct choice_candidate view_names_at(const struct view_names *self, size_t i);
CS_MUST enum cs_err view_names_add(const struct view *self, MDB_txn *txn, const char *key,
        const struct choice_candidate *candidate);
CS_MUST enum cs_err view_names_remove(
        const struct view *self, MDB_txn *txn, const char *key, const char *id);

/* A certificate's row. ISSUERS: count * 32 bytes of SHA-256. A row that is not active waits for
 * handshakes that just chose it. */
struct view_cert {
	bool active;
	enum pki_key key;
	int64_t not_before, not_after;
	const uint8_t *issuers;
	size_t issuer_count;
	struct cs_bytes leaf;
};
CS_MUST enum cs_err view_cert_get(
        const struct view *self, MDB_txn *txn, const char *id, struct view_cert *out);
/* *CHANGED: the row is another one now. */
CS_MUST enum cs_err view_cert_put(const struct view *self, MDB_txn *txn, const char *id,
        const struct view_cert *cert, bool *changed);
CS_MUST enum cs_err view_issuer_get(
        const struct view *self, MDB_txn *txn, const uint8_t sha256[32], struct cs_bytes *out);
CS_MUST enum cs_err view_issuer_put(
        const struct view *self, MDB_txn *txn, const uint8_t sha256[32], struct cs_bytes der);

/* The look-up key of a SAN dNSName into OUT (CS_NAME_MAX + 1); false when it vouches for no name.
 */
bool view_key_of(const char *san, char *out);

/* A reader, of its own environment or a part of the writer's. */
struct serving {
	struct view view;
	MDB_txn *txn; /* reset between two look-ups */
	bool own; /* the environment is this reader's */
};
void serving_init(struct serving *self, const struct view *view);
void serving_end(struct serving *self);
