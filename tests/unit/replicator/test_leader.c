#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "replicator/core/leader.h"

static const uint8_t H[16] = { 1 }, OTHER[16] = { 2 }, DIGEST[32] = { 7 }, ODD[32] = { 8 };

/* What the last step asked for, and the sync set it wanted. */
static struct leader_action acts[128];
static size_t n_acts;
static char wanted[64];

static void step(struct leader *l, struct leader_event e, int64_t now)
{
	n_acts = 0;
	assert_int_equal(leader_step(l, &e, now), CS_OK);
	while (n_acts < 128 && leader_take(l, &acts[n_acts]))
		n_acts++;
	wanted[0] = '\0';
	const struct wire_texts w = leader_wanted_syncset(l);
	size_t n = 0;
	for (size_t i = 0; i < w.n && n < sizeof(wanted); i++)
		n += (size_t)snprintf(wanted + n, sizeof(wanted) - n, "%s ", w.v[i]);
}

static const struct leader_action *did(enum leader_action_kind kind, const char *peer)
{
	for (size_t i = 0; i < n_acts; i++)
		if (acts[i].kind == kind && (peer == NULL || strcmp(acts[i].peer, peer) == 0))
			return &acts[i];
	return NULL;
}

static void commit(struct leader *l, uint64_t seq, int64_t now)
{
	step(l,
	        (struct leader_event){
	                .kind = LEADER_COMMITTED, .head = { .seq = seq }, .digest = DIGEST },
	        now);
}

static void commit_set(struct leader *l, uint64_t seq, const char *member, int64_t now)
{
	step(l,
	        (struct leader_event){ .kind = LEADER_COMMITTED,
	                .head = { .seq = seq },
	                .digest = DIGEST,
	                .syncset_changed = true,
	                .syncset = { &member, member != NULL } },
	        now);
}

static void node(struct leader *l, const char *name, uint32_t role, bool allowed, int64_t now)
{
	step(l,
	        (struct leader_event){
	                .kind = LEADER_NODE, .peer = name, .role = role, .allowed = allowed },
	        now);
}

static struct leader *leader_at(uint64_t seq)
{
	struct leader *l;

	assert_int_equal(leader_new("p1", 1, H, 0, &l), CS_OK);
	node(l, "b1", ROLE_BACKUP, true, 0);
	node(l, "t1", ROLE_TRAFFIC, true, 0);
	commit_set(l, seq, NULL, 0);
	return l;
}

static struct leader_hello hello_at(uint64_t seq)
{
	struct leader_hello h = { .version = REPLICATION_VERSION,
		.mode = HELLO_FOLLOW,
		.epoch = 1,
		.record_valid = true,
		.seq = seq,
		.relation = STATE_PREFIX };

	memcpy(h.history, H, 16);
	memcpy(h.digest, DIGEST, 32);
	return h;
}

static void greet(
        struct leader *l, const char *peer, uint64_t sid, struct leader_hello h, int64_t now)
{
	step(l,
	        (struct leader_event){
	                .kind = LEADER_HELLO, .peer = peer, .sid = sid, .hello = &h },
	        now);
}

static void piece(struct leader *l, const char *peer, uint64_t sid, uint64_t to, size_t bytes,
        bool closing, int64_t now)
{
	const struct leader_piece p = { to, bytes, closing };

	step(l,
	        (struct leader_event){
	                .kind = LEADER_PIECE, .peer = peer, .sid = sid, .piece = &p },
	        now);
}

static void marked(struct leader *l, const char *peer, uint64_t sid, int64_t now)
{
	step(l, (struct leader_event){ .kind = LEADER_MARKED, .peer = peer, .sid = sid }, now);
}

static void ack_with(
        struct leader *l, const char *peer, uint64_t sid, struct leader_ack a, int64_t now)
{
	step(l, (struct leader_event){ .kind = LEADER_ACK, .peer = peer, .sid = sid, .ack = &a },
	        now);
}

static void ack(struct leader *l, const char *peer, uint64_t sid, uint64_t staged, uint64_t stored,
        int64_t now)
{
	struct leader_ack a = { .staged = staged, .stored = stored };

	memcpy(a.history, H, 16);
	memcpy(a.digest, DIGEST, 32);
	ack_with(l, peer, sid, a, now);
}

