#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "replicator/core/follower.h"
#include "replicator/core/view.h"

static const uint8_t H[16] = { 1 }, OTHER[16] = { 2 };
static struct follower_action acts[64];
static size_t n_acts;

static void step(struct follower *f, struct follower_event e, int64_t now)
{
	n_acts = 0;
	if (e.random == 0)
		e.random = 77;
	follower_step(f, &e, now);
	while (follower_take(f, &acts[n_acts]))
		n_acts++;
}

static const struct follower_action *did(enum follower_action_kind kind)
{
	for (size_t i = 0; i < n_acts; i++)
		if (acts[i].kind == kind)
			return &acts[i];
	return NULL;
}

static struct follower_reign reign(uint64_t epoch, const uint8_t *history, bool valid)
{
	struct follower_reign r = { .epoch = epoch, .valid = valid };

	memcpy(r.history, history, 16);
	return r;
}

static struct follower *follower_at(uint64_t seq)
{
	struct follower *f;
	const struct state_position p = { .seq = seq, .history = { 1 } };
	const struct follower_reign r = reign(1, H, true);

	assert_int_equal(follower_new(&p, &r, 0, &f), CS_OK);
	step(f, (struct follower_event){ .kind = FOLLOWER_UPSTREAMS, .count = 2, .leader = 0 }, 0);
	return f;
}

static void welcome(
        struct follower *f, uint32_t kind, struct follower_reign r, uint64_t cursor, int64_t now)
{
	step(f,
	        (struct follower_event){ .kind = FOLLOWER_WELCOME,
	                .sid = 77,
	                .welcome = kind,
	                .reign = r,
	                .cursor = cursor,
	                .head = cursor },
	        now);
}

static struct follower *greeting_at(uint64_t seq)
{
	struct follower *f = follower_at(seq);

	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 0);
	assert_int_equal(did(FOLLOWER_DIAL)->upstream, 0);
	step(f, (struct follower_event){ .kind = FOLLOWER_CONNECTED }, 0);
	assert_int_equal(did(FOLLOWER_SEND_HELLO)->sid, 77);
	return f;
}

static struct follower *staging_at(uint64_t seq)
{
	struct follower *f = greeting_at(seq);

	welcome(f, WELCOME_DELTA, reign(1, H, true), seq, 0);
	assert_int_equal(follower_state(f), FOLLOWER_STAGE);
	assert_non_null(did(FOLLOWER_SEND_ACK));
	return f;
}

static void piece(struct follower *f, uint64_t sid, uint64_t epoch, const uint8_t *h, uint64_t from,
        uint64_t to, int64_t now)
{
	step(f,
	        (struct follower_event){ .kind = FOLLOWER_PIECE,
	                .sid = sid,
	                .epoch = epoch,
	                .history = h,
	                .from = from,
	                .to = to },
	        now);
}

static void staged(struct follower *f, enum cs_err err, uint64_t to, int64_t now)
{
	step(f, (struct follower_event){ .kind = FOLLOWER_STAGED, .err = err, .to = to }, now);
}

static void mark(struct follower *f, uint64_t from, bool valid, int64_t now)
{
	step(f,
	        (struct follower_event){ .kind = FOLLOWER_MARK,
	                .sid = 77,
	                .epoch = 1,
	                .from = from,
	                .to = from,
	                .valid = valid },
	        now);
}

static void pieces_are_staged_and_a_mark_applies_them(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	piece(f, 77, 1, H, 3, 5, 1);
	assert_non_null(did(FOLLOWER_DO_STAGE));
	staged(f, CS_OK, 5, 1);
	assert_int_equal(did(FOLLOWER_SEND_ACK)->seq, 5);
	mark(f, 5, true, 2);
	assert_non_null(did(FOLLOWER_DO_APPLY));
	step(f, (struct follower_event){ .kind = FOLLOWER_APPLIED, .position = { .seq = 5 } }, 2);
	assert_int_equal(did(FOLLOWER_SEND_ACK)->seq, 5);
	assert_int_equal(follower_staged(f), 5);
}

