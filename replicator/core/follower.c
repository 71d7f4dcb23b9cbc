#include "replicator/core/follower.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "replicator/core/rules.h"

#define ACTIONS_MAX                                                                                \
	64 /* one event makes a handful, and the driver takes them all before the next */
#define BACKOFF_FIRST_MS 200
#define BACKOFF_SOON_MS 2000
#define BACKOFF_LATE_MS 30000
#define SOON_MS 60000

struct follower {
	enum follower_state state;
	struct state_position position;
	struct follower_reign allegiance;
	size_t upstreams, leader, at;
	bool dialled, connected;
	bool comparing; /* what is stored here counts again with the next mark */
	bool compare_next; /* the next HELLO asks for it */
	uint64_t sid, cursor, head, loaded, served;
	uint64_t released, released_told; /* heard; passed on */
	unsigned failures, tries;
	int64_t dial_at, since, heard_at, status_at, behind_since, lost_at;
	struct follower_action actions[ACTIONS_MAX];
	size_t first, end;
};

const char *follower_state_name(enum follower_state state)
{
	static const char *const words[] = { "seek", "greet", "stage", "watching", "stopped",
		"lists" };
	return words[state];
}

enum cs_err follower_new(const struct state_position *position,
        const struct follower_reign *allegiance, int64_t now, struct follower **out)
{
	struct follower *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->position = *position;
	self->allegiance = *allegiance;
	self->cursor = position->seq;
	self->dial_at = self->lost_at = now;
	return CS_OK;
}

void follower_free(struct follower **self)
{
	free(*self);
	*self = NULL;
}

static struct follower_action *act(struct follower *self, enum follower_action_kind kind)
{
	assert(self->end < ACTIONS_MAX);
	struct follower_action *a = &self->actions[self->end++];

	*a = (struct follower_action){ .kind = kind, .sid = self->sid, .upstream = self->at };
	return a;
}

bool follower_take(struct follower *self, struct follower_action *out)
{
	if (self->first == self->end) {
		self->first = self->end = 0;
		return false;
	}
	*out = self->actions[self->first++];
	return true;
}

/* 0.2 s doubling to 2 s in the first minute after a loss, then to 30 s; half of it is chance. */
static int64_t backoff(const struct follower *self, uint64_t random, int64_t now)
{
	const int64_t most = now - self->lost_at < SOON_MS ? BACKOFF_SOON_MS : BACKOFF_LATE_MS;
	int64_t ms = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < self->tries && ms < most; i++)
		ms *= 2;
	ms = ms < most ? ms : most;
	return ms / 2 + (int64_t)(random % (uint64_t)(ms / 2 + 1));
}

static bool in_session(const struct follower *self)
{
	return self->state == FOLLOWER_STAGE || self->state == FOLLOWER_WATCHING ||
	       self->state == FOLLOWER_LISTS;
}

/* Leaves the upstream. Nothing of an unfinished transfer survives. NEXT: whom to dial. */
static void seek(struct follower *self, size_t next, uint64_t random, int64_t now)
{
	if (in_session(self)) {
		self->lost_at = now;
		self->tries = 0;
	}
	if (self->cursor != self->position.seq || self->comparing)
		act(self, FOLLOWER_DROP_INBOX);
	if (self->dialled)
		act(self, FOLLOWER_HANGUP);
	self->cursor = self->position.seq;
	self->state = FOLLOWER_SEEK;
	self->dialled = self->connected = self->comparing = false;
	self->at = next < self->upstreams ? next : 0;
	self->tries++;
	self->dial_at = now + backoff(self, random, now);
}

static size_t next_upstream(const struct follower *self)
{
	return self->upstreams != 0 ? (self->at + 1) % self->upstreams : 0;
}

static void bye(struct follower *self, const char *why, uint64_t random, int64_t now)
{
	if (self->connected)
		snprintf(act(self, FOLLOWER_SEND_BYE)->text, 256, "%s", why);
	seek(self, self->at, random, now);
}

static void alarm_set(struct follower *self, const char *text)
{
	snprintf(act(self, FOLLOWER_ALARM)->text, 256, "%s", text);
}

static void dial(struct follower *self, int64_t now)
{
	self->dialled = true;
	self->connected = false;
	self->since = now;
	act(self, FOLLOWER_DIAL);
}

/* What is stored does not count while a comparison has not ended with its mark. */
static void send_ack(struct follower *self)
{
	struct follower_action *a = act(self, FOLLOWER_SEND_ACK);

	a->seq = self->cursor;
	a->stored = self->comparing ? 0 : self->position.seq;
}

