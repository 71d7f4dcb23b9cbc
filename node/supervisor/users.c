#include "node/supervisor/users.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#define GROUP_STATE 16
#define GROUP_SERVING 17

static gid_t group_find(const char *name, gid_t fallback)
{
	const struct group *g = getgrnam(name);

	return g != NULL ? g->gr_gid : fallback;
}

static struct user user_find(const char *name, uid_t fallback)
{
	const struct passwd *p = getpwnam(name);

	return p != NULL ? (struct user){ .uid = p->pw_uid, .gid = p->pw_gid }
	                 : (struct user){ .uid = fallback, .gid = fallback };
}

static void join(struct user *user, gid_t group)
{
	user->groups[user->group_count++] = group;
}

/* Two roles under one user could read each other's memory and keys. */
static enum cs_err distinct(const struct users *users)
{
	for (size_t i = 0; i < USER_COUNT; i++) {
		if (users->of[i].uid == 0)
			return CS_EUSAGE;
		for (size_t j = 0; j < i; j++)
			if (users->of[i].uid == users->of[j].uid)
				return CS_EUSAGE;
	}
	return CS_OK;
}

enum cs_err users_find(uid_t uid_base, struct users *out)
{
	static const char *const names[USER_COUNT] = { "_certspan-keyd", "_certspan-replicator",
		"_certspan-edge", "_certspan-prober", "_certspan-admin", "_certspan-import" };

	*out = (struct users){ .shared = geteuid() != 0 };
	if (out->shared)
		return CS_OK;
	for (size_t i = 0; i < USER_COUNT; i++)
		out->of[i] = user_find(names[i], uid_base + (uid_t)i);
	out->state_group = group_find("_certspan-state", uid_base + GROUP_STATE);
	out->serving_group = group_find("_certspan-serving", uid_base + GROUP_SERVING);
	join(&out->of[USER_KEYD], out->state_group);
	join(&out->of[USER_REPLICATOR], out->state_group);
	join(&out->of[USER_REPLICATOR], out->serving_group);
	join(&out->of[USER_EDGE], out->serving_group);
	join(&out->of[USER_PROBER], out->serving_group);
	return distinct(out);
}

enum cs_err users_become(const struct users *users, enum user_role role)
{
	const struct user *u = &users->of[role];

	if (users->shared)
		return CS_OK;
	/* The capabilities of root go with its uid (capabilities(7)); the last line proves that
	 * there is no way back. */
	if (setgroups(u->group_count, u->groups) != 0 || setresgid(u->gid, u->gid, u->gid) != 0 ||
	        setresuid(u->uid, u->uid, u->uid) != 0)
		return cs_err_errno(errno);
	return setuid(0) == -1 ? CS_OK : CS_EBUG;
}
