/* store/serving/derive.h: one step of a view in a write transaction, from `state` and the view
 * before. */
#pragma once
#include "store/serving/view.h"

#define DERIVE_CHANGED_MAX 4096 /* a bulk load is probed by a sample anyway */

struct derive {
	const struct view *view;
	MDB_txn *txn;
	struct state *state;
	struct cs_arena *arena; /* of `changed` */
	struct view_meta *meta; /* the view's, brought forward */
	const char **changed; /* room for DERIVE_CHANGED_MAX */
	size_t changed_count;
	bool damaged; /* the view before cannot be read: derive from nothing */
};
/* Certificate ID as `state` has it now: in or out of `names`. What cannot be derived is logged and
 * left as it was. */
CS_MUST enum cs_err derive_cert(struct derive *self, const char *id);
/* The default and the generation; after all certificates. */
CS_MUST enum cs_err derive_rest(struct derive *self);