static void tick(struct leader *l, int64_t now)
{
	step(l, (struct leader_event){ .kind = LEADER_TICK }, now);
}

static void command(
        struct leader *l, uint64_t id, uint32_t mode, uint64_t seq, int64_t deadline, int64_t now)
{
	const struct leader_command c = {
		.id = id, .mode = mode, .seq = seq, .deadline = deadline
	};

	step(l, (struct leader_event){ .kind = LEADER_COMMAND, .command = &c }, now);
}

static struct leader_view view(struct leader *l, const char *name)
{
	for (size_t i = 0; i < leader_count(l); i++)
		if (strcmp(leader_view(l, i).name, name) == 0)
			return leader_view(l, i);
	fail_msg("no peer %s", name);
	return leader_view(l, 0);
}

/* A backup that is in the set, at HEAD + 1 (the commit of the set). */
static struct leader *with_backup(uint64_t head)
{
	struct leader *l = leader_at(head);

	greet(l, "b1", 5, hello_at(head), 0);
	assert_non_null(did(LEADER_COMMIT_SYNCSET, NULL));
	assert_string_equal(wanted, "b1 ");
	commit_set(l, head + 1, "b1", 0);
	piece(l, "b1", 5, head + 1, 100, true, 0);
	marked(l, "b1", 5, 0);
	ack(l, "b1", 5, head + 1, head + 1, 0);
	assert_int_equal(leader_released(l), head + 1);
	return l;
}

static void alone_everything_is_released_at_once(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(3);

	(void)state;
	assert_int_equal(leader_released(l), 3);
	commit(l, 4, 1);
	assert_int_equal(did(LEADER_RELEASE, NULL)->seq, 4);
	command(l, 1, ACK_LOCAL, 4, 99, 1);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_OK);
	command(l, 2, ACK_BACKUP, 4, 99999, LEADER_SILENT_MS);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_EPENDING);
}

static void a_delta_goes_piece_by_piece_and_closes_with_a_mark(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(9);

	(void)state;
	greet(l, "t1", 7, hello_at(0), 0);
	assert_int_equal(did(LEADER_SEND_WELCOME, "t1")->welcome, WELCOME_DELTA);
	assert_int_equal(did(LEADER_SEND_PIECE, "t1")->cursor, 0);
	piece(l, "t1", 7, 4, 60000, false, 0);
	assert_int_equal(did(LEADER_SEND_PIECE, "t1")->cursor, 4);
	piece(l, "t1", 7, 9, 100, true, 0);
	assert_non_null(did(LEADER_SEND_MARK, "t1"));
	assert_null(did(LEADER_SEND_PIECE, "t1"));
	marked(l, "t1", 7, 0);
	assert_int_equal(view(l, "t1").state, PEER_WAIT);
	ack(l, "t1", 7, 9, 9, 1);
	assert_int_equal(view(l, "t1").state, PEER_IDLE);
	assert_int_equal(view(l, "t1").behind_since, 0);
}

static void a_blocked_piece_does_not_move_the_cursor(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(9);

	(void)state;
	greet(l, "t1", 7, hello_at(2), 0);
	step(l, (struct leader_event){ .kind = LEADER_BLOCKED, .peer = "t1", .sid = 7 }, 0);
	assert_null(did(LEADER_SEND_PIECE, NULL));
	tick(l, 200);
	assert_int_equal(did(LEADER_SEND_PIECE, "t1")->cursor, 2);
}

static void credit_is_returned_by_staging(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(100);

	(void)state;
	greet(l, "t1", 7, hello_at(0), 0);
	piece(l, "t1", 7, 10, 200000, false, 0);
	assert_non_null(did(LEADER_SEND_PIECE, "t1"));
	piece(l, "t1", 7, 20, 200000, false, 0);
	assert_null(did(LEADER_SEND_PIECE, "t1"));
	ack(l, "t1", 7, 10, 0, 1);
	assert_int_equal(did(LEADER_SEND_PIECE, "t1")->cursor, 20);
}

