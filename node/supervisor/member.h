/* node/supervisor/member.h: one role process, as fleet.c keeps it. */
#pragma once
#include <sys/types.h>
#include "node/supervisor/users.h"
#include "proto/role/loop.h"
#include "proto/wire/control.h"

enum member_state { MEMBER_DOWN, MEMBER_STARTING, MEMBER_UP };

/* The roles, in the order in which they start: each needs those above it. */
enum member_kind { KIND_KEYD, KIND_REPLICATOR, KIND_EDGE, KIND_PROBER, KIND_ADMIN, KIND_IMPORT };

struct member_role {
	const char *name;
	enum user_role user;
	bool last; /* stops after the others: they need it to finish */
};
extern const struct member_role member_roles[];

struct fleet;
struct member {
	struct fleet *fleet;
	enum member_kind kind;
	uint32_t index; /* of an edge worker; of an import: a running number */
	enum member_state state;
	pid_t pid; /* 0 while it is down */
	int control; /* -1 */
	uint32_t restarts;
	int64_t backoff_ms, started_ms; /* monotonic */
	int64_t since_ms; /* wall clock of its last start or end */
	char last_exit[128], note[256];
	struct loop_timer *timer; /* back-off, or READY */
	bool spoken; /* its program is missing: said once */
	bool stopping;
};

const char *member_name(const struct member *self, char out[48]); /* "edge 1", "keyd" */
/* "killed by signal 9 (Killed)", "exit 70 (...)"; "" for a clean end. */
void member_exit_text(int wait_status, char out[128]);
/* How long to wait before the next start, and doubles it; a life of 30 s forgets. */
int64_t member_backoff(struct member *self, int64_t lived_ms);

/* A channel between two kinds: what each end calls it. Each edge has its own to keyd. */
struct member_link {
	enum member_kind a, b;
	const char *to_a, *to_b; /* `what` of the FD packet that a, b get */
};
extern const struct member_link member_links[];
extern const size_t member_link_count;
