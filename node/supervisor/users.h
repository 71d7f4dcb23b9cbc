/* node/supervisor/users.h: who runs what. As root each role has its own user (design section 3):
 * the one that `make install` made, else a number from --uid-base on. As an ordinary user all roles
 * share that user. */
#pragma once
#include <sys/types.h>
#include "proto/base/cs.h"

#define UID_BASE                                                                                   \
	61184 /* the first of the range that systemd gives to nobody for long (DynamicUser) */

enum user_role {
	USER_KEYD,
	USER_REPLICATOR,
	USER_EDGE,
	USER_PROBER,
	USER_ADMIN,
	USER_IMPORT,
	USER_COUNT
};

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[2];
	size_t group_count;
};
struct users {
	bool shared; /* we are no root: nobody changes its user */
	struct user of[USER_COUNT];
	gid_t state_group, serving_group;
};

/* CS_EUSAGE: two roles would be one user. */
CS_MUST enum cs_err users_find(uid_t uid_base, struct users *out);
/* In a fresh child of root: becomes USER for good, without groups or capabilities of before.
 * Async-signal-safe enough for after fork. */
CS_MUST enum cs_err users_become(const struct users *users, enum user_role role);
