/* tests/unit/store/test_replay.c: a leader's store replayed into a follower's by pieces and marks
 * (replication.md R2). */
#include <stdlib.h>
#include "tests/unit/store/state_fixture.h"

struct pair {
	char dirs[2][64];
	struct state *leader, *follower;
	uint64_t epoch;
	uint32_t random;
};

static uint32_t dice(struct pair *pair, uint32_t sides)
{
	pair->random = pair->random * 1664525u + 1013904223u;
	return (pair->random >> 8) % sides;
}

static void pair_open(struct pair *pair, uint32_t seed)
{
	*pair = (struct pair){ .epoch = 1, .random = seed };
	fx_mkdir(pair->dirs[0]);
	fx_mkdir(pair->dirs[1]);
	pair->leader = fx_leader(pair->dirs[0], FX_MAP);
	pair->follower = fx_state(pair->dirs[1], FX_MAP);
}

static void pair_close(struct pair *pair)
{
	state_close(&pair->leader);
	state_close(&pair->follower);
	fx_rmdir(pair->dirs[0]);
	fx_rmdir(pair->dirs[1]);
}

/* WELCOME: the follower learns the leader's reign. */
static void follow(struct pair *pair)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_reign *reigns;
	size_t n;

	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	assert_int_equal(state_reigns(pair->leader, arena, &reigns, &n), CS_OK);
	assert_int_equal(state_set_allegiance(pair->follower, &reigns[n - 1]), CS_OK);
	pair->epoch = reigns[n - 1].epoch;
}

struct sent {
	struct cs_arena *arena;
	struct wire_piece piece;
	struct wire_mark mark;
	bool closing;
	uint8_t history[17];
};

static void sent_free(struct sent *sent)
{
	cs_arena_free(&sent->arena);
}

static void piece_from(struct pair *pair, uint64_t from, size_t max, struct sent *out)
{
	*out = (struct sent){ 0 };
	assert_int_equal(cs_arena_new(16 << 20, &out->arena), CS_OK);
	assert_int_equal(state_piece(pair->leader, from, max, out->arena, &out->piece,
	                         &out->closing, &out->mark),
	        CS_OK);
	snprintf((char *)out->history, sizeof(out->history), "history-%08u", (unsigned)pair->epoch);
	out->piece.epoch = pair->epoch;
	out->piece.history = (struct cs_bytes){ out->history, 16 };
}

static enum cs_err mark_apply(struct pair *pair, const struct wire_mark *mark)
{
	return state_apply_mark(pair->follower, mark, cs_bytes_of("encoded"));
}

static void assert_same(struct pair *pair)
{
	const struct state_facts a = fx_facts(pair->leader), b = fx_facts(pair->follower);

	assert_memory_equal(&a.position, &b.position, sizeof(a.position));
	assert_memory_equal(a.digest, b.digest, 32);
	assert_int_equal(a.objects, b.objects);
	assert_int_equal(a.floor, b.floor);
	assert_int_equal(state_verify(pair->follower), CS_OK);
}

/* Pieces up to the head and the mark; the leader may go on committing between pieces. */
static void sync_up(struct pair *pair, size_t max)
{
	uint64_t cursor;
	bool any;

	for (;;) {
		CS_AUTO(sent_free) struct sent sent = { 0 };
		assert_int_equal(state_staged(pair->follower, &cursor, &any), CS_OK);
		piece_from(pair, cursor, max, &sent);
		assert_int_equal(state_stage(pair->follower, &sent.piece), CS_OK);
		if (!sent.closing)
			continue;
		assert_int_equal(mark_apply(pair, &sent.mark), CS_OK);
		return;
	}
}

static void random_commit(struct pair *pair)
{
	static uint8_t payload[5000];
	struct state_change changes[4];
	char ids[4][16];
	const uint32_t n = 1 + dice(pair, 4);
	struct state_position position;

	for (uint32_t i = 0; i < n; i++) {
		const bool tombstone = dice(pair, 4) == 0;
		snprintf(ids[i], sizeof(ids[i]), "o%u", (unsigned)(dice(pair, 10) * 4 + i));
		payload[i] = (uint8_t)dice(pair, 256);
		changes[i] = (struct state_change){ OBJECT_SETTING, ids[i], tombstone,
			{ tombstone ? NULL : payload,
			        tombstone ? 0 : dice(pair, sizeof(payload)) } };
	}
	const struct state_write write = { .changes = changes, .count = n, .epoch = pair->epoch };
	assert_int_equal(state_commit(pair->leader, &write, 1, &position), CS_OK);
}