static void send_status(struct follower *self, int64_t now)
{
	if (!in_session(self))
		return;
	act(self, FOLLOWER_SEND_STATUS);
	if (self->state == FOLLOWER_STAGE)
		send_ack(self); /* again: the last one may be lost */
	self->status_at = now;
}

static void on_tick(struct follower *self, uint64_t random, int64_t now)
{
	if (self->state == FOLLOWER_SEEK) {
		if (!self->dialled && self->upstreams != 0 && now >= self->dial_at)
			dial(self, now);
		else if (self->dialled &&
		         now - self->since >= (self->at == self->leader ? FOLLOWER_DWELL_LEADER_MS
		                                                        : FOLLOWER_DWELL_MS))
			seek(self, next_upstream(self), random, now);
		return;
	}
	if (self->state == FOLLOWER_GREET && now - self->since >= FOLLOWER_WELCOME_MS) {
		seek(self, next_upstream(self), random, now);
		return;
	}
	if (self->state == FOLLOWER_STOPPED && now - self->since >= FOLLOWER_STOPPED_MS) {
		seek(self, next_upstream(self), random, now);
		return;
	}
	if (!in_session(self))
		return;
	if (now - self->heard_at >= FOLLOWER_SILENT_MS)
		seek(self, next_upstream(self), random, now);
	else if (self->state != FOLLOWER_WATCHING && self->behind_since != 0 &&
	         now - self->behind_since >= FOLLOWER_BEHIND_MS)
		bye(self, "nothing comes though I am behind", random, now);
	else if (now - self->status_at >= FOLLOWER_STATUS_MS)
		send_status(self, now);
}

static void on_connected(struct follower *self, uint64_t random, int64_t now)
{
	if (self->state != FOLLOWER_SEEK || !self->dialled)
		return;
	self->sid = random != 0 ? random : 1;
	self->state = FOLLOWER_GREET;
	self->since = self->heard_at = now;
	act(self, FOLLOWER_SEND_HELLO)->compare = self->compare_next;
}

/* Something is owed: pieces, or the mark of what is staged and released (it is held until then). */
static bool behind(const struct follower *self)
{
	return self->state != FOLLOWER_STAGE || self->head > self->cursor || self->comparing ||
	       (self->position.seq < self->cursor && self->released >= self->cursor);
}

/* A reign seen in a good session: higher and valid is persisted before anything is done under it.
 * False: not ours to obey. */
static bool obey(struct follower *self, const struct follower_reign *r, const void *ref)
{
	if (r->epoch > self->allegiance.epoch && r->valid) {
		self->allegiance = *r;
		if (RULE_EPOCH)
			act(self, FOLLOWER_ALLEGIANCE)->ref = ref;
		self->released = self->released_told = 0;
		act(self, FOLLOWER_RELEASED)->seq = 0;
		return true;
	}
	if (r->epoch != self->allegiance.epoch || r->epoch == 0)
		return false;
	if (memcmp(r->history, self->allegiance.history, 16) == 0)
		return true;
	alarm_set(self, "two nodes claim one epoch: staying with the first; end it with certspan "
	                "node promote --force");
	return false;
}

static void on_not_primary(struct follower *self, const struct follower_event *e, int64_t now)
{
	const bool news = e->reign.epoch > self->allegiance.epoch && e->reign.valid;

	if (news)
		obey(self, &e->reign, e->ref);
	/* The driver answers ALLEGIANCE with a new list of upstreams; the leader comes first then.
	 */
	seek(self,
	        self->at == self->leader || self->leader >= self->upstreams ? next_upstream(self)
	                                                                    : self->leader,
	        e->random, now);
}

static void stop(struct follower *self, const char *why, int64_t now)
{
	act(self, FOLLOWER_HANGUP);
	self->dialled = self->connected = false;
	self->state = FOLLOWER_STOPPED;
	self->since = now;
	alarm_set(self, why);
}

static void start_staging(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (!obey(self, &e->reign, e->ref) || e->cursor != self->position.seq) {
		bye(self, "not the reign that I follow", e->random, now);
		return;
	}
	act(self, FOLLOWER_DROP_INBOX);
	self->state = FOLLOWER_STAGE;
	self->connected = true;
	self->cursor = e->cursor;
	self->head = e->head;
	self->behind_since = e->head > e->cursor ? now : 0;
	self->tries = 0;
	send_status(self, now);
}

