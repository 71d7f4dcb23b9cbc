/* Plans: from a file (one operation a line), or made up from a seed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/sim/sim.h"

const char node_names[NODES + 1] = "PBTU";

/* What each operation takes: n a node, k a key, i a number, m a mode (0 local, 1 backup). */
static const struct {
	const char *word, *takes;
} verbs[VERBS] = {
	[OP_WRITE] = { "write", "ki" },
	[OP_DELETE] = { "delete", "k" },
	[OP_PURGE] = { "purge", "i" },
	[OP_CRASH] = { "crash", "ni" },
	[OP_START] = { "start", "n" },
	[OP_CUT] = { "cut", "nn" },
	[OP_HEAL] = { "heal", "" },
	[OP_RESET] = { "reset", "n" },
	[OP_FULL] = { "full", "ni" },
	[OP_ROT] = { "rot", "n" },
	[OP_COPY] = { "copy", "n" },
	[OP_RESTORE] = { "restore", "n" },
	[OP_LOSE] = { "lose", "n" },
	[OP_PROMOTE] = { "promote", "ni" },
	[OP_NET] = { "net", "iii" },
	[OP_SKEW] = { "skew", "ni" },
};
static const char *const outcomes[] = { "ok", "regressed", "conflict" };

int node_by_name(const char *name)
{
	const char *at = strchr(node_names, name[0]);

	return at != NULL && name[0] != '\0' ? (int)(at - node_names) : -1;
}

static void add(struct plan *self, struct op op)
{
	self->ops = realloc(self->ops, (self->count + 1) * sizeof(op));
	if (self->ops == NULL)
		abort();
	size_t i = self->count++;
	for (; i > 0 && self->ops[i - 1].at > op.at; i--)
		self->ops[i] = self->ops[i - 1];
	self->ops[i] = op;
}

void plan_free(struct plan *self)
{
	free(self->ops);
	*self = (struct plan){ 0 };
}

/* --- files --- */

static enum cs_err op_read(struct plan *self, int64_t at, const char *word, char **rest)
{
	struct op op = { .at = at, .verb = VERBS };
	int *slots[] = { &op.a, &op.b, &op.n };
	size_t slot = 0;

	for (int v = 0; v < VERBS; v++)
		if (strcmp(verbs[v].word, word) == 0)
			op.verb = (enum verb)v;
	if (op.verb == VERBS)
		return CS_EMALFORMED;
	for (const char *t = verbs[op.verb].takes; *t != '\0'; t++, slot++) {
		const char *arg = strtok_r(NULL, " ", rest);
		if (arg == NULL)
			return CS_EMALFORMED;
		if (*t == 'i' && t[1] == '\0')
			slot = 2;
		*slots[slot] = *t == 'n'   ? node_by_name(arg)
		               : *t == 'k' ? arg[0] - 'a'
		                           : (int)strtol(arg, NULL, 10);
		if (*slots[slot] < 0)
			return CS_EMALFORMED;
	}
	add(self, op);
	return CS_OK;
}

static enum cs_err line_read(struct plan *self, char *line)
{
	char *rest = NULL;

	line[strcspn(line, "#\n")] = '\0';
	const char *first = strtok_r(line, " ", &rest);
	if (first == NULL)
		return CS_OK;
	const char *second = strtok_r(NULL, " ", &rest);
	if (second == NULL)
		return CS_EMALFORMED;
	if (strcmp(first, "seed") == 0) {
		self->seed = strtoull(second, NULL, 10);
		return CS_OK;
	}
	if (strcmp(first, "expect") == 0) {
		for (size_t i = 0; i < CS_COUNT(outcomes); i++)
			if (strcmp(outcomes[i], second) == 0)
				self->expect = (enum outcome)i;
		return CS_OK;
	}
	return op_read(self, strtoll(first, NULL, 10), second, &rest);
}

enum cs_err plan_read(const char *path, struct plan *out)
{
	char line[256];
	const char *name = strrchr(path, '/');
	FILE *f = fopen(path, "re");
	int number = 0;

	*out = (struct plan){ .seed = 1 };
	snprintf(out->name, sizeof(out->name), "%s", name != NULL ? name + 1 : path);
	if (f == NULL)
		return CS_ENOTFOUND;
	while (fgets(line, sizeof(line), f) != NULL) {
		number++;
		if (line_read(out, line) == CS_OK)
			continue;
		fprintf(stderr, "%s:%d: not an operation\n", path, number);
		fclose(f);
		return CS_EMALFORMED;
	}
	fclose(f);
	return CS_OK;
}

void plan_print(const struct plan *self)
{
	printf("seed %llu\n", (unsigned long long)self->seed);
	for (size_t i = 0; i < self->count; i++) {
		const struct op *op = &self->ops[i];
		const char *t = verbs[op->verb].takes;
		const int args[] = { op->a, op->b, op->n };
		printf("%lld %s", (long long)op->at, verbs[op->verb].word);
		for (size_t slot = 0; *t != '\0'; t++, slot++) {
			if (*t == 'i' && t[1] == '\0')
				slot = 2;
			if (*t == 'n')
				printf(" %c", node_names[args[slot]]);
			else if (*t == 'k')
				printf(" %c", 'a' + args[slot]);
			else
				printf(" %d", args[slot]);
		}
		printf("\n");
	}
}

