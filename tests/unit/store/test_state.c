#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/store/state_fixture.h"

static struct cs_bytes text(const char *s)
{
	return cs_bytes_of(s);
}

static const struct cs_bytes gone = { NULL, 0 };

static enum cs_err get(struct state *state, uint32_t kind, const char *id, const char *want)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_object object;

	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	const enum cs_err rc = state_get(state, kind, id, arena, &object);
	if (rc == CS_OK && want != NULL) {
		assert_true(cs_bytes_equal(object.payload, text(want)));
		assert_string_equal(object.id, id);
	}
	return rc;
}

static void a_commit_is_read_back_after_a_reopen(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);

	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "site.hostname", text("a")), CS_OK);
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "site.hostname", text("b")), CS_OK);
	const struct state_facts before = fx_facts(state);
	fx_reopen(&state, dir, FX_MAP);
	const struct state_facts after = fx_facts(state);

	assert_int_equal(after.position.seq, 2);
	assert_memory_equal(&before.position, &after.position, sizeof(before.position));
	assert_memory_equal(before.digest, after.digest, 32);
	assert_int_equal(after.objects, 1);
	assert_int_equal(after.log_from, 1);
	assert_true(after.used_bytes > 0);
	assert_int_equal(get(state, OBJECT_SETTING, "site.hostname", "b"), CS_OK);
	assert_int_equal(get(state, OBJECT_SETTING, "other", NULL), CS_ENOTFOUND);
	assert_int_equal(state_verify(state), CS_OK);
	state_close(&state);
	fx_rmdir(dir);
}

static void a_store_is_created_once(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(cs_buf_free) struct cs_buf node = cs_buf_new(64);
	CS_AUTO(state_close) struct state *state = NULL;

	assert_int_equal(state_open(dir, true, false, FX_MAP, &state), CS_ENOTFOUND);
	assert_int_equal(state_open(dir, false, false, FX_MAP, &state), CS_ENOTFOUND);
	state = fx_state(dir, FX_MAP);
	state_close(&state);
	assert_int_equal(
	        state_create(dir, FX_MAP, fx_cluster, fx_digest_key, "p2", &state), CS_EEXISTS);
	assert_int_equal(state_open(dir, true, true, FX_MAP, &state), CS_OK);
	assert_int_equal(state_local_get(state, LOCAL_META, "node", &node), CS_OK);
	assert_string_equal(cs_buf_text(&node), "p1");
	state_close(&state);
	fx_rmdir(dir);
}

static void writes_that_break_the_rules_change_nothing(void **unused)
{
	(void)unused;
	char dir[64], big[CS_OBJECT_MAX + 1];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_state(dir, FX_MAP);
	struct state_position position;

	memset(big, 'x', sizeof(big));
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", text("a")), CS_EBUG); /* no reign */
	assert_int_equal(fx_begin(state, 1, 1), CS_OK);
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", text("a")), CS_OK);
	const struct state_facts before = fx_facts(state);
	assert_int_equal(fx_put(state, 2, OBJECT_SETTING, "a", text("b")), CS_ECONFLICT);
	assert_int_equal(fx_put(state, 1, 0, "a", text("b")), CS_EMALFORMED);
	assert_int_equal(fx_put(state, 1, OBJECT_KIND_END, "a", text("b")), CS_EMALFORMED);
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "A b", text("b")), CS_EMALFORMED);
	const struct cs_bytes too_big = { (const uint8_t *)big, sizeof(big) };
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", too_big), CS_ETOOBIG);
	const struct state_change twice[] = { { OBJECT_SETTING, "a", false, text("b") },
		{ OBJECT_SETTING, "c", false, text("b") }, { OBJECT_SETTING, "a", true, gone } };
	/* the first write of the group is good, the second is not: neither happens */
	const struct state_write group[] = { { .changes = twice, .count = 2, .epoch = 1 },
		{ .changes = twice, .count = 3, .epoch = 1 } };
	assert_int_equal(state_commit(state, group, 2, &position), CS_EMALFORMED);
	const struct state_facts after = fx_facts(state);
	assert_memory_equal(&before.position, &after.position, sizeof(before.position));
	assert_memory_equal(before.digest, after.digest, 32);
	assert_int_equal(state_verify(state), CS_OK);
	state_close(&state);
	fx_rmdir(dir);
}