static void floor_commit(struct pair *pair, uint64_t seq)
{
	CS_AUTO(cs_buf_free) struct cs_buf floor = cs_buf_new(64);

	assert_int_equal(
	        wire_encode(&wire_floor_type, &(struct wire_floor){ .seq = seq }, &floor), CS_OK);
	assert_int_equal(
	        fx_put(pair->leader, pair->epoch, OBJECT_FLOOR, "floor", cs_buf_view(&floor)),
	        CS_OK);
}

/* One thing that can happen between two pieces. */
static void happen(struct pair *pair)
{
	uint64_t cursor;
	bool any;
	const struct state_facts follower = fx_facts(pair->follower),
	                         leader = fx_facts(pair->leader);

	switch (dice(pair, 12)) {
	case 0: /* the follower restarts: what was staged is gone, what was marked is not */
		fx_reopen(&pair->follower, pair->dirs[1], FX_MAP);
		assert_int_equal(state_staged(pair->follower, &cursor, &any), CS_OK);
		assert_false(any);
		assert_int_equal(cursor, follower.position.seq);
		break;
	case 1:
		if (follower.position.seq > leader.floor)
			floor_commit(pair, follower.position.seq);
		break;
	case 2:
		sync_up(pair, 1 + dice(pair, 20000));
		assert_same(pair);
		break;
	case 3: {
		CS_AUTO(sent_free) struct sent sent = { 0 };
		assert_int_equal(state_staged(pair->follower, &cursor, &any), CS_OK);
		piece_from(pair, cursor, 1 + dice(pair, 20000), &sent);
		assert_int_equal(state_stage(pair->follower, &sent.piece), CS_OK);
		break;
	}
	case 4: /* a promotion, now and then */
		if (dice(pair, 4) != 0)
			break;
		assert_int_equal(fx_begin(pair->leader, pair->epoch + 1,
		                         leader.position.seq + 1 + dice(pair, 2) * 1000),
		        CS_OK);
		pair->epoch++;
		random_commit(pair);
		follow(pair);
		break;
	default:
		random_commit(pair);
	}
}

static void random_histories_end_in_the_same_state(void **unused)
{
	(void)unused;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		struct pair pair;
		print_message("seed %u\n", seed);
		pair_open(&pair, seed);
		follow(&pair);
		random_commit(&pair);
		for (unsigned i = 0; i < 60; i++)
			happen(&pair);
		sync_up(&pair, 4096);
		assert_same(&pair);
		assert_int_equal(state_verify(pair.leader), CS_OK);
		pair_close(&pair);
	}
}

static void duplicates_and_gaps_are_refused(void **unused)
{
	(void)unused;
	struct pair pair;
	pair_open(&pair, 5);
	CS_AUTO(sent_free) struct sent first = { 0 }, second = { 0 };
	uint64_t cursor;
	bool any;

	follow(&pair);
	for (unsigned i = 0; i < 20; i++)
		random_commit(&pair);
	piece_from(&pair, 0, 1, &first);
	piece_from(&pair, first.piece.to, 1, &second);
	assert_int_equal(state_stage(pair.follower, &second.piece), CS_ECONFLICT);
	assert_int_equal(state_stage(pair.follower, &first.piece), CS_OK);
	assert_int_equal(state_stage(pair.follower, &first.piece), CS_ECONFLICT);
	assert_int_equal(state_stage(pair.follower, &second.piece), CS_OK);
	assert_int_equal(state_staged(pair.follower, &cursor, &any), CS_OK);
	assert_true(any);
	assert_int_equal(cursor, second.piece.to);
	assert_int_equal(state_inbox_drop(pair.follower), CS_OK);
	assert_int_equal(state_staged(pair.follower, &cursor, &any), CS_OK);
	assert_false(any);
	assert_int_equal(cursor, 0);
	sync_up(&pair, 4096);
	assert_same(&pair);
	pair_close(&pair);
}

static void pieces_of_another_reign_or_with_damage_are_refused(void **unused)
{
	(void)unused;
	struct pair pair;
	pair_open(&pair, 6);
	CS_AUTO(sent_free) struct sent sent = { 0 };

	assert_int_equal(
	        fx_put(pair.leader, 1, OBJECT_SETTING, "a", cs_bytes_of("payload")), CS_OK);
	piece_from(&pair, 0, 1 << 20, &sent);
	assert_int_equal(
	        state_stage(pair.follower, &sent.piece), CS_ECONFLICT); /* no allegiance yet */
	follow(&pair);
	struct wire_piece bad = sent.piece;
	bad.epoch = 2;
	assert_int_equal(state_stage(pair.follower, &bad), CS_ECONFLICT);
	bad = sent.piece;
	bad.history = cs_bytes_of("another-history!");
	assert_int_equal(state_stage(pair.follower, &bad), CS_ECONFLICT);
	struct wire_object object = sent.piece.objects.v[0];
	object.payload = cs_bytes_of("paylord");
	bad = sent.piece;
	bad.objects.v = &object;
	assert_int_equal(state_stage(pair.follower, &bad), CS_ECORRUPT);
	object = sent.piece.objects.v[0];
	object.seq = 2; /* outside (from, to] */
	assert_int_equal(state_stage(pair.follower, &bad), CS_EMALFORMED);
	assert_int_equal(state_stage(pair.follower, &sent.piece), CS_OK);
	assert_int_equal(mark_apply(&pair, &sent.mark), CS_OK);
	assert_same(&pair);
	pair_close(&pair);
}

