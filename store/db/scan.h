/* store/db/scan.h: a run of whole commits by seq, found first and then read, in one transaction. */
#pragma once
#include "store/db/table.h"

struct scan_range {
	uint64_t from; /* exclusive */
	size_t max_bytes, max_count; /* of objects; of commits too, if WITH_COMMITS */
	bool with_commits;
	uint64_t to; /* out: inclusive; the head when the rest fits */
	size_t objects, commits; /* out: how many there are */
};
/* At least one commit when there is one, else whole commits as long as they fit. */
CS_MUST enum cs_err scan_plan(
        struct state *self, MDB_txn *txn, uint64_t head, struct scan_range *range);
CS_MUST enum cs_err scan_objects(struct state *self, MDB_txn *txn, const struct scan_range *range,
        struct cs_arena *arena, const struct wire_object **out, size_t *count);
CS_MUST enum cs_err scan_commits(struct state *self, MDB_txn *txn, const struct scan_range *range,
        struct cs_arena *arena, const struct wire_commit **out, size_t *count);