static void a_group_is_several_commits_in_one_transaction(void **unused)
{
	(void)unused;
	char dir[64], dir2[64];
	fx_mkdir(dir);
	fx_mkdir(dir2);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	CS_AUTO(state_close) struct state *single = fx_leader(dir2, FX_MAP);
	const struct state_change a = { OBJECT_SETTING, "a", false, text("1") };
	const struct state_change b = { OBJECT_SETTING, "b", false, text("2") };
	const struct state_write writes[] = {
		{ .changes = &a, .count = 1, .epoch = 1, .request = "request-1" },
		{ .changes = &b, .count = 1, .epoch = 1, .request = "request-2" }, { .epoch = 1 }
	};
	struct state_position position;
	uint64_t seq;

	assert_int_equal(state_commit(state, writes, 3, &position), CS_OK);
	assert_int_equal(position.seq, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(state_commit(single, &writes[i], 1, &position), CS_OK);
	const struct state_facts grouped = fx_facts(state), apart = fx_facts(single);
	assert_memory_equal(&grouped.position, &position, sizeof(position));
	assert_memory_equal(grouped.digest, apart.digest, 32);
	assert_int_equal(state_find_request(state, writes[1].request, &seq), CS_OK);
	assert_int_equal(seq, 2);
	assert_int_equal(
	        state_find_request(state, (const uint8_t *)"request-3\0\0\0\0\0\0\0", &seq),
	        CS_ENOTFOUND);
	state_close(&state);
	state_close(&single);
	fx_rmdir(dir);
	fx_rmdir(dir2);
}

struct seen {
	char ids[256];
	size_t n, stop_at;
};

static enum cs_err note(void *data, const struct wire_object *object)
{
	struct seen *seen = data;

	strncat(seen->ids, object->id, sizeof(seen->ids) - strlen(seen->ids) - 1);
	strncat(seen->ids, " ", sizeof(seen->ids) - strlen(seen->ids) - 1);
	return ++seen->n == seen->stop_at ? CS_EAGAIN : CS_OK;
}

static void objects_of_a_kind_come_in_order_without_tombstones(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	static const char *const ids[] = { "c", "a", "b", "aa" };

	for (size_t i = 0; i < CS_COUNT(ids); i++)
		assert_int_equal(fx_put(state, 1, OBJECT_SETTING, ids[i], text(ids[i])), CS_OK);
	assert_int_equal(fx_put(state, 1, OBJECT_NODE, "n", text("n")), CS_OK);
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "b", gone), CS_OK);
	struct seen all = { 0 }, rest = { 0 }, cut = { .stop_at = 1 };
	assert_int_equal(state_each(state, OBJECT_SETTING, "", note, &all), CS_OK);
	assert_string_equal(all.ids, "a aa c ");
	assert_int_equal(state_each(state, OBJECT_SETTING, "a", note, &rest), CS_OK);
	assert_string_equal(rest.ids, "aa c ");
	assert_int_equal(state_each(state, OBJECT_SETTING, "", note, &cut), CS_EAGAIN);
	assert_string_equal(cut.ids, "a ");
	assert_int_equal(get(state, OBJECT_SETTING, "b", NULL), CS_ENOTFOUND);
	assert_int_equal(fx_facts(state).objects, 4);
	state_close(&state);
	fx_rmdir(dir);
}

static void since_gives_whole_commits_and_newest_versions_only(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct state_change pair[] = { { OBJECT_NODE, "x", false, text("x") },
		{ OBJECT_NODE, "y", false, text("y") } };
	const struct state_write write = { .changes = pair, .count = 2, .epoch = 1 };
	struct state_position position;
	const struct wire_object *v;
	size_t n;
	uint64_t to, head;

	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", text("1")), CS_OK); /* 1 */
	assert_int_equal(state_commit(state, &write, 1, &position), CS_OK); /* 2 */
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "b", text("2")), CS_OK); /* 3 */
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", gone), CS_OK); /* 4 */
	assert_int_equal(state_since(state, 0, 1 << 20, arena, &v, &n, &to, &head), CS_OK);
	assert_int_equal(n, 4);
	assert_string_equal(v[0].id, "x");
	assert_string_equal(v[2].id, "b");
	assert_true(v[3].tombstone);
	assert_int_equal(to, 4);
	assert_int_equal(state_since(state, 0, 1, arena, &v, &n, &to, &head), CS_OK);
	assert_int_equal(n, 2);
	assert_int_equal(to, 2);
	assert_int_equal(head, 4);
	assert_int_equal(state_since(state, 4, 1, arena, &v, &n, &to, &head), CS_OK);
	assert_int_equal(n, 0);
	assert_int_equal(to, 4);
	state_close(&state);
	fx_rmdir(dir);
}

