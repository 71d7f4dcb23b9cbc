/* replicator/core/view.h: when what clients see switches (R3). A serving view is fixed at a
 * position and published when that position is released; the next one is fixed after it. */
#pragma once
#include "proto/base/cs.h"

struct view {
	uint64_t position; /* of the store */
	uint64_t released;
	uint64_t prepared; /* position of the view that waits; 0: none */
	uint64_t published;
	uint64_t failed; /* a position that could not be prepared: not tried again */
};
enum view_next { VIEW_NOTHING, VIEW_PREPARE, VIEW_PUBLISH };
enum view_next view_next(const struct view *self);
/* Another past: positions and releases of the old one mean nothing any more. What is served
 * stays. */
void view_restart(struct view *self);
