/* A store that obeys the contract of store/db/state.h, with sums of small numbers for hashes. */
#include "tests/sim/store.h"
#include <string.h>

/* The rules that live in the store; core/rules.h has the others. */
#ifdef SIM_WITHOUT_DIGEST
#define RULE_DIGEST 0
#else
#define RULE_DIGEST 1 /* a MARK is stored only if the merged content has its digest */
#endif
#ifdef SIM_WITHOUT_CHAIN
#define RULE_CHAIN 0
#else
#define RULE_CHAIN 1 /* a position is a prefix only with the same chain */
#endif
#ifdef SIM_WITHOUT_FLOOR
#define RULE_STORE_FLOOR 0
#else
#define RULE_STORE_FLOOR 1 /* a position below the tombstone floor is compared */
#endif
#ifdef SIM_WITHOUT_WINNER
#define RULE_WINNER 0
#else
#define RULE_WINNER 1 /* the leader's version wins, even when the follower's seq is higher */
#endif
#ifdef SIM_WITHOUT_ABSENCE
#define RULE_ABSENCE 0
#else
#define RULE_ABSENCE 1 /* what a list lacks goes in the MARK's transaction only */
#endif

uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u + b + 0x7f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t envelope(unsigned key, const struct object *o)
{
	return mix(mix(mix(key + 1, o->seq), o->epoch * 2 + o->tombstone), o->value);
}

struct sums sums_of(const struct content *content)
{
	struct sums out = { { 0 } };

	for (unsigned k = 0; k < KEYS; k++)
		if (content->key[k].there)
			out.v[k % BUCKETS] += envelope(k, &content->key[k]);
	return out;
}

uint64_t digest_of(const struct content *content)
{
	const struct sums sums = sums_of(content);

	return sums.v[0] + sums.v[1] + sums.v[2] + sums.v[3];
}

static bool same_object(const struct object *a, const struct object *b)
{
	return a->there == b->there &&
	       (!a->there || (a->seq == b->seq && a->epoch == b->epoch &&
	                             a->tombstone == b->tombstone && a->value == b->value));
}

bool content_equal(const struct content *a, const struct content *b)
{
	for (unsigned k = 0; k < KEYS; k++)
		if (!same_object(&a->key[k], &b->key[k]))
			return false;
	return true;
}

static void drop_tombstones(struct store *self, uint64_t floor)
{
	for (unsigned k = 0; k < KEYS; k++) {
		struct object *o = &self->content.key[k];
		if (o->there && o->tombstone && o->seq <= floor)
			*o = (struct object){ 0 };
	}
	self->floor = floor;
}

static void log_add(struct store *self, struct commit c)
{
	if (self->commits == LOG_KEPT)
		memmove(self->log, self->log + 1, --self->commits * sizeof(c));
	self->log[self->commits++] = c;
}

static const struct commit *log_at(const struct store *self, uint64_t seq)
{
	for (size_t i = 0; i < self->commits; i++)
		if (self->log[i].seq == seq)
			return &self->log[i];
	return NULL;
}

static uint64_t chain_next(uint64_t chain, uint64_t history, uint64_t seq, uint64_t digest)
{
	return mix(mix(mix(chain, history), seq), digest);
}

enum cs_err store_commit(struct store *self, const struct change *changes, size_t count)
{
	const struct reign *reign = &self->reigns.v[self->reigns.n - 1];
	uint64_t digest = 0;

	if (self->full)
		return CS_EFULL;
	const uint64_t seq = self->at.seq + 1;
	for (size_t i = 0; i < count; i++) {
		const struct change *c = &changes[i];
		self->content.key[c->key] =
		        (struct object){ seq, reign->epoch, c->value, true, c->tombstone };
		digest = mix(mix(digest, c->key * 2u + c->tombstone), c->value);
		if (c->key == KEY_FLOOR)
			drop_tombstones(self, c->value);
	}
	self->at = (struct position){ reign->history, seq,
		chain_next(self->at.chain, reign->history, seq, digest) };
	log_add(self, (struct commit){ seq, digest, self->at.chain });
	return CS_OK;
}

void store_begin_reign(struct store *self, const struct reign *reign)
{
	self->reigns.v[self->reigns.n++] = *reign;
	self->allegiance = *reign;
}

static uint64_t last_of(const struct reigns *self, size_t i, uint64_t head)
{
	return i + 1 == self->n ? head : self->v[i + 1].parent_seq;
}