static void the_floor_drops_old_tombstones_from_digest_and_index(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	CS_AUTO(cs_buf_free) struct cs_buf floor = cs_buf_new(64);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	const struct wire_object *v;
	size_t n;
	uint64_t to, head;

	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	for (size_t i = 0; i < 4; i++) {
		const char id[] = { (char)('a' + i), 0 };
		assert_int_equal(fx_put(state, 1, OBJECT_SETTING, id, text("1")), CS_OK);
	}
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", gone), CS_OK); /* 5 */
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "b", gone), CS_OK); /* 6 */
	assert_int_equal(
	        wire_encode(&wire_floor_type, &(struct wire_floor){ .seq = 5 }, &floor), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_FLOOR, "floor", cs_buf_view(&floor)), CS_OK); /* 7 */
	assert_int_equal(fx_facts(state).floor, 5);
	assert_int_equal(state_since(state, 0, 1 << 20, arena, &v, &n, &to, &head), CS_OK);
	assert_int_equal(n, 4); /* c, d, tombstone of b, floor */
	assert_int_equal(state_verify(state), CS_OK);
	cs_buf_consume(&floor, floor.n);
	assert_int_equal(
	        wire_encode(&wire_floor_type, &(struct wire_floor){ .seq = 4 }, &floor), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_FLOOR, "floor", cs_buf_view(&floor)), CS_EMALFORMED);
	cs_buf_consume(&floor, floor.n);
	assert_int_equal(
	        wire_encode(&wire_floor_type, &(struct wire_floor){ .seq = 8 }, &floor), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_FLOOR, "floor", cs_buf_view(&floor)), CS_EMALFORMED);
	state_close(&state);
	fx_rmdir(dir);
}

static void the_log_keeps_the_newest_commits(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	struct state_write *writes = calloc(10050, sizeof(*writes));
	const struct state_change a = { OBJECT_SETTING, "a", false, text("1") };
	struct state_position position;
	uint64_t seq;

	assert_non_null(writes);
	for (size_t i = 0; i < 10050; i++) {
		writes[i] = (struct state_write){ .changes = &a, .count = 1, .epoch = 1 };
		memcpy(writes[i].request, &(size_t){ i + 1 }, sizeof(size_t));
	}
	assert_int_equal(state_commit(state, writes, 10050, &position), CS_OK);
	assert_int_equal(fx_facts(state).log_from, 51);
	assert_int_equal(state_find_request(state, writes[49].request, &seq), CS_ENOTFOUND);
	assert_int_equal(state_find_request(state, writes[50].request, &seq), CS_OK);
	assert_int_equal(seq, 51);
	assert_int_equal(state_verify(state), CS_OK);
	free(writes);
	state_close(&state);
	fx_rmdir(dir);
}