/* Stages all, then tries MARK as BREAK_IT leaves it. */
static void refused(struct pair *pair, enum cs_err want,
        void (*break_it)(struct wire_mark *, struct wire_position *))
{
	CS_AUTO(sent_free) struct sent sent = { 0 };
	const struct state_facts before = fx_facts(pair->follower);

	piece_from(pair, before.position.seq, 1 << 20, &sent);
	assert_true(sent.closing);
	assert_int_equal(state_stage(pair->follower, &sent.piece), CS_OK);
	struct wire_position position = *sent.mark.position;
	struct wire_mark mark = sent.mark;
	mark.position = &position;
	break_it(&mark, &position);
	assert_int_equal(mark_apply(pair, &mark), want);
	const struct state_facts after = fx_facts(pair->follower);
	assert_memory_equal(&before.position, &after.position, sizeof(before.position));
	assert_memory_equal(before.digest, after.digest, 32);
	assert_int_equal(before.objects, after.objects);
	assert_int_equal(state_verify(pair->follower), CS_OK);
	assert_int_equal(state_inbox_drop(pair->follower), CS_OK);
}

static const uint8_t other[32] = "something else";

static void wrong_digest(struct wire_mark *mark, struct wire_position *position)
{
	(void)position;
	mark->digest = (struct cs_bytes){ other, 32 };
}

static void wrong_chain(struct wire_mark *mark, struct wire_position *position)
{
	(void)mark;
	position->chain = (struct cs_bytes){ other, 32 };
}

static void wrong_seq(struct wire_mark *mark, struct wire_position *position)
{
	mark->from++;
	position->seq++;
}

static void wrong_history(struct wire_mark *mark, struct wire_position *position)
{
	(void)mark;
	position->history = (struct cs_bytes){ other, 16 };
}

static void wrong_epoch(struct wire_mark *mark, struct wire_position *position)
{
	(void)position;
	mark->epoch++;
}

static void no_reigns(struct wire_mark *mark, struct wire_position *position)
{
	(void)position;
	mark->reigns.n = 0;
}

static void a_mark_that_does_not_fit_changes_nothing(void **unused)
{
	(void)unused;
	struct pair pair;
	pair_open(&pair, 7);

	follow(&pair);
	random_commit(&pair);
	sync_up(&pair, 4096);
	for (unsigned i = 0; i < 10; i++)
		random_commit(&pair);
	refused(&pair, CS_ECORRUPT, wrong_digest);
	refused(&pair, CS_ECORRUPT, wrong_chain);
	refused(&pair, CS_ECONFLICT, wrong_seq);
	refused(&pair, CS_ECONFLICT, wrong_history);
	refused(&pair, CS_ECONFLICT, wrong_epoch);
	refused(&pair, CS_EMALFORMED, no_reigns);
	sync_up(&pair, 4096);
	assert_same(&pair);
	pair_close(&pair);
}

static void an_altered_commit_log_is_refused(void **unused)
{
	(void)unused;
	struct pair pair;
	pair_open(&pair, 8);
	CS_AUTO(sent_free) struct sent sent = { 0 };

	follow(&pair);
	random_commit(&pair);
	sync_up(&pair, 4096);
	for (unsigned i = 0; i < 5; i++)
		random_commit(&pair);
	piece_from(&pair, 1, 1 << 20, &sent);
	struct wire_commit commits[5];
	memcpy(commits, sent.piece.commits.v, sizeof(commits));
	struct wire_piece piece = sent.piece;
	piece.commits.v = commits;
	commits[2].digest = (struct cs_bytes){ other, 32 };
	assert_int_equal(state_stage(pair.follower, &piece), CS_OK);
	assert_int_equal(mark_apply(&pair, &sent.mark), CS_ECORRUPT);
	assert_int_equal(state_inbox_drop(pair.follower), CS_OK);
	commits[2] = commits[3]; /* one is missing */
	commits[3] = commits[4];
	piece.commits.n = 4;
	assert_int_equal(state_stage(pair.follower, &piece), CS_OK);
	assert_int_equal(mark_apply(&pair, &sent.mark), CS_ECORRUPT);
	assert_int_equal(state_inbox_drop(pair.follower), CS_OK);
	sync_up(&pair, 4096);
	assert_same(&pair);
	pair_close(&pair);
}