/* Everything that differs is staged beside what is there; the next mark puts it in place. */
static void start_comparing(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (!obey(self, &e->reign, e->ref)) {
		bye(self, "not the reign that I follow", e->random, now);
		return;
	}
	act(self, FOLLOWER_DROP_INBOX);
	self->state = FOLLOWER_LISTS;
	self->connected = self->comparing = true;
	self->cursor = self->head = e->cursor;
	self->behind_since = now;
	alarm_set(self, "this node's store is compared with the primary's and repaired");
	act(self, FOLLOWER_DO_COMPARE)->ref = e->ref;
	send_status(self, now);
}

static void on_welcome(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (self->state != FOLLOWER_GREET)
		return;
	switch (e->welcome) {
	case WELCOME_DELTA:
		start_staging(self, e, now);
		break;
	case WELCOME_NOT_PRIMARY:
		on_not_primary(self, e, now);
		break;
	case WELCOME_REVOKED:
		stop(self,
		        "the primary refuses this node: it is revoked or its enrolment has ended; "
		        "join it again",
		        now);
		break;
	case WELCOME_UPGRADE:
		stop(self,
		        "the primary speaks another version of the protocol; upgrade the older of "
		        "both",
		        now);
		break;
	case WELCOME_COMPARE:
		start_comparing(self, e, now);
		break;
	case WELCOME_AHEAD:
		self->state = FOLLOWER_WATCHING;
		self->connected = true;
		alarm_set(self,
		        "this node holds more than the primary: it keeps serving what it has");
		send_status(self, now);
		break;
	default:
		seek(self, next_upstream(self), e->random, now);
	}
}

/* Numbers of another history say nothing about what is stored here. */
static void tell_released(struct follower *self)
{
	if (self->comparing || self->released <= self->released_told ||
	        memcmp(self->position.history, self->allegiance.history, 16) != 0)
		return;
	self->released_told = self->released;
	act(self, FOLLOWER_RELEASED)->seq = self->released;
}

static void failed(
        struct follower *self, const char *what, const struct follower_event *e, int64_t now)
{
	char text[256];

	self->failures++;
	if ((e->err == CS_ECORRUPT || e->err == CS_ECONFLICT) && self->failures >= 2)
		self->compare_next = true;
	snprintf(text, sizeof(text), "%s: %s", what, cs_err_text(e->err));
	if (self->failures >= 2 || e->err == CS_EFULL)
		alarm_set(self, text);
	act(self, FOLLOWER_DROP_INBOX);
	bye(self, text, e->random, now);
}

static void on_piece(struct follower *self, const struct follower_event *e, int64_t now)
{
	const bool ours = e->epoch == self->allegiance.epoch &&
	                  memcmp(e->history, self->allegiance.history, 16) == 0;

	if (self->state != FOLLOWER_STAGE)
		return;
	if (!ours || e->from != self->cursor || e->to < e->from) {
		bye(self, "a gap in the pieces", e->random, now);
		return;
	}
	act(self, FOLLOWER_DO_STAGE)->ref = e->ref;
}

static void on_staged(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (e->err != CS_OK) {
		failed(self, "a piece could not be staged", e, now);
		return;
	}
	self->cursor = e->to;
	self->behind_since = now;
	send_ack(self);
	if (!RULE_MARK)
		act(self, FOLLOWER_DO_APPLY);
}

static void on_list(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (self->state != FOLLOWER_LISTS)
		return;
	if (e->epoch != self->allegiance.epoch ||
	        memcmp(e->history, self->allegiance.history, 16) != 0) {
		bye(self, "a list of another reign", e->random, now);
		return;
	}
	act(self, FOLLOWER_DO_LIST)->ref = e->ref;
}

static void on_compared(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (self->state != FOLLOWER_LISTS)
		return;
	if (e->err == CS_EUNSUPPORTED && self->compare_next) {
		self->compare_next = false; /* it asked for what it cannot do: back to following */
		bye(self, "this node cannot compare", e->random, now);
		return;
	}
	if (e->err == CS_EUNSUPPORTED) {
		self->state = FOLLOWER_WATCHING;
		alarm_set(self, "this node's past is not a part of the primary's: it keeps serving "
		                "what it has");
		return;
	}
	if (e->err != CS_OK) {
		failed(self, "the comparison failed", e, now);
		return;
	}
	self->behind_since = now;
	if (e->more) {
		act(self, FOLLOWER_SEND_GET);
		return;
	}
	self->state = FOLLOWER_STAGE;
	send_ack(self);
}