static void a_position_is_a_prefix_or_it_is_not(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	struct state_position at[4];
	enum state_relation relation;
	const uint8_t wrong[32] = { 1 };

	for (size_t i = 0; i < 4; i++) {
		if (i == 2)
			assert_int_equal(fx_begin(state, 2, 1003), CS_OK); /* a restore leaps */
		assert_int_equal(
		        fx_put(state, i < 2 ? 1 : 2, OBJECT_SETTING, "a", text("1")), CS_OK);
		at[i] = fx_facts(state).position;
	}
	assert_int_equal(at[3].seq, 1004);
	assert_int_equal(state_verify(state), CS_OK);
	for (size_t i = 0; i < 4; i++) {
		const struct wire_position p = { { at[i].history, 16 }, at[i].seq,
			{ at[i].chain, 32 } };
		assert_int_equal(state_relate(state, &p, &relation), CS_OK);
		assert_int_equal(relation, STATE_PREFIX);
	}
	const struct wire_position empty = { 0 };
	assert_int_equal(state_relate(state, &empty, &relation), CS_OK);
	assert_int_equal(relation, STATE_PREFIX);
	const struct wire_position ahead = { { at[3].history, 16 }, 1005, { at[3].chain, 32 } };
	assert_int_equal(state_relate(state, &ahead, &relation), CS_OK);
	assert_int_equal(relation, STATE_OWN_HISTORY_NO_PREFIX);
	const struct wire_position other_chain = { { at[3].history, 16 }, 1004, { wrong, 32 } };
	assert_int_equal(state_relate(state, &other_chain, &relation), CS_OK);
	assert_int_equal(relation, STATE_OWN_HISTORY_NO_PREFIX);
	const struct wire_position past_fork = { { at[1].history, 16 }, 1003, { at[2].chain, 32 } };
	assert_int_equal(state_relate(state, &past_fork, &relation), CS_OK);
	assert_int_equal(relation, STATE_OTHER);
	state_close(&state);
	fx_rmdir(dir);
}

static void allegiance_never_sinks_and_keeps_to_the_first(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_state(dir, FX_MAP);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_reign reign = { .epoch = 5,
		.history = text("history-aaaaaaaa"),
		.leader = "p1",
		.first_seq = 9 },
	                  back;

	assert_int_equal(cs_arena_new(1 << 16, &arena), CS_OK);
	assert_int_equal(state_allegiance(state, arena, &back), CS_ENOTFOUND);
	assert_int_equal(state_set_allegiance(state, &reign), CS_OK);
	assert_int_equal(state_set_allegiance(state, &reign), CS_OK);
	reign.history = text("history-bbbbbbbb");
	assert_int_equal(state_set_allegiance(state, &reign), CS_ECONFLICT);
	reign.epoch = 4;
	assert_int_equal(state_set_allegiance(state, &reign), CS_EBUG);
	fx_reopen(&state, dir, FX_MAP);
	assert_int_equal(state_allegiance(state, arena, &back), CS_OK);
	assert_int_equal(back.epoch, 5);
	assert_true(cs_bytes_equal(back.history, text("history-aaaaaaaa")));
	assert_string_equal(back.leader, "p1");
	state_close(&state);
	fx_rmdir(dir);
}

static enum cs_err count_pair(void *data, const char *key, struct cs_bytes value)
{
	(void)key;
	*(size_t *)data += value.n;
	return CS_OK;
}

static void local_values_are_kept_apart_by_table(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_state(dir, FX_MAP);
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(64);
	const struct state_pair pairs[] = { { "a", text("xx") }, { "b", text("yyy") } };
	size_t n = 0;

	assert_int_equal(state_local_put_all(state, LOCAL_PEERS, pairs, 2), CS_OK);
	assert_int_equal(state_local_get(state, LOCAL_TOKENS, "a", &buf), CS_ENOTFOUND);
	assert_int_equal(state_local_each(state, LOCAL_PEERS, count_pair, &n), CS_OK);
	assert_int_equal(n, 5);
	assert_int_equal(state_local_put(state, LOCAL_PEERS, "a", gone), CS_OK);
	assert_int_equal(state_local_get(state, LOCAL_PEERS, "a", &buf), CS_ENOTFOUND);
	assert_int_equal(state_local_get(state, LOCAL_PEERS, "b", &buf), CS_OK);
	assert_int_equal(buf.n, 3);
	assert_int_equal(state_local_get(state, 9, "b", &buf), CS_EBUG);
	state_close(&state);
	fx_rmdir(dir);
}

/* Flips one bit of the first place in data.mdb where NEEDLE stands. */
static void flip(const char *dir, const char *needle)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	uint8_t *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	uint8_t *at = p;
	size_t found = 0;
	while ((at = memmem(at, (size_t)(st.st_size - (at - p)), needle, strlen(needle))) != NULL) {
		at[3] ^= 4; /* every copy: old pages hold it too */
		found++;
	}
	assert_true(found > 0);
	munmap(p, (size_t)st.st_size);
	close(fd);
}

