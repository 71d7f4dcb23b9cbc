/* A run: operations at their times, then the faults end and all must come together (I4). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/sim/sim.h"

#define SETTLE_MS 60000

static void say(const struct world *self, const char *what, int node)
{
	if (self->loud)
		printf("%8lld %s %c\n", (long long)self->now, what, node_names[node]);
}

static struct node *leader_of(struct world *self)
{
	struct node *found = NULL;

	for (int i = 0; i < NODES; i++) {
		struct node *n = &self->node[i];
		if (n->up && n->leader != NULL && leader_mode(n->leader) == LEADER_OK &&
		        (found == NULL ||
		                n->store.allegiance.epoch > found->store.allegiance.epoch))
			found = n;
	}
	return found;
}

/* Any that thinks it leads may be written to. */
static struct node *some_leader(struct world *self)
{
	struct node *n = &self->node[chance(self) % 2];

	return n->up && n->leader != NULL ? n : leader_of(self);
}

static void begin(struct world *self)
{
	const struct reign reign = { 1, ++self->histories, 0, 1, 0, 0 };
	const struct change first = { 0, false, ++self->value };

	for (int i = 0; i < NODES; i++) {
		self->node[i] = (struct node){ .world = self, .id = i, .heard_leader = -100000 };
		self->node[i].store.allegiance = reign;
		self->node[i].dialled = self->node[i].crash_in = -1;
	}
	store_begin_reign(&self->node[0].store, &reign);
	if (lead_commit(&self->node[0], &first, 1) != CS_OK)
		abort();
	for (int i = 0; i < NODES; i++)
		node_start(&self->node[i]);
}

static void crash_now(struct world *self, struct node *n)
{
	(void)self;
	if (n->up)
		node_stop(n);
}

static void disk_back(struct world *self, struct node *n, const struct store *disk)
{
	crash_now(self, n);
	n->store = *disk;
	node_record(n, DID_LOSE, NULL);
	node_start(n);
}

static void rot(struct world *self, struct node *n)
{
	struct object *o = &n->store.content.key[chance(self) % 6];

	if (n->store.allegiance.leader == (uint64_t)n->id || !o->there || o->tombstone)
		return;
	o->value += 1u << 30;
	n->store.rotten = true;
}

static void purge(struct world *self, uint64_t back)
{
	struct node *n = leader_of(self);

	if (n == NULL || n->store.at.seq <= back + 1)
		return;
	const struct change c = { KEY_FLOOR, false, n->store.at.seq - back };
	if (n->store.floor < c.value && lead_commit(n, &c, 1) != CS_OK)
		say(self, "no purge", n->id);
}

static void set_net(struct world *self, const struct op *op)
{
	self->lost = op->a;
	self->doubled = op->b;
	self->delay = op->n > 0 ? op->n : 1;
}

static void write_or_delete(struct world *self, const struct op *op)
{
	struct node *n = some_leader(self);

	if (n == NULL)
		return;
	if (op->verb == OP_DELETE && !n->store.content.key[op->a].there)
		return;
	lead_write(n, (unsigned)op->a, op->verb == OP_DELETE,
	        op->verb == OP_WRITE && op->n != 0 ? ACK_BACKUP : ACK_LOCAL);
	node_settle(n);
}

static void disk_op(struct world *self, const struct op *op, struct node *n)
{
	if (op->verb == OP_COPY && n->store.at.seq != 0) {
		n->copy = n->store;
		n->has_copy = true;
	} else if (op->verb == OP_RESTORE && n->has_copy) {
		n->has_copy = false;
		disk_back(self, n, &n->copy);
	} else if (op->verb == OP_LOSE && n->before.allegiance.epoch != 0 &&
	           n->before.at.seq != 0) {
		const struct store before = n->before;
		disk_back(self, n, &before);
	}
}

static void perform(struct world *self, const struct op *op)
{
	struct node *n = &self->node[op->a % NODES];

	switch (op->verb) {
	case OP_WRITE:
	case OP_DELETE:
		write_or_delete(self, op);
		break;
	case OP_PURGE:
		purge(self, (uint64_t)op->n);
		break;
	case OP_CRASH:
		if (op->n == 0)
			crash_now(self, n);
		else
			n->crash_in = op->n;
		break;
	case OP_START:
		if (!n->up)
			node_start(n);
		break;
	case OP_CUT:
		self->cut[op->a][op->b] = op->a != op->b;
		break;
	case OP_HEAL:
		memset(self->cut, 0, sizeof(self->cut));
		break;
	case OP_RESET:
		if (n->dialled >= 0)
			net_forget(self, n->conn);
		n->connected = false;
		follow(n, (struct follower_event){ .kind = FOLLOWER_LOST });
		break;
	case OP_FULL:
		n->store.full = op->n != 0;
		break;
	case OP_ROT:
		rot(self, n);
		break;
	case OP_PROMOTE:
		if (node_promote(n, op->n != 0))
			say(self, "promoted", n->id);
		break;
	case OP_NET:
		set_net(self, op);
		break;
	case OP_SKEW:
		n->skew += op->n;
		break;
	default:
		disk_op(self, op, n);
	}
}