static void a_traffic_node_gets_its_mark_at_release(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	greet(l, "t1", 7, hello_at(6), 0);
	commit(l, 7, 1);
	assert_non_null(did(LEADER_SEND_PIECE, "t1"));
	piece(l, "t1", 7, 7, 100, true, 1);
	assert_null(did(LEADER_SEND_MARK, "t1"));
	piece(l, "b1", 5, 7, 100, true, 1);
	assert_non_null(did(LEADER_SEND_MARK, "b1"));
	marked(l, "b1", 5, 1);
	assert_null(did(LEADER_SEND_MARK, "t1"));
	ack(l, "b1", 5, 7, 7, 2);
	assert_int_equal(did(LEADER_RELEASE, NULL)->seq, 7);
	assert_non_null(did(LEADER_SEND_MARK, "t1"));
	assert_non_null(did(LEADER_SEND_HEAD, "b1"));
}

static void mode_backup_waits_for_the_backup(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	commit(l, 7, 1);
	command(l, 1, ACK_BACKUP, 7, 5001, 1);
	assert_null(did(LEADER_ANSWER, NULL));
	piece(l, "b1", 5, 7, 100, true, 1);
	marked(l, "b1", 5, 1);
	ack(l, "b1", 5, 7, 6, 2);
	assert_null(did(LEADER_ANSWER, NULL));
	ack(l, "b1", 5, 7, 7, 3);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_OK);
}

static void a_silent_backup_leaves_by_a_commit_before_anything_is_released(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	commit(l, 7, 100);
	command(l, 1, ACK_BACKUP, 7, 60000, 100);
	tick(l, 4999);
	assert_null(did(LEADER_COMMIT_SYNCSET, NULL));
	tick(l, 5200);
	assert_non_null(did(LEADER_COMMIT_SYNCSET, NULL));
	assert_string_equal(wanted, "");
	assert_null(did(LEADER_RELEASE, NULL));
	assert_null(did(LEADER_ANSWER, NULL));
	commit_set(l, 8, NULL, 5201);
	assert_int_equal(did(LEADER_RELEASE, NULL)->seq, 8);
	tick(l, 15200);
	assert_int_equal(leader_released(l), 8);
}

static void a_failed_commit_of_the_set_is_tried_again(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	commit(l, 7, 100);
	tick(l, 5200);
	step(l, (struct leader_event){ .kind = LEADER_SYNCSET_FAILED }, 5200);
	assert_null(did(LEADER_COMMIT_SYNCSET, NULL));
	assert_int_equal(leader_released(l), 6);
	tick(l, 5400);
	assert_non_null(did(LEADER_COMMIT_SYNCSET, NULL));
}

static void an_awake_backup_that_cannot_store_leaves_too(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	commit(l, 7, 100);
	for (int64_t t = 1000; t <= 5000; t += 1000)
		step(l, (struct leader_event){ .kind = LEADER_HEARD, .peer = "b1", .sid = 5 }, t);
	step(l, (struct leader_event){ .kind = LEADER_HEARD, .peer = "b1", .sid = 5 }, 5200);
	assert_non_null(did(LEADER_COMMIT_SYNCSET, NULL));
}

static void a_backup_that_returns_with_less_than_it_acknowledged_leaves(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	struct leader_hello h = hello_at(3);
	h.best = 6;
	greet(l, "b1", 9, h, 10);
	assert_non_null(did(LEADER_COMMIT_SYNCSET, NULL));
	assert_string_equal(wanted, "");
}

static void a_backup_that_has_just_joined_is_waited_for(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);

	(void)state;
	tick(l, 100000);
	node(l, "b2", ROLE_BACKUP, false, 100000);
	command(l, 1, ACK_BACKUP, 5, 200000, 100000);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_EPENDING);
	node(l, "b2", ROLE_BACKUP, true, 100001);
	command(l, 2, ACK_BACKUP, 5, 200000, 100002);
	assert_null(did(LEADER_ANSWER, NULL));
	tick(l, 105001);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_EPENDING);
}

static void a_far_backup_does_not_hold_release_up(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(1000);

	(void)state;
	greet(l, "b1", 5, hello_at(10), 0);
	commit(l, 1001, 1);
	assert_int_equal(leader_released(l), 1001);
	assert_int_equal(view(l, "b1").sync, SYNC_OUT);
}