bool reigns_hold_position(const struct reigns *self, uint64_t history, uint64_t seq, uint64_t head)
{
	for (size_t i = 0; i < self->n; i++)
		if (self->v[i].history == history)
			return self->v[i].first <= seq && seq <= last_of(self, i, head);
	return false;
}

enum state_relation store_relate(const struct store *self, const struct position *at)
{
	const struct commit *c = log_at(self, at->seq);
	const bool own = at->history == self->at.history;
	const bool line = reigns_hold_position(&self->reigns, at->history, at->seq, self->at.seq);

	if (!line || (RULE_CHAIN && c != NULL && c->chain != at->chain))
		return own ? STATE_OWN_HISTORY_NO_PREFIX : STATE_OTHER;
	if (c == NULL || (RULE_STORE_FLOOR && at->seq < self->floor))
		return STATE_OTHER;
	return STATE_PREFIX;
}

static void mark_of(const struct store *self, struct mark *out)
{
	out->epoch = self->reigns.v[self->reigns.n - 1].epoch;
	out->at = self->at;
	out->reigns = self->reigns;
	out->digest = digest_of(&self->content);
}

void store_piece(const struct store *self, uint64_t from, struct piece *out, bool *closing,
        struct mark *mark)
{
	uint64_t to = self->at.seq;

	*out = (struct piece){ .from = from };
	for (size_t i = 0; i < self->commits; i++) {
		if (self->log[i].seq <= from || self->log[i].seq > to)
			continue;
		out->commit[out->commits++] = self->log[i];
		if (out->commits == PIECE_COMMITS)
			to = self->log[i].seq;
	}
	for (unsigned k = 0; k < KEYS; k++) {
		const struct object *o = &self->content.key[k];
		out->has[k] = o->there && o->seq > from && o->seq <= to;
		out->object[k] = *o;
	}
	out->to = to;
	*closing = to == self->at.seq;
	if (*closing)
		mark_of(self, mark);
}

void store_drop(struct store *self)
{
	self->any = false;
	self->pieces = 0;
	self->compare = (struct comparison){ 0 };
}

enum cs_err store_stage(struct store *self, const struct piece *piece)
{
	if (piece->from != (self->any ? self->cursor : self->at.seq))
		return CS_ECONFLICT;
	if (self->full || self->pieces == INBOX)
		return CS_EFULL;
	self->inbox[self->pieces++] = *piece;
	self->any = true;
	self->cursor = piece->to;
	return CS_OK;
}

static void merge_objects(struct content *content, const struct piece *p)
{
	for (unsigned k = 0; k < KEYS; k++)
		if (p->has[k])
			content->key[k] = p->object[k];
}

/* What was compared, in place: the leader's listed versions, and nothing else in these buckets. */
static void merge_comparison(struct store *self)
{
	for (unsigned k = 0; k < KEYS; k++) {
		struct object *o = &self->content.key[k];
		const struct object *l = &self->compare.list[k];
		if (!self->compare.listed[k] || same_object(o, l))
			continue;
		if (!RULE_WINNER && o->there && o->seq > l->seq)
			continue;
		*o = (struct object){ 0 };
	}
	for (unsigned k = 0; k < KEYS; k++) {
		struct object *o = &self->content.key[k];
		if (self->compare.got.has[k] &&
		        (RULE_WINNER || !o->there || o->seq <= self->compare.got.object[k].seq))
			*o = self->compare.got.object[k];
	}
	self->commits = 0;
	for (size_t i = 0; i < self->compare.got.commits; i++)
		log_add(self, self->compare.got.commit[i]);
}

static uint64_t history_of(const struct reigns *reigns, uint64_t seq)
{
	for (size_t i = reigns->n; i-- > 0;)
		if (reigns->v[i].first <= seq)
			return reigns->v[i].history;
	return 0;
}

static bool fold(struct store *self, const struct mark *mark, const struct commit *c, bool *blind)
{
	const uint64_t history = history_of(&mark->reigns, c->seq);
	const uint64_t chain =
	        *blind ? c->chain : chain_next(self->at.chain, history, c->seq, c->digest);

	*blind = false;
	self->at = (struct position){ history, c->seq, chain };
	log_add(self, *c);
	return !RULE_CHAIN || chain == c->chain;
}

static enum cs_err merge(struct store *self, const struct mark *mark)
{
	bool blind = self->at.seq == 0, good = true;