static void only_its_own_session_and_reign_count(void **state)
{
	static const struct {
		uint64_t sid, epoch;
		const uint8_t *history;
		uint64_t from;
		bool session_lives;
		const char *why;
	} table[] = {
		{ 76, 1, H, 3, true, "a piece of an old session is not looked at" },
		{ 77, 0, H, 3, false, "nor one of a lower epoch" },
		{ 77, 1, OTHER, 3, false, "nor one of another history" },
		{ 77, 1, H, 2, false, "a gap ends the session" },
	};

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(follower_free) struct follower *f = staging_at(3);
		piece(f, table[i].sid, table[i].epoch, table[i].history, table[i].from, 9, 1);
		if (did(FOLLOWER_DO_STAGE) != NULL ||
		        (follower_state(f) == FOLLOWER_STAGE) != table[i].session_lives)
			fail_msg("%s", table[i].why);
	}
}

static void a_mark_without_a_good_signature_is_refused(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	mark(f, 3, false, 1);
	assert_null(did(FOLLOWER_DO_APPLY));
	assert_non_null(did(FOLLOWER_ALARM));
	assert_non_null(did(FOLLOWER_SEND_BYE));
	assert_int_equal(follower_state(f), FOLLOWER_SEEK);
}

static void a_broken_transfer_leaves_nothing_behind(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	piece(f, 77, 1, H, 3, 5, 1);
	staged(f, CS_OK, 5, 1);
	step(f, (struct follower_event){ .kind = FOLLOWER_LOST }, 2);
	assert_non_null(did(FOLLOWER_DROP_INBOX));
	assert_non_null(did(FOLLOWER_HANGUP));
	assert_int_equal(follower_staged(f), 3);
}

static void the_second_failure_in_a_row_is_an_alarm(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	piece(f, 77, 1, H, 3, 5, 1);
	staged(f, CS_ECORRUPT, 5, 1);
	assert_null(did(FOLLOWER_ALARM));
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 5000);
	step(f, (struct follower_event){ .kind = FOLLOWER_CONNECTED }, 5000);
	welcome(f, WELCOME_DELTA, reign(1, H, true), 3, 5000);
	piece(f, 77, 1, H, 3, 5, 5001);
	staged(f, CS_ECORRUPT, 5, 5001);
	assert_non_null(did(FOLLOWER_ALARM));
}

static void a_higher_reign_is_persisted_before_it_is_followed(void **state)
{
	CS_AUTO(follower_free) struct follower *f = greeting_at(3);

	(void)state;
	welcome(f, WELCOME_DELTA, reign(2, OTHER, true), 3, 1);
	assert_int_equal(follower_state(f), FOLLOWER_STAGE);
	assert_int_equal(acts[0].kind, FOLLOWER_ALLEGIANCE);
}

static void a_reign_that_does_not_count_is_not_followed(void **state)
{
	static const struct {
		uint64_t epoch;
		const uint8_t *history;
		bool valid;
	} table[] = { { 0, H, true }, { 1, OTHER, true }, { 2, OTHER, false } };

	(void)state;
	for (size_t i = 0; i < CS_COUNT(table); i++) {
		CS_AUTO(follower_free) struct follower *f = greeting_at(3);
		welcome(f, WELCOME_DELTA, reign(table[i].epoch, table[i].history, table[i].valid),
		        3, 1);
		assert_int_equal(follower_state(f), FOLLOWER_SEEK);
		assert_null(did(FOLLOWER_ALLEGIANCE));
	}
}

static void a_head_of_a_later_reign_makes_it_look_for_the_leader(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	step(f,
	        (struct follower_event){
	                .kind = FOLLOWER_HEAD, .sid = 77, .reign = reign(2, OTHER, true), .to = 3 },
	        1);
	assert_non_null(did(FOLLOWER_ALLEGIANCE));
	assert_int_equal(follower_state(f), FOLLOWER_SEEK);
}

static void a_silent_upstream_is_left_after_15_seconds(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 14999);
	assert_int_equal(follower_state(f), FOLLOWER_STAGE);
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 15000);
	assert_int_equal(follower_state(f), FOLLOWER_SEEK);
}

static void unheard_it_tries_the_next_upstream_and_comes_back(void **state)
{
	CS_AUTO(follower_free) struct follower *f = greeting_at(3);

	(void)state;
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, FOLLOWER_WELCOME_MS);
	assert_int_equal(follower_upstream(f), 1);
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, FOLLOWER_WELCOME_MS + 2000);
	assert_int_equal(did(FOLLOWER_DIAL)->upstream, 1);
	step(f, (struct follower_event){ .kind = FOLLOWER_CONNECTED }, FOLLOWER_WELCOME_MS + 2000);
	welcome(f, WELCOME_NOT_PRIMARY, reign(1, H, true), 0, FOLLOWER_WELCOME_MS + 2001);
	assert_int_equal(follower_upstream(f), 0);
}