static void an_ack_counts_in_its_session_and_our_history_only(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);
	struct leader_ack a = { .staged = 7, .stored = 7 };

	(void)state;
	commit(l, 7, 1);
	ack(l, "b1", 4, 7, 7, 2);
	assert_non_null(did(LEADER_SEND_BYE, "b1"));
	assert_int_equal(leader_released(l), 6);
	memcpy(a.history, OTHER, 16);
	ack_with(l, "b1", 5, a, 2);
	assert_int_equal(leader_released(l), 6);
	ack(l, "b1", 5, 99, 99, 2); /* more than there is */
	assert_int_equal(leader_released(l), 6);
}

static void release_never_falls(void **state)
{
	CS_AUTO(leader_free) struct leader *l = with_backup(5);

	(void)state;
	greet(l, "b1", 9, hello_at(0), 10);
	assert_int_equal(leader_released(l), 6);
	tick(l, 20);
	assert_int_equal(leader_released(l), 6);
}

static void nodes_are_counted_by_what_they_serve(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_ack a = { .staged = 5, .stored = 5, .served = 5 };

	(void)state;
	memcpy(a.history, H, 16);
	memcpy(a.digest, DIGEST, 32);
	greet(l, "t1", 7, hello_at(5), 0);
	command(l, 1, ACK_ALL, 5, 1000, 0);
	step(l, (struct leader_event){ .kind = LEADER_SELF, .served = 5 }, 1);
	assert_null(did(LEADER_ANSWER, NULL));
	ack_with(l, "t1", 7, a, 2);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_OK);
	command(l, 2, ACK_ALL, 6, 1000, 3);
	tick(l, 1001);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_EPENDING);
	assert_non_null(strstr(did(LEADER_ANSWER, NULL)->text, "t1"));
}

static void drift_is_seen_at_hello_and_at_ack(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_hello h = hello_at(5);

	(void)state;
	memcpy(h.digest, ODD, 32);
	greet(l, "t1", 7, h, 0);
	assert_non_null(did(LEADER_DRIFT, "t1"));
	greet(l, "b1", 8, h, 0);
	assert_null(did(LEADER_COMMIT_SYNCSET, NULL)); /* it may not enter the set */
	ack(l, "t1", 7, 5, 5, 1);
	assert_false(view(l, "t1").digest_differs);
}

static void a_later_reign_ends_this_one(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_hello h = hello_at(5);

	(void)state;
	command(l, 1, ACK_NODES, 9, 1000, 0);
	h.epoch = 2;
	h.record_valid = false;
	greet(l, "b1", 7, h, 0);
	assert_int_equal(leader_mode(l), LEADER_OK);
	h.record_valid = true;
	greet(l, "b1", 8, h, 0);
	assert_int_equal(leader_mode(l), LEADER_FENCED);
	assert_int_equal(did(LEADER_SEND_WELCOME, "b1")->welcome, WELCOME_NOT_PRIMARY);
	assert_int_equal(did(LEADER_ANSWER, NULL)->err, CS_EPENDING);
}

static void two_leaders_of_one_epoch_are_a_conflict(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_hello h = hello_at(5);

	(void)state;
	memcpy(h.history, OTHER, 16);
	greet(l, "b1", 7, h, 0);
	assert_int_equal(leader_mode(l), LEADER_CONFLICT);
}

static void a_comparison_counts_with_its_mark(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_hello h = hello_at(9);

	(void)state;
	h.relation = STATE_OTHER;
	greet(l, "b1", 7, h, 0);
	assert_int_equal(did(LEADER_SEND_WELCOME, "b1")->cursor, 5);
	assert_int_equal(view(l, "b1").state, PEER_COMPARE);
	step(l, (struct leader_event){ .kind = LEADER_GET, .peer = "b1", .sid = 7, .ref = &h }, 1);
	assert_ptr_equal(did(LEADER_SEND_GOT, "b1")->ref, &h);
	ack(l, "b1", 7, 5, 0, 1);
	assert_int_equal(view(l, "b1").state, PEER_DELTA);
	assert_int_equal(view(l, "b1").stored, 0);
	assert_non_null(did(LEADER_SEND_PIECE, "b1"));
}

