/* The network: in order within a connection and direction, in any order across them; each message
 * may be lost or doubled. */
#include <stdlib.h>
#include <string.h>
#include "tests/sim/sim.h"

uint64_t chance(struct world *self)
{
	self->random = mix(self->random, 0x51ed270b);
	return self->random;
}

bool one_in(struct world *self, unsigned n)
{
	return chance(self) % n == 0;
}

bool net_open(const struct world *self, int from, int to)
{
	return self->node[from].up && self->node[to].up && !self->cut[from][to];
}

static void fly(struct world *self, const struct message *m)
{
	struct message *copy = malloc(sizeof(*copy)), **at = &self->flying;

	if (copy == NULL)
		abort();
	*copy = *m;
	copy->due = self->now + 1 + (int64_t)(chance(self) % (uint64_t)self->delay);
	copy->order = self->order++;
	for (const struct message *f = self->flying; f != NULL; f = f->next)
		if (f->conn == m->conn && f->upward == m->upward && f->due > copy->due)
			copy->due = f->due;
	while (*at != NULL && (*at)->due <= copy->due)
		at = &(*at)->next;
	copy->next = *at;
	*at = copy;
}

void net_send(struct world *self, struct message *m)
{
	if (self->cut[m->from][m->to] || (int)(chance(self) % 100) < self->lost)
		return;
	fly(self, m);
	if ((int)(chance(self) % 100) < self->doubled)
		fly(self, m);
}

struct message *net_next(struct world *self)
{
	return self->flying;
}

void net_take(struct world *self, struct message *m)
{
	struct message **at = &self->flying;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

void net_forget(struct world *self, uint64_t conn)
{
	for (struct message **at = &self->flying; *at != NULL;) {
		struct message *m = *at;
		if (m->conn != conn) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		free(m);
	}
}

void net_free(struct world *self)
{
	while (self->flying != NULL) {
		struct message *m = self->flying;
		self->flying = m->next;
		free(m);
	}
}
