/* store/db/env.h: one LMDB environment, opened by the rules of design 4.1 (lmdb.h caveats: after
 * exec, never across fork, never twice in a process, readers need write access to the lock file).
 */
#pragma once
#include <lmdb.h>
#include "proto/base/cs.h"

enum env_mode {
	ENV_WRITER, /* durable commits */
	ENV_WRITER_DERIVED, /* MDB_NOSYNC: only for what can be rebuilt */
	ENV_READER /* read-only, MDB_NOTLS */
};
/* DIR must exist. Data file 0640, lock 0660. CS_EDENIED, CS_EFULL, CS_EIO, CS_ECORRUPT,
 * CS_ENOTFOUND (reader, no store yet). */
CS_MUST enum cs_err env_open(const char *dir, enum env_mode mode, size_t map_size, MDB_env **out);
void env_close(MDB_env **env);
enum cs_err env_err(int mdb_rc); /* the nearest code */
/* Frees slots of dead readers; returns how many. */
unsigned env_reader_check(MDB_env *env);
