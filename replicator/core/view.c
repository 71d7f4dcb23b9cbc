#include "replicator/core/view.h"

enum view_next view_next(const struct view *self)
{
	if (self->prepared != 0)
		return self->prepared <= self->released ? VIEW_PUBLISH : VIEW_NOTHING;
	if (self->position != 0 && self->position != self->published &&
	        self->position != self->failed)
		return VIEW_PREPARE;
	return VIEW_NOTHING;
}