static void back_off_grows_and_is_jittered(void **state)
{
	CS_AUTO(follower_free) struct follower *f = follower_at(3);
	int64_t now = 0, longest = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		int64_t waited = 0;
		while (step(f,
		               (struct follower_event){
		                       .kind = FOLLOWER_TICK, .random = (uint64_t)i * 7919 },
		               now),
		        did(FOLLOWER_DIAL) == NULL) {
			now += 100;
			waited += 100;
		}
		assert_true(now < 60000 ? waited <= 5000 + 2100 : waited <= 5000 + 30100);
		longest = waited > longest ? waited : longest;
	}
	assert_true(longest > 10000);
}

static void a_revoked_node_stops_asking_for_a_while(void **state)
{
	CS_AUTO(follower_free) struct follower *f = greeting_at(3);

	(void)state;
	welcome(f, WELCOME_REVOKED, reign(1, H, true), 0, 1);
	assert_int_equal(follower_state(f), FOLLOWER_STOPPED);
	assert_non_null(did(FOLLOWER_ALARM));
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 20000);
	assert_int_equal(n_acts, 0);
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 31000);
	assert_int_equal(follower_state(f), FOLLOWER_SEEK);
}

static void a_node_that_is_ahead_watches_and_keeps_what_it_has(void **state)
{
	CS_AUTO(follower_free) struct follower *f = greeting_at(3);

	(void)state;
	welcome(f, WELCOME_AHEAD, reign(1, H, true), 0, 1);
	assert_int_equal(follower_state(f), FOLLOWER_WATCHING);
	piece(f, 77, 1, H, 3, 5, 2);
	assert_null(did(FOLLOWER_DO_STAGE));
}

static void release_is_passed_on_and_never_falls(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	step(f,
	        (struct follower_event){ .kind = FOLLOWER_HEAD,
	                .sid = 77,
	                .reign = reign(1, H, true),
	                .to = 3,
	                .released = 3 },
	        1);
	assert_int_equal(did(FOLLOWER_RELEASED)->seq, 3);
	step(f,
	        (struct follower_event){ .kind = FOLLOWER_HEAD,
	                .sid = 77,
	                .reign = reign(1, H, true),
	                .to = 3,
	                .released = 2 },
	        2);
	assert_null(did(FOLLOWER_RELEASED));
}

static void head_is(struct follower *f, struct follower_reign r, uint64_t released, bool drift)
{
	step(f,
	        (struct follower_event){ .kind = FOLLOWER_HEAD,
	                .sid = 77,
	                .reign = r,
	                .to = 9,
	                .released = released,
	                .drift = drift },
	        1);
}

static void release_of_another_history_says_nothing_about_ours(void **state)
{
	CS_AUTO(follower_free) struct follower *f = greeting_at(3);

	(void)state;
	welcome(f, WELCOME_DELTA, reign(2, OTHER, true), 3, 0);
	assert_int_equal(did(FOLLOWER_RELEASED)->seq, 0);
	head_is(f, reign(2, OTHER, true), 9, false);
	assert_null(did(FOLLOWER_RELEASED));
}

static struct follower *comparing_at(uint64_t seq)
{
	struct follower *f = greeting_at(seq);

	welcome(f, WELCOME_COMPARE, reign(2, OTHER, true), 9, 0);
	assert_int_equal(follower_state(f), FOLLOWER_LISTS);
	assert_non_null(did(FOLLOWER_DO_COMPARE));
	return f;
}

static void compared(struct follower *f, enum cs_err err, bool more)
{
	step(f, (struct follower_event){ .kind = FOLLOWER_COMPARED, .err = err, .more = more }, 1);
}

static void what_differs_is_fetched_and_counts_with_the_mark(void **state)
{
	CS_AUTO(follower_free) struct follower *f = comparing_at(12);

	(void)state;
	compared(f, CS_OK, true);
	assert_non_null(did(FOLLOWER_SEND_GET));
	step(f,
	        (struct follower_event){
	                .kind = FOLLOWER_LIST, .sid = 77, .epoch = 2, .history = OTHER },
	        1);
	assert_non_null(did(FOLLOWER_DO_LIST));
	compared(f, CS_OK, false);
	assert_int_equal(follower_state(f), FOLLOWER_STAGE);
	assert_int_equal(did(FOLLOWER_SEND_ACK)->seq, 9);
	assert_int_equal(did(FOLLOWER_SEND_ACK)->stored, 0); /* 12 is of another past */
	step(f,
	        (struct follower_event){
	                .kind = FOLLOWER_APPLIED, .position = { .seq = 9, .history = { 2 } } },
	        2);
	assert_non_null(did(FOLLOWER_RESTART_VIEW));
	assert_int_equal(did(FOLLOWER_SEND_ACK)->stored, 9);
}

