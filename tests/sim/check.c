/* The offline checker: reads what happened and finds what may not have happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/sim/sim.h"

struct checker {
	const struct history *history;
	bool forced, lost, shrunk;
	uint64_t epoch[NODES];
	struct position applied[NODES];
	char *why;
	size_t size;
};

void history_add(struct history *self, const struct record *record)
{
	if (self->n == self->room) {
		self->room = self->room != 0 ? self->room * 2 : 256;
		self->v = realloc(self->v, self->room * sizeof(*self->v));
		if (self->v == NULL)
			abort();
	}
	self->v[self->n++] = *record;
}

static bool bad(const struct checker *self, const struct record *r, const char *what)
{
	snprintf(self->why, self->size, "%s: %c at %llu of history %llu, %lld ms", what,
	        node_names[r->node], (unsigned long long)r->position.seq,
	        (unsigned long long)r->position.history, (long long)r->at);
	return false;
}

static const struct record *commit_of(const struct checker *self, uint64_t chain)
{
	for (size_t i = 0; i < self->history->n; i++)
		if (self->history->v[i].what == DID_COMMIT &&
		        self->history->v[i].position.chain == chain)
			return &self->history->v[i];
	return NULL;
}

/* PAST lies on the line of commits that ends at AT. */
static bool on_line(const struct checker *self, struct position past, struct position at)
{
	while (at.seq > past.seq) {
		const struct record *c = commit_of(self, at.chain);
		if (c == NULL)
			return false;
		at.chain = c->parent;
		at.seq--;
	}
	return at.seq == past.seq && at.chain == past.chain;
}

/* I2: one content for each (history, seq). */
static bool check_commit(const struct checker *self, const struct record *r)
{
	for (const struct record *o = self->history->v; o < r; o++)
		if (o->what == DID_COMMIT && o->position.history == r->position.history &&
		        o->position.seq == r->position.seq &&
		        o->position.chain != r->position.chain && !self->lost)
			return bad(self, r, "I2 two contents for one position");
	return true;
}

/* I3: the state is the leader's at some whole commit. */
static bool check_state(const struct checker *self, const struct record *r)
{
	const struct record *c = commit_of(self, r->position.chain);

	if (c == NULL || c->position.seq != r->position.seq)
		return bad(self, r, "I3 a position that never was");
	return content_equal(&c->content, &r->content) ? true
	                                               : bad(self, r, "I3 a state that never was");
}

static bool check_apply(struct checker *self, const struct record *r)
{
	const struct position was = self->applied[r->node];

	/* Only within the log of commits: older positions are compared, whatever their chain (R4).
	 */
	if (was.seq != 0 && was.history == r->position.history && was.seq <= r->position.seq &&
	        r->position.seq - was.seq < LOG_KEPT && !on_line(self, was, r->position))
		return bad(self, r, "I2 another past of the same history, silently");
	self->applied[r->node] = r->position;
	return check_state(self, r);
}

static bool check_obey(struct checker *self, const struct record *r)
{
	if (r->epoch < self->epoch[r->node])
		return bad(self, r, "I2 back to a lower epoch");
	self->epoch[r->node] = r->epoch;
	return true;
}

/* I1: what was acknowledged, and what a client saw, is there. */
static bool check_survives(const struct checker *self, const struct record *r)
{
	if (self->forced || self->lost)
		return true;
	for (const struct record *o = self->history->v; o < r; o++) {
		if (o->what == DID_ACK && !on_line(self, o->position, r->position))
			return bad(self, o, "I1 an acknowledged change is lost");
		if (o->what == DID_SERVE && !self->shrunk &&
		        !on_line(self, o->position, r->position))
			return bad(self, o, "I1 clients saw what is lost");
	}
	return true;
}

static bool check_record(struct checker *self, const struct record *r)
{
	switch (r->what) {
	case DID_COMMIT:
		return check_commit(self, r);
	case DID_APPLY:
		return check_apply(self, r);
	case DID_SERVE:
		return check_state(self, r);
	case DID_OBEY:
		return check_obey(self, r);
	case DID_PROMOTE:
		self->forced = self->forced || r->forced;
		return check_survives(self, r);
	case DID_END:
		return check_survives(self, r);
	case DID_SHRINK:
		self->shrunk = true;
		return true;
	case DID_LOSE:
		self->lost = true;
		self->epoch[r->node] = 0;
		self->applied[r->node] = (struct position){ 0 };
		return true;
	case DID_REFUSE:
		return self->lost ? true
		                  : bad(self, r, "I3 a mark that does not close what was sent");
	case DID_ACK:
		return true;
	}
	return true;
}

bool history_check(const struct history *self, char *why, size_t size)
{
	struct checker checker = { .history = self, .why = why, .size = size };

	for (size_t i = 0; i < self->n; i++)
		if (!check_record(&checker, &self->v[i]))
			return false;
	return true;
}
