#include "replicator/core/view.h"
#include "replicator/core/rules.h"

enum view_next view_next(const struct view *self)
{
	if (self->prepared != 0)
		return !RULE_OWN_EDGE || self->prepared <= self->released ? VIEW_PUBLISH
		                                                          : VIEW_NOTHING;
	if (self->position != 0 && self->position != self->published &&
	        self->position != self->failed)
		return VIEW_PREPARE;
	return VIEW_NOTHING;
}

void view_restart(struct view *self)
{
	const uint64_t position = self->position;

	*self = (struct view){ .position = position };
}
