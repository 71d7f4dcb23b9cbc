/* The sync set, release and what waiting commands are told (R3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "replicator/core/leader_own.h"
#include "replicator/core/rules.h"

/* A set that is in the store is the set: only the commit makes it true. */
void leader_sync_adopt(struct leader *self, struct wire_texts names, int64_t now)
{
	for (size_t i = 0; i < self->count; i++) {
		struct peer *p = &self->peers[i];
		bool in = false;
		for (size_t k = 0; k < names.n; k++)
			in = in || strcmp(names.v[k], p->name) == 0;
		if (in && p->sync != SYNC_IN)
			p->progress_at = now;
		if (in)
			p->sync = SYNC_IN;
		else if (p->sync == SYNC_IN)
			p->sync = SYNC_OUT;
	}
}

static void want(struct leader *self, const struct peer *with, const struct peer *without)
{
	if (self->syncset_busy)
		return;
	self->wanted_count = 0;
	for (size_t i = 0; i < self->count; i++) {
		const struct peer *p = &self->peers[i];
		if ((p->sync == SYNC_IN || p == with) && p != without)
			self->wanted[self->wanted_count++] = p->name;
	}
	leader_act(self, LEADER_COMMIT_SYNCSET, NULL);
	self->syncset_busy = true;
}

struct wire_texts leader_wanted_syncset(const struct leader *self)
{
	return (struct wire_texts){ self->wanted, self->wanted_count };
}

void leader_sync_leave(struct leader *self, struct peer *p)
{
	want(self, NULL, p);
}

/* Joining, step 1: a backup that is nearly there is waited for from now on. */
void leader_sync_stored(struct leader *self, struct peer *p, bool moved)
{
	if (p->role != ROLE_BACKUP || p->sync != SYNC_OUT || !peer_live(p) || !moved ||
	        p->digest_differs)
		return;
	if (self->mode == LEADER_OK && p->stored != 0 &&
	        p->stored + LEADER_JOIN_LAG >= self->head.seq)
		p->sync = SYNC_CLOSING;
}

/* Silent, or awake but not able to store: both would hold release up. */
static bool stuck(const struct leader *self, const struct peer *p, int64_t now)
{
	if (!p->allowed || p->role != ROLE_BACKUP || now - p->last_seen >= LEADER_SILENT_MS)
		return true;
	return peer_live(p) && p->stored < self->head.seq &&
	       now - p->progress_at >= LEADER_SILENT_MS;
}

static void review_members(struct leader *self, int64_t now)
{
	for (size_t i = 0; i < self->count; i++) {
		struct peer *p = &self->peers[i];
		if (p->sync == SYNC_OUT && p->stored == self->head.seq && !stuck(self, p, now))
			leader_sync_stored(self, p, true); /* it may have been out for our sake */
		if (p->sync == SYNC_OUT)
			continue;
		if (stuck(self, p, now) && p->sync == SYNC_CLOSING)
			p->sync = SYNC_OUT;
		else if (stuck(self, p, now))
			leader_sync_leave(self, p);
		else if (p->sync == SYNC_CLOSING && !peer_live(p))
			p->sync = SYNC_OUT;
		else if (p->sync == SYNC_CLOSING && p->stored >= self->released &&
		         p->stored >= self->answered)
			want(self, p, NULL); /* step 2 */
	}
}

static uint64_t safe_seq(const struct leader *self)
{
	uint64_t seq = self->head.seq;

	for (size_t i = 0; i < self->count && RULE_SYNC_SET; i++)
		if (self->peers[i].sync != SYNC_OUT && self->peers[i].stored < seq)
			seq = self->peers[i].stored;
	return seq;
}

/* Not while a set is being committed: leaving is durable before any later effect. It never falls.
 */
static void review_release(struct leader *self)
{
	const uint64_t seq = safe_seq(self);

	if (self->syncset_busy || seq <= self->released)
		return;
	self->released = seq;
	leader_act(self, LEADER_RELEASE, NULL)->seq = seq;
	leader_head_to_backups(self);
}

