/* chains ROOT.pem POOL.pem DIR N: builds the chain of each DIR/leaf-I.pem, I < N, over the pool
 * with our own builder, reading every leaf from its file as `openssl verify` does. Prints one JSON
 * line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "proto/base/clock.h"
#include "store/pki/path.h"
#include "store/pki/pem_list.h"

#define FILE_BYTES (64u << 20)

struct into {
	struct path_pool *pool;
	bool anchor;
};

static void must(enum cs_err rc, const char *what)
{
	if (rc == CS_OK)
		return;
	fprintf(stderr, "chains: %s: %s\n", what, cs_err_text(rc));
	exit(1);
}

static struct cs_buf read_file(const char *path)
{
	struct cs_buf out = cs_buf_new(FILE_BYTES);
	FILE *f = fopen(path, "rb");
	size_t n = 0;

	must(f != NULL ? CS_OK : CS_ENOTFOUND, path);
	do {
		must(cs_buf_reserve(&out, 65536), path);
		n = fread(out.p + out.n, 1, 65536, f);
		out.n += n;
	} while (n > 0);
	fclose(f);
	return out;
}

static enum cs_err to_pool(void *data, struct cs_bytes der)
{
	const struct into *into = data;

	return path_pool_add(into->pool, der, into->anchor);
}

static void load(struct path_pool *pool, const char *path, bool anchor)
{
	struct into into = { pool, anchor };
	struct cs_buf text = read_file(path);

	must(pem_list(cs_buf_view(&text), to_pool, &into), path);
	cs_buf_free(&text);
}

struct build {
	struct path_pool *pool;
	long complete;
};

static enum cs_err build_one(void *data, struct cs_bytes der)
{
	struct build *self = data;
	const struct path_rules rules = { .at = cs_clock_wall_s() };
	struct path_pool *const pools[] = { self->pool };
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct path path;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	CS_TRY(path_build(pools, 1, der, &rules, arena, &path));
	self->complete += path.complete ? 1 : 0;
	return CS_OK;
}

int main(int argc, char **argv)
{
	struct build self = { .pool = NULL };
	char path[4096];

	if (argc != 5) {
		fprintf(stderr, "usage: chains ROOT.pem POOL.pem DIR N\n");
		return 64;
	}
	const long n = strtol(argv[4], NULL, 10);
	const int64_t begin = cs_clock_mono_us();
	must(path_pool_new(&self.pool), "pool");
	load(self.pool, argv[1], true);
	load(self.pool, argv[2], false);
	const int64_t loaded = cs_clock_mono_us();
	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/leaf-%ld.pem", argv[3], i);
		struct cs_buf text = read_file(path);
		must(pem_list(cs_buf_view(&text), build_one, &self), path);
		cs_buf_free(&text);
	}
	const int64_t end = cs_clock_mono_us();
	printf("{\"complete\": %ld, \"us\": %.1f, \"pool_ms\": %.1f}\n", self.complete,
	        n > 0 ? (double)(end - begin) / (double)n : 0.0, (double)(loaded - begin) / 1000);
	path_pool_free(&self.pool);
	return 0;
}
