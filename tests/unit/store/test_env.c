#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/db/env.h"
#include "tests/unit/store/state_fixture.h"

#define MAP (1u << 20)

static void env_put(MDB_env *env, const char *key)
{
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	MDB_val k = { strlen(key), (void *)(uintptr_t)key }, v = k;

	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "t", MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

static mode_t mode_of(const char *dir, const char *file)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void a_writer_lets_its_group_read_and_lock(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(env_close) MDB_env *env = NULL;
	const mode_t old = umask(077);

	assert_int_equal(env_open(dir, ENV_WRITER, MAP, &env), CS_OK);
	umask(old);
	assert_int_equal(mode_of(dir, "data.mdb"), 0640);
	assert_int_equal(mode_of(dir, "lock.mdb"), 0660);
	env_close(&env);
	fx_rmdir(dir);
}

static void a_reader_finds_no_store_before_the_first_writer(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(env_close) MDB_env *env = NULL;

	assert_int_equal(env_open(dir, ENV_READER, MAP, &env), CS_ENOTFOUND);
	assert_null(env);
	assert_int_equal(env_open("/nonexistent/dir", ENV_WRITER, MAP, &env), CS_ENOTFOUND);
	fx_rmdir(dir);
}

static void a_reader_writes_nothing(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	CS_AUTO(env_close) MDB_env *env = NULL;
	MDB_txn *txn = NULL;

	assert_int_equal(env_open(dir, ENV_WRITER, MAP, &env), CS_OK);
	env_put(env, "a");
	env_close(&env);
	assert_int_equal(env_open(dir, ENV_READER, MAP, &env), CS_OK);
	assert_int_equal(env_err(mdb_txn_begin(env, NULL, 0, &txn)), CS_EDENIED);
	env_close(&env);
	fx_rmdir(dir);
}

static void a_file_that_is_no_store_is_damaged(void **unused)
{
	(void)unused;
	char dir[64], path[128], junk[8192];
	fx_mkdir(dir);
	CS_AUTO(env_close) MDB_env *env = NULL;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	memset(junk, 'x', sizeof(junk));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(junk, 1, sizeof(junk), f), sizeof(junk));
	fclose(f);
	assert_int_equal(env_open(dir, ENV_WRITER, MAP, &env), CS_ECORRUPT);
	fx_rmdir(dir);
}

/* A child that dies in a read transaction keeps its slot until somebody looks. */
static void slots_of_dead_readers_are_freed(void **unused)
{
	(void)unused;
	char dir[64];
	fx_mkdir(dir);
	int pipes[2];
	char byte;

	assert_int_equal(pipe(pipes), 0);
	const pid_t child = fork();
	if (child == 0) {
		MDB_env *env = NULL;
		MDB_txn *txn = NULL;
		if (read(pipes[0], &byte, 1) != 1 || env_open(dir, ENV_READER, MAP, &env) != CS_OK)
			_exit(1);
		_exit(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0 ? 0 : 2);
	}
	CS_AUTO(env_close) MDB_env *env = NULL;
	assert_int_equal(env_open(dir, ENV_WRITER, MAP, &env), CS_OK);
	env_put(env, "a");
	assert_int_equal(write(pipes[1], "x", 1), 1);
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(env_reader_check(env), 1);
	assert_int_equal(env_reader_check(env), 0);
	close(pipes[0]);
	close(pipes[1]);
	env_close(&env);
	fx_rmdir(dir);
}

static void errors_of_lmdb_have_their_codes(void **unused)
{
	(void)unused;
	assert_int_equal(env_err(0), CS_OK);
	assert_int_equal(env_err(MDB_NOTFOUND), CS_ENOTFOUND);
	assert_int_equal(env_err(MDB_MAP_FULL), CS_EFULL);
	assert_int_equal(env_err(ENOSPC), CS_EFULL);
	assert_int_equal(env_err(MDB_CORRUPTED), CS_ECORRUPT);
	assert_int_equal(env_err(EACCES), CS_EDENIED);
	assert_int_equal(env_err(MDB_BAD_TXN), CS_EBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_writer_lets_its_group_read_and_lock),
		cmocka_unit_test(a_reader_finds_no_store_before_the_first_writer),
		cmocka_unit_test(a_reader_writes_nothing),
		cmocka_unit_test(a_file_that_is_no_store_is_damaged),
		cmocka_unit_test(slots_of_dead_readers_are_freed),
		cmocka_unit_test(errors_of_lmdb_have_their_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