static void answer(struct leader *self, size_t i, enum cs_err err, const char *text)
{
	const struct leader_command c = self->commands[i];
	struct leader_action *a = leader_act(self, LEADER_ANSWER, NULL);

	a->id = c.id;
	a->seq = c.seq;
	a->err = err;
	snprintf(a->text, sizeof(a->text), "%s", text);
	if (err == CS_OK && c.seq > self->answered)
		self->answered = c.seq;
	self->commands[i] = self->commands[--self->waiting];
}

void leader_fail_commands(struct leader *self, enum cs_err err, const char *text)
{
	while (self->waiting > 0)
		answer(self, 0, err, text);
}

void leader_command_new(struct leader *self, const struct leader_command *command)
{
	struct leader_command *v = realloc(self->commands, (self->waiting + 1) * sizeof(*v));

	if (v == NULL) {
		self->out_of_memory = true;
		return;
	}
	self->commands = v;
	v[self->waiting++] = *command;
}

/* Mode backup: CS_OK, CS_EAGAIN (wait on: one is in the set, or was heard or has joined a moment
 * ago), CS_EPENDING (nobody to wait for). */
static enum cs_err held_by_backups(const struct leader *self, uint64_t seq, int64_t now)
{
	bool any = false, hope = false;

	for (size_t i = 0; i < self->count; i++) {
		const struct peer *p = &self->peers[i];
		hope = hope || (p->role == ROLE_BACKUP && p->allowed &&
		                       now - p->last_seen < LEADER_SILENT_MS);
		if (p->sync != SYNC_IN)
			continue;
		any = true;
		if (RULE_SYNC_SET && p->stored < seq)
			return CS_EAGAIN;
	}
	if (any)
		return CS_OK;
	return hope ? CS_EAGAIN : CS_EPENDING;
}

/* How many live nodes have it, this one among them; LACKS names the others. */
static size_t served_by(const struct leader *self, const struct leader_command *c, size_t *live,
        char *lacks, size_t size)
{
	size_t have = 0, n = 0;

	*live = 1;
	lacks[0] = '\0';
	if (c->watch_stored || self->self_served >= c->seq)
		have++;
	else
		n += (size_t)snprintf(lacks, size, " %s", self->self);
	for (size_t i = 0; i < self->count; i++) {
		const struct peer *p = &self->peers[i];
		if (!peer_live(p))
			continue;
		(*live)++;
		if ((c->watch_stored ? p->stored : p->served) >= c->seq)
			have++;
		else if (n < size)
			n += (size_t)snprintf(lacks + n, size - n, " %s", p->name);
	}
	return have;
}

static void review_command(struct leader *self, size_t i, int64_t now)
{
	const struct leader_command *c = &self->commands[i];
	char lacks[160], text[256];
	size_t live;

	if (c->mode == ACK_LOCAL) {
		answer(self, i, CS_OK, "");
		return;
	}
	if (c->mode == ACK_BACKUP) {
		const enum cs_err rc = held_by_backups(self, c->seq, now);
		if (rc == CS_OK)
			answer(self, i, CS_OK, "");
		else if (rc == CS_EPENDING || now >= c->deadline)
			answer(self, i, CS_EPENDING, "committed here, not on the backup");
		return;
	}
	const size_t have = served_by(self, c, &live, lacks, sizeof(lacks));
	const size_t need = c->mode == ACK_NODES && c->nodes != 0 ? c->nodes : live;
	if (have >= need) {
		answer(self, i, CS_OK, "");
	} else if (now >= c->deadline) {
		snprintf(text, sizeof(text), "%s by %zu of %zu nodes; not yet:%s",
		        c->watch_stored ? "stored" : "served", have, need,
		        lacks[0] != '\0' ? lacks : " (not connected)");
		answer(self, i, CS_EPENDING, text);
	}
}

void leader_sync_review(struct leader *self, int64_t now)
{
	review_members(self, now);
	review_release(self);
	if (self->syncset_busy)
		return;
	for (size_t i = self->waiting; i-- > 0;)
		review_command(self, i, now);
}