static void the_mark_is_kept_and_may_come_again(void **unused)
{
	(void)unused;
	struct pair pair;
	pair_open(&pair, 9);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct cs_bytes mark;

	assert_int_equal(cs_arena_new(1 << 16, &arena), CS_OK);
	assert_int_equal(state_mark(pair.follower, arena, &mark), CS_OK);
	assert_int_equal(mark.n, 0);
	follow(&pair);
	random_commit(&pair);
	sync_up(&pair, 4096);
	sync_up(&pair, 4096); /* nothing new: an empty piece and the same mark */
	assert_same(&pair);
	fx_reopen(&pair.follower, pair.dirs[1], FX_MAP);
	assert_int_equal(state_mark(pair.follower, arena, &mark), CS_OK);
	assert_true(cs_bytes_equal(mark, cs_bytes_of("encoded")));
	pair_close(&pair);
}

static void a_change_of_history_drops_what_is_staged(void **unused)
{
	(void)unused;
	struct pair pair;
	pair_open(&pair, 10);
	CS_AUTO(sent_free) struct sent sent = { 0 };
	uint64_t cursor;
	bool any;

	follow(&pair);
	random_commit(&pair);
	piece_from(&pair, 0, 1 << 20, &sent);
	assert_int_equal(state_stage(pair.follower, &sent.piece), CS_OK);
	assert_int_equal(fx_begin(pair.leader, 2, 2), CS_OK);
	follow(&pair);
	assert_int_equal(state_staged(pair.follower, &cursor, &any), CS_OK);
	assert_false(any);
	assert_int_equal(mark_apply(&pair, &sent.mark), CS_ECONFLICT);
	random_commit(&pair);
	sync_up(&pair, 4096);
	assert_same(&pair);
	pair_close(&pair);
}

/* The follower holds commits that the new reign does not: only compare can bring it back. */
static void a_past_beyond_the_fork_takes_no_delta(void **unused)
{
	(void)unused;
	struct pair pair, old;
	pair_open(&pair, 11);
	pair_open(&old, 11);
	CS_AUTO(sent_free) struct sent sent = { 0 };

	follow(&pair);
	random_commit(&pair);
	random_commit(&old);
	random_commit(&old); /* seq 2 of history 1: lost by the promotion */
	assert_int_equal(fx_begin(pair.leader, 2, 2), CS_OK);
	pair.epoch = 2;
	random_commit(&pair);
	random_commit(&pair);
	struct state *mine = pair.follower;
	pair.follower = old.leader;
	follow(&pair);
	piece_from(&pair, 2, 1 << 20, &sent);
	assert_int_equal(state_stage(pair.follower, &sent.piece), CS_OK);
	assert_int_equal(mark_apply(&pair, &sent.mark), CS_ECONFLICT);
	assert_int_equal(fx_facts(pair.follower).position.seq, 2);
	pair.follower = mine;
	pair_close(&pair);
	pair_close(&old);
}

/* 3,000 objects of 4 KB in pieces of 256 KiB: more than memory stages, so the table takes part. */
static void a_large_first_load_comes_in_many_pieces(void **unused)
{
	(void)unused;
	enum { GROUP = 100 };
	struct pair pair;
	pair_open(&pair, 12);
	static uint8_t payload[4000];
	static char ids[GROUP][16];
	struct state_change changes[GROUP];
	struct state_position position;

	follow(&pair);
	for (unsigned i = 0; i < 3000; i += GROUP) {
		for (unsigned k = 0; k < GROUP; k++) {
			snprintf(ids[k], sizeof(ids[k]), "b%u", i + k);
			changes[k] = (struct state_change){ OBJECT_BUNDLE, ids[k], false,
				{ payload, sizeof(payload) } };
		}
		const struct state_write write = { .changes = changes, .count = GROUP, .epoch = 1 };
		assert_int_equal(state_commit(pair.leader, &write, 1, &position), CS_OK);
	}
	sync_up(&pair, CS_PIECE_MAX);
	assert_same(&pair);
	assert_int_equal(fx_facts(pair.follower).objects, 3000);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories_end_in_the_same_state),
		cmocka_unit_test(duplicates_and_gaps_are_refused),
		cmocka_unit_test(pieces_of_another_reign_or_with_damage_are_refused),
		cmocka_unit_test(a_mark_that_does_not_fit_changes_nothing),
		cmocka_unit_test(an_altered_commit_log_is_refused),
		cmocka_unit_test(the_mark_is_kept_and_may_come_again),
		cmocka_unit_test(a_change_of_history_drops_what_is_staged),
		cmocka_unit_test(a_past_beyond_the_fork_takes_no_delta),
		cmocka_unit_test(a_large_first_load_comes_in_many_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
