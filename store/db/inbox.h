/* store/db/inbox.h: pieces that wait for their MARK (replication.md R2): in memory, and in table
 * `inbox` once they are many. A restart drops them. */
#pragma once
#include "proto/base/buf.h"
#include "proto/wire/replication.h"

#define INBOX_MEMORY (8u << 20) /* bytes; one transaction moves them to the table then */

struct inbox_piece;
struct inbox {
	struct inbox_piece *first, **tail; /* encoded pieces in memory, oldest first */
	size_t bytes;
	uint64_t spilled; /* pieces in the table */
	bool any;
	uint64_t cursor;
};

void inbox_init(struct inbox *self);
void inbox_forget(struct inbox *self); /* what is in memory */
struct state;
CS_MUST enum cs_err inbox_clear_table(struct state *state); /* at open */
/* Gives each staged piece in order. It is valid inside FN only. */
typedef enum cs_err inbox_fn(void *data, const struct wire_piece *piece);
struct MDB_txn;
CS_MUST enum cs_err inbox_each(struct state *state, struct MDB_txn *txn, inbox_fn *fn, void *data);