static void a_cursor_behind_the_log_starts_over(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	const uint8_t digest[32] = { 0 };
	const struct leader_event e = {
		.kind = LEADER_COMMITTED, .head = { .seq = 9 }, .digest = digest, .log_from = 8
	};

	(void)state;
	greet(l, "t1", 7, hello_at(5), 0);
	step(l, e, 1);
	assert_non_null(did(LEADER_SEND_BYE, "t1"));
	assert_null(did(LEADER_SEND_PIECE, "t1"));
}

static void a_proof_of_more_than_we_hold_is_regression(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_hello h = hello_at(9);

	(void)state;
	h.relation = STATE_OWN_HISTORY_NO_PREFIX;
	greet(l, "t1", 7, h, 0);
	assert_int_equal(
	        did(LEADER_SEND_WELCOME, "t1")->welcome, WELCOME_COMPARE); /* a claim is no proof */
	h.mark_valid = true;
	greet(l, "t1", 8, h, 0);
	assert_int_equal(did(LEADER_SEND_WELCOME, "t1")->welcome, WELCOME_AHEAD);
	assert_int_equal(leader_mode(l), LEADER_REGRESSED);
}

static void a_revoked_peer_is_thrown_out_and_stays_out(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);

	(void)state;
	greet(l, "t1", 7, hello_at(5), 0);
	node(l, "t1", ROLE_TRAFFIC, false, 1);
	assert_non_null(did(LEADER_SEND_BYE, "t1"));
	commit(l, 6, 2);
	assert_null(did(LEADER_SEND_PIECE, NULL));
	greet(l, "t1", 8, hello_at(5), 3);
	assert_int_equal(did(LEADER_SEND_WELCOME, "t1")->welcome, WELCOME_REVOKED);
}

static void a_silent_session_ends_after_15_seconds(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);

	(void)state;
	greet(l, "t1", 7, hello_at(5), 0);
	tick(l, 14999);
	assert_true(view(l, "t1").connected);
	tick(l, 15000);
	assert_false(view(l, "t1").connected);
}

static void another_version_is_told_to_upgrade(void **state)
{
	CS_AUTO(leader_free) struct leader *l = leader_at(5);
	struct leader_hello h = hello_at(5);

	(void)state;
	h.version = 99;
	greet(l, "t1", 7, h, 0);
	assert_int_equal(did(LEADER_SEND_WELCOME, "t1")->welcome, WELCOME_UPGRADE);
	assert_false(view(l, "t1").connected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_everything_is_released_at_once),
		cmocka_unit_test(a_delta_goes_piece_by_piece_and_closes_with_a_mark),
		cmocka_unit_test(a_blocked_piece_does_not_move_the_cursor),
		cmocka_unit_test(credit_is_returned_by_staging),
		cmocka_unit_test(a_traffic_node_gets_its_mark_at_release),
		cmocka_unit_test(mode_backup_waits_for_the_backup),
		cmocka_unit_test(a_silent_backup_leaves_by_a_commit_before_anything_is_released),
		cmocka_unit_test(a_failed_commit_of_the_set_is_tried_again),
		cmocka_unit_test(an_awake_backup_that_cannot_store_leaves_too),
		cmocka_unit_test(a_backup_that_returns_with_less_than_it_acknowledged_leaves),
		cmocka_unit_test(a_backup_that_has_just_joined_is_waited_for),
		cmocka_unit_test(a_far_backup_does_not_hold_release_up),
		cmocka_unit_test(an_ack_counts_in_its_session_and_our_history_only),
		cmocka_unit_test(release_never_falls),
		cmocka_unit_test(nodes_are_counted_by_what_they_serve),
		cmocka_unit_test(drift_is_seen_at_hello_and_at_ack),
		cmocka_unit_test(a_later_reign_ends_this_one),
		cmocka_unit_test(two_leaders_of_one_epoch_are_a_conflict),
		cmocka_unit_test(a_comparison_counts_with_its_mark),
		cmocka_unit_test(a_cursor_behind_the_log_starts_over),
		cmocka_unit_test(a_proof_of_more_than_we_hold_is_regression),
		cmocka_unit_test(a_revoked_peer_is_thrown_out_and_stays_out),
		cmocka_unit_test(a_silent_session_ends_after_15_seconds),
		cmocka_unit_test(another_version_is_told_to_upgrade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