static void on_mark(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (self->state != FOLLOWER_STAGE)
		return;
	if (e->epoch != self->allegiance.epoch || e->from != self->cursor ||
	        e->to != self->cursor || !e->valid) {
		if (++self->failures >= 2)
			self->compare_next = true;
		if (!e->valid)
			alarm_set(self, "a mark with a bad signature came from the primary");
		bye(self, e->valid ? "a mark that closes nothing" : "a mark with a bad signature",
		        e->random, now);
		return;
	}
	act(self, FOLLOWER_DO_APPLY)->ref = e->ref;
}

static void on_applied(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (e->err != CS_OK) {
		failed(self, "the primary's mark could not be stored", e, now);
		return;
	}
	self->position = e->position;
	self->cursor = e->position.seq;
	self->behind_since = now;
	if (self->failures != 0 || self->comparing)
		alarm_set(self, "");
	if (self->comparing)
		act(self, FOLLOWER_RESTART_VIEW);
	self->failures = 0;
	self->comparing = self->compare_next = false;
	tell_released(self);
	send_ack(self);
}

static void on_head(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (e->reign.epoch > self->allegiance.epoch) {
		if (obey(self, &e->reign, e->ref))
			seek(self, self->leader, e->random, now);
		return;
	}
	if (e->reign.epoch < self->allegiance.epoch ||
	        memcmp(e->reign.history, self->allegiance.history, 16) != 0)
		return;
	if (e->drift && self->state == FOLLOWER_STAGE && !self->comparing) {
		self->compare_next = true;
		alarm_set(self, "drift: this node's content is not the primary's at the same "
		                "position; it is compared and repaired");
		bye(self, "drift", e->random, now);
		return;
	}
	self->head = e->to > self->head ? e->to : self->head;
	self->released = e->released > self->released ? e->released : self->released;
	tell_released(self);
	if (!behind(self))
		self->behind_since = 0;
	else if (self->behind_since == 0)
		self->behind_since = now;
}

static void on_progress(struct follower *self, const struct follower_event *e)
{
	const bool moved = e->loaded != self->loaded || e->served != self->served;

	self->loaded = e->loaded;
	self->served = e->served;
	if (moved && self->state == FOLLOWER_STAGE)
		send_ack(self);
}

static void on_upstreams(struct follower *self, const struct follower_event *e)
{
	self->upstreams = e->count;
	self->leader = e->leader;
	if (!self->dialled)
		self->at = e->leader < e->count ? e->leader : 0;
}

/* What came from an upstream: only in its session. */
static void on_message(struct follower *self, const struct follower_event *e, int64_t now)
{
	if (e->sid != self->sid || self->state == FOLLOWER_SEEK || self->state == FOLLOWER_STOPPED)
		return;
	self->heard_at = now;
	switch (e->kind) {
	case FOLLOWER_WELCOME:
		on_welcome(self, e, now);
		break;
	case FOLLOWER_PIECE:
		on_piece(self, e, now);
		break;
	case FOLLOWER_MARK:
		on_mark(self, e, now);
		break;
	case FOLLOWER_HEAD:
		on_head(self, e, now);
		break;
	case FOLLOWER_LIST:
		on_list(self, e, now);
		break;
	default:
		seek(self, self->at, e->random, now); /* BYE */
	}
}

void follower_step(struct follower *self, const struct follower_event *event, int64_t now)
{
	switch (event->kind) {
	case FOLLOWER_UPSTREAMS:
		on_upstreams(self, event);
		break;
	case FOLLOWER_TICK:
		on_tick(self, event->random, now);
		break;
	case FOLLOWER_CONNECTED:
		on_connected(self, event->random, now);
		break;
	case FOLLOWER_LOST:
		if (self->state != FOLLOWER_SEEK && self->state != FOLLOWER_STOPPED)
			seek(self, self->at, event->random, now);
		break;
	case FOLLOWER_STAGED:
		on_staged(self, event, now);
		break;
	case FOLLOWER_APPLIED:
		on_applied(self, event, now);
		break;
	case FOLLOWER_COMPARED:
		on_compared(self, event, now);
		break;
	case FOLLOWER_PROGRESS:
		on_progress(self, event);
		break;
	case FOLLOWER_STATUS_DUE:
		send_status(self, now);
		break;
	default:
		on_message(self, event, now);
	}
}

enum follower_state follower_state(const struct follower *self)
{
	return self->state;
}

bool follower_connected(const struct follower *self)
{
	return self->connected;
}

size_t follower_upstream(const struct follower *self)
{
	return self->at;
}

uint64_t follower_staged(const struct follower *self)
{
	return self->cursor;
}

uint64_t follower_heard(const struct follower *self)
{
	return self->head;
}

const struct follower_reign *follower_allegiance(const struct follower *self)
{
	return &self->allegiance;
}