static void a_flipped_bit_is_never_read_as_data(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct seen seen = { 0 };
	const struct wire_object *v;
	size_t n;
	uint64_t to, head;

	assert_int_equal(cs_arena_new(1 << 20, &arena), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_SETTING, "sound", text("quite another value")), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_SETTING, "hurt", text("needle-in-payload")), CS_OK);
	state_close(&state);
	flip(dir, "needle-in-payload");
	assert_int_equal(state_open(dir, true, false, FX_MAP, &state), CS_OK);
	assert_int_equal(get(state, OBJECT_SETTING, "hurt", NULL), CS_ECORRUPT);
	assert_int_equal(get(state, OBJECT_SETTING, "sound", "quite another value"), CS_OK);
	assert_int_equal(state_each(state, OBJECT_SETTING, "", note, &seen), CS_ECORRUPT);
	assert_int_equal(state_since(state, 0, 1 << 20, arena, &v, &n, &to, &head), CS_ECORRUPT);
	assert_int_equal(state_verify(state), CS_ECORRUPT);
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "hurt", text("repaired")), CS_OK);
	assert_int_equal(get(state, OBJECT_SETTING, "hurt", "repaired"), CS_OK);
	assert_int_equal(state_verify(state), CS_OK);
	state_close(&state);
	fx_rmdir(dir);
}

/* The head says where we are: its records carry a check of their own. */
static void a_flipped_bit_in_the_head_is_found(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	struct state_facts facts;

	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", text("1")), CS_OK);
	state_close(&state);
	flip(dir, "history-00000001");
	const enum cs_err rc = state_open(dir, true, false, FX_MAP, &state);
	assert_true(rc == CS_OK || rc == CS_ECORRUPT);
	if (rc == CS_OK)
		assert_int_equal(state_facts(state, &facts), CS_ECORRUPT);
	state_close(&state);
	fx_rmdir(dir);
}

static void a_full_store_loses_nothing_and_still_reads(void **unused)
{
	(void)unused;
	const size_t map = 512u << 10;
	char dir[64], id[16];
	static uint8_t payload[3000];
	fx_mkdir(dir);
	CS_AUTO(state_close) struct state *state = fx_leader(dir, map);
	enum cs_err rc = CS_OK;
	unsigned n = 0;

	while (rc == CS_OK && n < 1000) {
		snprintf(id, sizeof(id), "n%u", n);
		rc = fx_put(state, 1, OBJECT_SETTING, id,
		        (struct cs_bytes){ payload, sizeof(payload) });
		n += rc == CS_OK;
	}
	assert_int_equal(rc, CS_EFULL);
	assert_true(n > 10);
	assert_int_equal(fx_facts(state).position.seq, n);
	assert_int_equal(get(state, OBJECT_SETTING, "n0", NULL), CS_OK);
	assert_int_equal(state_verify(state), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_SETTING, id, (struct cs_bytes){ payload, sizeof(payload) }),
	        CS_EFULL);
	fx_reopen(&state, dir, 4 * map); /* space returns */
	assert_int_equal(fx_facts(state).position.seq, n);
	assert_int_equal(state_verify(state), CS_OK);
	assert_int_equal(
	        fx_put(state, 1, OBJECT_SETTING, id, (struct cs_bytes){ payload, sizeof(payload) }),
	        CS_OK);
	state_close(&state);
	fx_rmdir(dir);
}

/* Commits for ever and reports each acknowledged seq. */
static void commit_until_killed(const char *dir, int report)
{
	struct state *state = NULL;
	uint8_t payload[2000] = { 0 };
	char id[16];

	if (state_open(dir, true, false, FX_MAP, &state) != CS_OK)
		_exit(1);
	for (unsigned i = 0;; i++) {
		snprintf(id, sizeof(id), "n%u", i % 50);
		memcpy(payload, &i, sizeof(i));
		const struct state_change change = { OBJECT_SETTING, id, i % 7 == 6,
			{ i % 7 == 6 ? NULL : payload, i % 7 == 6 ? 0 : sizeof(payload) } };
		const struct state_write commit = { .changes = &change, .count = 1, .epoch = 1 };
		struct state_position position;
		if (state_commit(state, &commit, 1, &position) != CS_OK)
			_exit(2);
		if (write(report, &position.seq, sizeof(position.seq)) !=
		        (ssize_t)sizeof(position.seq))
			_exit(3);
	}
}