static void a_comparison_that_fails_leaves_nothing(void **state)
{
	CS_AUTO(follower_free) struct follower *f = comparing_at(9);
	CS_AUTO(follower_free) struct follower *cannot = NULL;

	(void)state;
	compared(f, CS_ECORRUPT, false);
	assert_int_equal(follower_state(f), FOLLOWER_SEEK);
	assert_non_null(did(FOLLOWER_DROP_INBOX));
	cannot = comparing_at(9);
	compared(cannot, CS_EUNSUPPORTED, false);
	assert_int_equal(follower_state(cannot), FOLLOWER_WATCHING);
}

static void drift_asks_for_a_comparison(void **state)
{
	CS_AUTO(follower_free) struct follower *f = staging_at(3);

	(void)state;
	head_is(f, reign(1, H, true), 3, true);
	assert_int_equal(follower_state(f), FOLLOWER_SEEK);
	step(f, (struct follower_event){ .kind = FOLLOWER_TICK }, 5000);
	step(f, (struct follower_event){ .kind = FOLLOWER_CONNECTED }, 5000);
	assert_true(did(FOLLOWER_SEND_HELLO)->compare);
}

static void a_view_of_another_past_is_forgotten(void **state)
{
	struct view v = { .position = 5, .published = 5, .prepared = 6, .released = 7 };

	(void)state;
	view_restart(&v);
	assert_int_equal(view_next(&v), VIEW_PREPARE);
	v.prepared = 5;
	assert_int_equal(view_next(&v), VIEW_NOTHING);
}

static void a_view_is_published_at_release_and_then_the_next_is_fixed(void **state)
{
	struct view v = { .position = 5, .published = 3, .released = 4 };

	(void)state;
	assert_int_equal(view_next(&v), VIEW_PREPARE);
	v.prepared = 5;
	assert_int_equal(view_next(&v), VIEW_NOTHING);
	v.position = 6;
	assert_int_equal(view_next(&v), VIEW_NOTHING);
	v.released = 5;
	assert_int_equal(view_next(&v), VIEW_PUBLISH);
	v.published = 5;
	v.prepared = 0;
	assert_int_equal(view_next(&v), VIEW_PREPARE);
	v.failed = 6;
	assert_int_equal(view_next(&v), VIEW_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_staged_and_a_mark_applies_them),
		cmocka_unit_test(only_its_own_session_and_reign_count),
		cmocka_unit_test(a_mark_without_a_good_signature_is_refused),
		cmocka_unit_test(a_broken_transfer_leaves_nothing_behind),
		cmocka_unit_test(the_second_failure_in_a_row_is_an_alarm),
		cmocka_unit_test(a_higher_reign_is_persisted_before_it_is_followed),
		cmocka_unit_test(a_reign_that_does_not_count_is_not_followed),
		cmocka_unit_test(a_head_of_a_later_reign_makes_it_look_for_the_leader),
		cmocka_unit_test(a_silent_upstream_is_left_after_15_seconds),
		cmocka_unit_test(unheard_it_tries_the_next_upstream_and_comes_back),
		cmocka_unit_test(back_off_grows_and_is_jittered),
		cmocka_unit_test(a_revoked_node_stops_asking_for_a_while),
		cmocka_unit_test(a_node_that_is_ahead_watches_and_keeps_what_it_has),
		cmocka_unit_test(release_is_passed_on_and_never_falls),
		cmocka_unit_test(release_of_another_history_says_nothing_about_ours),
		cmocka_unit_test(what_differs_is_fetched_and_counts_with_the_mark),
		cmocka_unit_test(a_comparison_that_fails_leaves_nothing),
		cmocka_unit_test(drift_asks_for_a_comparison),
		cmocka_unit_test(a_view_of_another_past_is_forgotten),
		cmocka_unit_test(a_view_is_published_at_release_and_then_the_next_is_fixed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