/* --- made up --- */

struct maker {
	struct plan *plan;
	uint64_t random;
	int64_t at;
	unsigned profile;
};
enum { LOSSES = 1, FORCE = 2, ROT = 4, NOISE = 8, FULL = 16, SKEW = 32 };

static unsigned pick(struct maker *self, unsigned n)
{
	self->random = mix(self->random, 77);
	return (unsigned)(self->random % n);
}

static void make(struct maker *self, int64_t later, enum verb verb, int a, int b, int n)
{
	add(self->plan, (struct op){ self->at + later, verb, a, b, n });
}

static void make_write(struct maker *self)
{
	if (pick(self, 6) == 0)
		make(self, 0, OP_DELETE, (int)pick(self, 6), 0, 0);
	else
		make(self, 0, OP_WRITE, (int)pick(self, 6), 0, (int)pick(self, 3) != 0);
}

static void make_crash(struct maker *self, int node)
{
	make(self, 0, OP_CRASH, node, 0, (int)pick(self, 12));
	make(self, 100 + pick(self, 8000), OP_START, node, 0, 0);
}

static void make_cut(struct maker *self)
{
	const int a = (int)pick(self, NODES), b = (int)pick(self, NODES);

	make(self, 0, OP_CUT, a, b, 0);
	if (pick(self, 2) != 0)
		make(self, 0, OP_CUT, b, a, 0);
	make(self, 200 + pick(self, 20000), OP_HEAL, 0, 0, 0);
}

/* The leader dies or is cut off, its backup takes over. */
static void make_promotion(struct maker *self)
{
	const int old = (int)pick(self, 2), force = (self->profile & FORCE) && pick(self, 2);
	const int64_t wait = force ? pick(self, 6000) : 15500 + pick(self, 3000);

	if (pick(self, 2) == 0) {
		make(self, 0, OP_CRASH, old, 0, (int)pick(self, 12));
		make(self, wait + pick(self, 5000), OP_START, old, 0, 0);
	} else {
		for (int i = 0; i < NODES; i++) {
			make(self, 0, OP_CUT, i, old, 0);
			make(self, 0, OP_CUT, old, i, 0);
		}
		make(self, wait + 500 + pick(self, 5000), OP_HEAL, 0, 0, 0);
	}
	for (int k = 0; k < 3; k++)
		make(self, pick(self, 3000), OP_WRITE, (int)pick(self, 6), 0, 1);
	make(self, wait, OP_PROMOTE, 1 - old, 0, force);
	if (pick(self, 2) != 0)
		self->at += wait;
}

static void make_fault(struct maker *self)
{
	const int node = (int)pick(self, NODES);

	switch (pick(self, 9)) {
	case 0:
		make_cut(self);
		break;
	case 1:
		make(self, 0, OP_RESET, node, 0, 0);
		break;
	case 2:
		make(self, 0, OP_PURGE, 0, 0, (int)pick(self, 5));
		break;
	case 3:
		make_promotion(self);
		break;
	case 4:
		if (self->profile & FULL) {
			make(self, 0, OP_FULL, node, 0, 1);
			make(self, pick(self, 9000), OP_FULL, node, 0, 0);
		}
		break;
	case 5:
		if (self->profile & ROT)
			make(self, 0, OP_ROT, 1 + (int)pick(self, NODES - 1), 0, 0);
		break;
	case 6:
		if (self->profile & LOSSES) {
			make(self, 0, pick(self, 2) ? OP_COPY : OP_LOSE, node, 0, 0);
			make(self, 500 + pick(self, 9000), OP_RESTORE, node, 0, 0);
		}
		break;
	case 7:
		if (self->profile & SKEW)
			make(self, 0, OP_SKEW, node, 0, (int)pick(self, 3600000));
		break;
	default:
		make_crash(self, node);
	}
}

void plan_random(uint64_t seed, struct plan *out)
{
	struct maker self = { .plan = out, .random = mix(seed, 1), .at = 2000 };

	*out = (struct plan){ .seed = seed };
	snprintf(out->name, sizeof(out->name), "seed %llu", (unsigned long long)seed);
	self.profile = pick(&self, 64) & pick(&self, 64);
	if (self.profile & NOISE)
		make(&self, 0, OP_NET, (int)pick(&self, 12), (int)pick(&self, 8),
		        1 + (int)pick(&self, 400));
	for (unsigned n = 30 + pick(&self, 60); n > 0; n--) {
		self.at += 20 + pick(&self, pick(&self, 4) == 0 ? 3000 : 300);
		if (pick(&self, 3) != 0)
			make_write(&self);
		else
			make_fault(&self);
	}
}
