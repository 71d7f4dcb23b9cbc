#include "store/db/env.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ENV_TABLES 16
#define ENV_READERS 1024 /* the default of 126 is few for workers x restarts */
#define ENV_DATA_MODE 0640
#define ENV_LOCK_MODE 0660 /* readers of another uid must write their slot */

static const struct {
	int rc;
	enum cs_err err;
} env_errors[] = {
	{ MDB_SUCCESS, CS_OK },
	{ MDB_NOTFOUND, CS_ENOTFOUND },
	{ MDB_KEYEXIST, CS_EEXISTS },
	{ MDB_MAP_FULL, CS_EFULL },
	{ ENOSPC, CS_EFULL },
	{ EDQUOT, CS_EFULL },
	{ MDB_TXN_FULL, CS_ETOOBIG },
	{ MDB_CORRUPTED, CS_ECORRUPT },
	{ MDB_PAGE_NOTFOUND, CS_ECORRUPT },
	{ MDB_INVALID, CS_ECORRUPT },
	{ MDB_VERSION_MISMATCH, CS_EVERSION },
	{ MDB_READERS_FULL, CS_EAGAIN },
	{ MDB_PANIC, CS_EIO },
	{ EIO, CS_EIO },
	{ ENOENT, CS_ENOTFOUND },
	{ ENOMEM, CS_ENOMEM },
	{ EACCES, CS_EDENIED },
	{ EPERM, CS_EDENIED },
	{ EROFS, CS_EDENIED },
};

enum cs_err env_err(int mdb_rc)
{
	for (size_t i = 0; i < CS_COUNT(env_errors); i++)
		if (env_errors[i].rc == mdb_rc)
			return env_errors[i].err;
	return mdb_rc > 0 ? cs_err_errno(mdb_rc) : CS_EBUG;
}

static enum cs_err env_chmod(const char *dir, const char *file, mode_t mode)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return CS_ETOOBIG;
	return chmod(path, mode) == 0 || errno == EPERM ? CS_OK : cs_err_errno(errno);
}

/* LMDB gives both files one mode (and the umask takes from it), so the writer sets them afterwards.
 * EPERM: they are another uid's, who has set them already. */
static enum cs_err env_modes(const char *dir)
{
	CS_TRY(env_chmod(dir, "data.mdb", ENV_DATA_MODE));
	return env_chmod(dir, "lock.mdb", ENV_LOCK_MODE);
}

/* MDB_NOTLS for writers too: a callback may read while its caller's read transaction is open. */
static unsigned env_flags(enum env_mode mode)
{
	static const unsigned flags[] = {
		[ENV_WRITER] = MDB_NOTLS,
		[ENV_WRITER_DERIVED] = MDB_NOTLS | MDB_NOSYNC,
		[ENV_READER] = MDB_NOTLS | MDB_RDONLY | MDB_NORDAHEAD,
	};

	return flags[mode];
}

enum cs_err env_open(const char *dir, enum env_mode mode, size_t map_size, MDB_env **out)
{
	CS_AUTO(env_close) MDB_env *env = NULL;

	*out = NULL;
	CS_TRY(env_err(mdb_env_create(&env)));
	CS_TRY(env_err(mdb_env_set_mapsize(env, map_size)));
	CS_TRY(env_err(mdb_env_set_maxdbs(env, ENV_TABLES)));
	CS_TRY(env_err(mdb_env_set_maxreaders(env, ENV_READERS)));
	CS_TRY(env_err(mdb_env_open(env, dir, env_flags(mode), ENV_LOCK_MODE)));
	if (mode != ENV_READER)
		CS_TRY(env_modes(dir));
	*out = CS_STEAL(env);
	return CS_OK;
}

void env_close(MDB_env **env)
{
	if (*env != NULL)
		mdb_env_close(*env);
	*env = NULL;
}

unsigned env_reader_check(MDB_env *env)
{
	int dead = 0;

	return mdb_reader_check(env, &dead) == MDB_SUCCESS ? (unsigned)dead : 0;
}
