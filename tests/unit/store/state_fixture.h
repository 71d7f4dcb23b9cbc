/* tests/unit/store/state_fixture.h: stores in throw-away folders, for the tests of store/db and
 * store/serving. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "store/db/state.h"
#include "tests/unit/fixture.h"

#define FX_MAP (256u << 20)
static const uint8_t fx_cluster[16] = "cluster-01234567", fx_digest_key[32] = "digest key";

static inline struct state *fx_state(const char *dir, size_t map)
{
	struct state *state = NULL;

	assert_int_equal(state_create(dir, map, fx_cluster, fx_digest_key, "p1", &state), CS_OK);
	return state;
}

static inline void fx_reopen(struct state **state, const char *dir, size_t map)
{
	state_close(state);
	assert_int_equal(state_open(dir, true, false, map, state), CS_OK);
}

static inline enum cs_err fx_begin(struct state *state, uint64_t epoch, uint64_t first_seq)
{
	char history[17];

	snprintf(history, sizeof(history), "history-%08u", (unsigned)epoch);
	const struct wire_reign reign = { .epoch = epoch,
		.history = { (const uint8_t *)history, 16 },
		.leader = "p1",
		.first_seq = first_seq };
	return state_begin_reign(state, &reign);
}

static inline struct state *fx_leader(const char *dir, size_t map)
{
	struct state *state = fx_state(dir, map);

	assert_int_equal(fx_begin(state, 1, 1), CS_OK);
	return state;
}

/* One commit of one object; NULL payload: a tombstone. */
static inline enum cs_err fx_put(
        struct state *state, uint64_t epoch, uint32_t kind, const char *id, struct cs_bytes payload)
{
	const struct state_change change = { kind, id, payload.p == NULL, payload };
	const struct state_write write = {
		.changes = &change, .count = 1, .epoch = epoch, .actor = "test"
	};
	struct state_position position;

	return state_commit(state, &write, 1, &position);
}

static inline struct state_facts fx_facts(struct state *state)
{
	struct state_facts facts;

	assert_int_equal(state_facts(state, &facts), CS_OK);
	return facts;
}