static struct node *next_tick(struct world *self)
{
	struct node *found = NULL;

	for (int i = 0; i < NODES; i++)
		if (self->node[i].up && (found == NULL || self->node[i].tick_at < found->tick_at))
			found = &self->node[i];
	return found;
}

/* One message or one tick, whichever is first, if before UNTIL. */
static bool advance(struct world *self, int64_t until)
{
	struct message *m = net_next(self);
	struct node *n = next_tick(self);
	const int64_t at_m = m != NULL ? m->due : INT64_MAX,
	              at_n = n != NULL ? n->tick_at : INT64_MAX;

	if ((at_m < at_n ? at_m : at_n) > until) {
		self->now = until;
		return false;
	}
	if (at_m > at_n) {
		self->now = at_n;
		node_tick(n);
		return true;
	}
	self->now = at_m > self->now ? at_m : self->now;
	net_take(self, m);
	if (net_open(self, m->from, m->to) || self->node[m->to].up)
		node_receive(&self->node[m->to], m);
	free(m);
	return true;
}

static bool in_step(const struct node *n, const struct node *leader)
{
	return n->up && n->store.at.seq == leader->store.at.seq &&
	       n->store.at.chain == leader->store.at.chain &&
	       content_equal(&n->store.content, &leader->store.content) &&
	       n->published_at.chain == leader->store.at.chain &&
	       (n == leader || n->leader == NULL) && !n->store.rotten;
}

static bool settled(struct world *self, struct node **leader)
{
	*leader = leader_of(self);
	if (*leader == NULL)
		return false;
	for (int i = 0; i < NODES; i++)
		if (!in_step(&self->node[i], *leader))
			return false;
	return leader_in_sync_set((*leader)->leader, (*leader)->id == 0 ? "B" : "P");
}

static void end_faults(struct world *self)
{
	memset(self->cut, 0, sizeof(self->cut));
	self->lost = self->doubled = 0;
	self->delay = 20;
	for (int i = 0; i < NODES; i++) {
		struct node *n = &self->node[i];
		n->store.full = false;
		n->crash_in = -1;
		if (!n->up)
			node_start(n);
	}
}

static bool any_mode(const struct world *self, enum leader_mode mode)
{
	for (int i = 0; i < NODES; i++)
		if (self->node[i].leader != NULL && leader_mode(self->node[i].leader) == mode)
			return true;
	return false;
}

static bool lost_a_disk(const struct world *self)
{
	for (size_t i = 0; i < self->history.n; i++)
		if (self->history.v[i].what == DID_LOSE)
			return true;
	return false;
}

static void describe(const struct world *self, char *why, size_t size)
{
	size_t n = (size_t)snprintf(why, size, "I4 they do not come together:");

	for (int i = 0; i < NODES && n < size; i++) {
		const struct node *x = &self->node[i];
		n += (size_t)snprintf(why + n, size - n, " %c %s epoch %llu seq %llu served %llu;",
		        node_names[i],
		        x->leader != NULL     ? leader_mode_name(leader_mode(x->leader))
		        : x->follower != NULL ? follower_state_name(follower_state(x->follower))
		                              : "down",
		        (unsigned long long)x->store.allegiance.epoch,
		        (unsigned long long)x->store.at.seq,
		        (unsigned long long)x->published_at.seq);
	}
}

/* Only a disk that went back in time may end in a state that asks for a person. */
static enum outcome come_together(struct world *self, char *why, size_t size)
{
	struct node *leader = NULL;
	const int64_t end = self->now + SETTLE_MS;

	while (!settled(self, &leader) && self->now < end)
		if (!advance(self, self->now + 1000) && self->now >= end)
			break;
	if (settled(self, &leader)) {
		node_record(leader, DID_END, NULL);
		return OUTCOME_OK;
	}
	describe(self, why, size);
	if (lost_a_disk(self) && any_mode(self, LEADER_CONFLICT))
		return OUTCOME_CONFLICT;
	if (lost_a_disk(self) && (any_mode(self, LEADER_REGRESSED) || leader_of(self) == NULL))
		return OUTCOME_REGRESSED;
	return OUTCOME_BAD;
}

static void world_end(struct world *self)
{
	for (int i = 0; i < NODES; i++)
		node_stop(&self->node[i]);
	net_free(self);
	free(self->history.v);
}

enum outcome sim_run(const struct plan *plan, bool loud, char *why, size_t size)
{
	static struct world world;
	struct world *self = &world;

	world = (struct world){ .random = mix(plan->seed, 99), .delay = 20, .loud = loud };
	why[0] = '\0';
	begin(self);
	for (size_t i = 0; i < plan->count; i++) {
		while (advance(self, plan->ops[i].at))
			;
		if (loud)
			printf("%8lld operation %zu\n", (long long)self->now, i);
		perform(self, &plan->ops[i]);
		for (int k = 0; k < NODES; k++)
			node_settle(&self->node[k]);
	}
	end_faults(self);
	enum outcome out = come_together(self, why, size);
	char found[256];
	if (!history_check(&self->history, found, sizeof(found))) {
		snprintf(why, size, "%s", found);
		out = OUTCOME_BAD;
	}
	world_end(self);
	return out;
}