static void every_acknowledged_commit_survives_kill_9(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	struct state *first = fx_leader(dir, FX_MAP);
	state_close(&first);

	for (unsigned round = 0; round < 8; round++) {
		int pipes[2];
		uint64_t seq = 0, last = 0;
		assert_int_equal(pipe(pipes), 0);
		const pid_t child = fork();
		if (child == 0)
			commit_until_killed(dir, pipes[1]);
		close(pipes[1]);
		for (unsigned i = 0; i < 5 + round * 3;
		        i++) /* then at any point of the next commits */
			if (read(pipes[0], &seq, sizeof(seq)) == (ssize_t)sizeof(seq))
				last = seq;
		usleep(round * 731);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		while (read(pipes[0], &seq, sizeof(seq)) == (ssize_t)sizeof(seq))
			last = seq;
		close(pipes[0]);
		CS_AUTO(state_close) struct state *state = NULL;
		assert_int_equal(state_open(dir, true, false, FX_MAP, &state), CS_OK);
		assert_true(last > 0 && fx_facts(state).position.seq >= last);
		assert_true(
		        fx_facts(state).position.seq <= last + 1); /* at most the one in flight */
		assert_int_equal(state_verify(state), CS_OK);
	}
	fx_rmdir(dir);
}

/* keyd: another process that only reads, while the writer goes on. */
static void another_process_reads_what_was_committed(void **unused)
{
	(void)unused;
	char dir[64], byte;
	fx_mkdir(dir);
	int go[2];

	assert_int_equal(pipe(go), 0);
	const pid_t child = fork();
	if (child == 0) {
		struct state *reader = NULL;
		struct cs_arena *arena = NULL;
		struct wire_object object;
		if (read(go[0], &byte, 1) != 1 ||
		        state_open(dir, false, false, FX_MAP, &reader) != CS_OK)
			_exit(1);
		if (cs_arena_new(1 << 20, &arena) != CS_OK)
			_exit(2);
		if (state_get(reader, OBJECT_SETTING, "a", arena, &object) != CS_OK)
			_exit(3);
		if (fx_put(reader, 1, OBJECT_SETTING, "a", text("2")) != CS_EDENIED)
			_exit(4);
		_exit(state_verify(reader) == CS_OK ? 0 : 5);
	}
	CS_AUTO(state_close) struct state *state = fx_leader(dir, FX_MAP);
	int status = -1;
	assert_int_equal(fx_put(state, 1, OBJECT_SETTING, "a", text("1")), CS_OK);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(go[0]);
	close(go[1]);
	state_close(&state);
	fx_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		        every_acknowledged_commit_survives_kill_9), /* forks before this process
		                                                       opens anything */
		cmocka_unit_test(another_process_reads_what_was_committed),
		cmocka_unit_test(a_commit_is_read_back_after_a_reopen),
		cmocka_unit_test(a_store_is_created_once),
		cmocka_unit_test(writes_that_break_the_rules_change_nothing),
		cmocka_unit_test(a_group_is_several_commits_in_one_transaction),
		cmocka_unit_test(objects_of_a_kind_come_in_order_without_tombstones),
		cmocka_unit_test(since_gives_whole_commits_and_newest_versions_only),
		cmocka_unit_test(the_floor_drops_old_tombstones_from_digest_and_index),
		cmocka_unit_test(the_log_keeps_the_newest_commits),
		cmocka_unit_test(a_position_is_a_prefix_or_it_is_not),
		cmocka_unit_test(allegiance_never_sinks_and_keeps_to_the_first),
		cmocka_unit_test(local_values_are_kept_apart_by_table),
		cmocka_unit_test(a_flipped_bit_is_never_read_as_data),
		cmocka_unit_test(a_flipped_bit_in_the_head_is_found),
		cmocka_unit_test(a_full_store_loses_nothing_and_still_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