	if (self->compare.on) {
		const struct commit *last =
		        self->commits != 0 ? &self->log[self->commits - 1] : NULL;
		blind = last == NULL;
		if (last != NULL)
			self->at = (struct position){ history_of(&mark->reigns, last->seq),
				last->seq, last->chain };
	}
	for (size_t i = 0; i < self->pieces; i++) {
		merge_objects(&self->content, &self->inbox[i]);
		for (size_t k = 0; k < self->inbox[i].commits; k++)
			good = fold(self, mark, &self->inbox[i].commit[k], &blind) && good;
	}
	const struct object *floor = &self->content.key[KEY_FLOOR];
	drop_tombstones(self, floor->there ? floor->value : 0);
	good = good && (!RULE_CHAIN || self->at.chain == mark->at.chain);
	good = good && (!RULE_DIGEST || digest_of(&self->content) == mark->digest);
	self->at = mark->at;
	return good ? CS_OK : CS_ECORRUPT;
}

enum cs_err store_apply(struct store *self, const struct mark *mark)
{
	static struct store next;

	if (self->full)
		return CS_EFULL;
#ifdef SIM_WITHOUT_EPOCH /* then it is persisted here */
	self->allegiance = mark->reigns.v[mark->reigns.n - 1];
#endif
	if (mark->epoch != self->allegiance.epoch || mark->at.history != self->allegiance.history)
		return CS_ECONFLICT;
	if (mark->at.seq != (self->any ? self->cursor : self->at.seq))
		return CS_ECONFLICT;
	const bool prefix =
	        self->at.seq == 0 ||
	        reigns_hold_position(&mark->reigns, self->at.history, self->at.seq, mark->at.seq);
	if (!prefix && !self->compare.on)
		return CS_ECONFLICT;
	next = *self;
	if (next.compare.on)
		merge_comparison(&next);
	const enum cs_err rc = merge(&next, mark);
	if (rc != CS_OK)
		return rc;
	next.lost += prefix ? 0 : 1;
	next.reigns = mark->reigns;
	next.mark = mark->at;
	store_drop(&next);
	*self = next;
	return CS_OK;
}

void store_apply_bare(struct store *self)
{
	for (size_t i = 0; i < self->pieces; i++) {
		merge_objects(&self->content, &self->inbox[i]);
		for (size_t k = 0; k < self->inbox[i].commits; k++) {
			const struct commit *c = &self->inbox[i].commit[k];
			self->at = (struct position){ self->allegiance.history, c->seq, c->chain };
			log_add(self, *c);
		}
	}
	store_drop(self);
}

/* --- compare --- */

void store_compare(struct store *self, const struct sums *sums, uint64_t at)
{
	const struct sums own = sums_of(&self->content);

	store_drop(self);
	self->any = self->compare.on = self->compare.want_log = true;
	self->cursor = at;
	for (unsigned b = 0; b < BUCKETS; b++)
		if (own.v[b] != sums->v[b])
			self->compare.lists |= 1u << b;
}

enum cs_err store_list(
        struct store *self, unsigned bucket, const struct content *list, uint64_t sum)
{
	struct comparison *c = &self->compare;

	if ((c->lists >> bucket & 1) == 0 || sums_of(list).v[bucket] != sum)
		return CS_ECORRUPT;
	c->lists &= ~(1u << bucket);
	for (unsigned k = bucket; k < KEYS; k += BUCKETS) {
		c->listed[k] = true;
		c->list[k] = list->key[k];
		if (list->key[k].there && !same_object(&list->key[k], &self->content.key[k]))
			c->want |= 1u << k;
		if (!RULE_ABSENCE && !list->key[k].there)
			self->content.key[k] = (struct object){ 0 };
	}
	return CS_OK;
}

enum cs_err store_got(struct store *self, const struct piece *got, unsigned keys)
{
	struct comparison *c = &self->compare;

	if (self->full)
		return CS_EFULL;
	if (keys != c->want || (keys == 0 && !c->want_log))
		return CS_OK;
	for (unsigned k = 0; k < KEYS; k++)
		if (got->has[k]) {
			c->got.has[k] = true;
			c->got.object[k] = got->object[k];
		}
	if (c->want == 0) {
		memcpy(c->got.commit, got->commit, sizeof(got->commit));
		c->got.commits = got->commits;
		c->want_log = false;
	}
	c->want = 0;
	return CS_OK;
}

bool store_wants(const struct store *self)
{
	return self->compare.lists != 0 || self->compare.want != 0 || self->compare.want_log;
}
