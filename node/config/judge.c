#include "node/config/judge.h"
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/config/config.h"
#include "node/config/where.h"
#include "proto/base/text.h"

#define SUN_PATH_MAX 107
#define MAP_SIZE_LEAST ((uint64_t)16 << 20)
#define MAP_SIZE_MOST ((uint64_t)16 << 40)

enum cs_err judge_refuse(
        const struct judge *self, const char *path, const char *value, const char *fmt, ...)
{
	char what[512], shown[640], plain[128];
	va_list args;

	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(path, "["), path);
	const struct where at = where_value(self->text, plain, value);
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	CS_TRY(cs_buf_printf(self->complaint, "%s:%u:%u %s: %s", self->file, at.line, at.column,
	        path, cs_show(what, shown, sizeof(shown))));
	return CS_ECONFIG;
}

static enum cs_err absolute(const struct judge *self, const char *raw, const char **out)
{
	*out = raw[0] == '/' ? cs_arena_text(self->arena, raw, strlen(raw))
	                     : cs_arena_printf(self->arena, "%s/%s",
	                               strcmp(self->folder, "/") == 0 ? "" : self->folder, raw);
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

enum cs_err judge_folder(const struct judge *self, const char *path, const char *raw,
        const char *fallback, const char **out)
{
	const char *value = raw != NULL ? raw : fallback;

	if (value[0] == '\0' || !cs_text_ok(value, CS_TEXT_MAX / 2))
		return judge_refuse(self, path, NULL, "expected the path of a folder");
	CS_TRY(absolute(self, value, out));
	return strlen(*out) <= CS_TEXT_MAX / 2
	               ? CS_OK
	               : judge_refuse(self, path, raw, "this path is too long");
}

enum cs_err judge_number(const struct judge *self, const char *path, const unsigned *raw,
        unsigned fallback, unsigned least, unsigned most, uint32_t *out)
{
	*out = raw != NULL ? *raw : fallback;
	if (*out < least || *out > most)
		return judge_refuse(self, path, NULL, "%u is out of range, %u to %u are possible",
		        *out, least, most);
	return CS_OK;
}

enum cs_err judge_size(const struct judge *self, const char *path, const char *raw,
        uint64_t fallback, uint64_t *out)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	char *end = NULL;

	*out = fallback;
	if (raw == NULL)
		return CS_OK;
	const unsigned long long n = raw[0] >= '0' && raw[0] <= '9' ? strtoull(raw, &end, 10) : 0;
	for (size_t i = 0; n > 0 && n <= 1u << 24 && i < CS_COUNT(units); i++) {
		if (strcmp(end + strspn(end, " "), units[i].name) != 0)
			continue;
		*out = (uint64_t)n << units[i].shift;
		if (*out < MAP_SIZE_LEAST || *out > MAP_SIZE_MOST)
			return judge_refuse(self, path, raw,
			        "%s is out of range, 16MiB to 16TiB are possible", raw);
		return CS_OK;
	}
	return judge_refuse(self, path, raw, "'%s' is not a size such as 512MiB or 32GiB", raw);
}

static uint32_t own_cpus(void)
{
	cpu_set_t set;
	const int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < 1 ? 1 : n > CONFIG_WORKERS_MAX ? CONFIG_WORKERS_MAX : (uint32_t)n;
}

enum cs_err judge_workers(
        const struct judge *self, const char *path, const char *raw, uint32_t *out)
{
	char *end = NULL;

	*out = own_cpus();
	if (raw == NULL || strcmp(raw, "auto") == 0)
		return CS_OK;
	const unsigned long n = raw[0] >= '0' && raw[0] <= '9' ? strtoul(raw, &end, 10) : 0;
	if (n < 1 || n > CONFIG_WORKERS_MAX || *end != '\0')
		return judge_refuse(self, path, raw, "'%s' is neither auto nor a number of 1 to %d",
		        raw, CONFIG_WORKERS_MAX);
	*out = (uint32_t)n;
	return CS_OK;
}

enum cs_err judge_upstream(
        const struct judge *self, const char *path, const char *raw, const char **out)
{
	const char *file = NULL;

	*out = raw != NULL ? cs_arena_text(self->arena, raw, strlen(raw)) : "";
	if (*out == NULL)
		return CS_ENOMEM;
	if (raw == NULL || raw[0] == '\0')
		return CS_OK;
	if (strncmp(raw, "tcp:", 4) == 0 && cs_endpoint_ok(raw + 4, false))
		return CS_OK;
	if (strncmp(raw, "unix:", 5) != 0 || raw[5] == '\0' || !cs_text_ok(raw, CS_TEXT_MAX / 2))
		return judge_refuse(
		        self, path, raw, "'%s' is neither tcp:HOST:PORT nor unix:PATH", raw);
	CS_TRY(absolute(self, raw + 5, &file));
	if (strlen(file) > SUN_PATH_MAX)
		return judge_refuse(
		        self, path, raw, "a socket's path has at most %d bytes", SUN_PATH_MAX);
	*out = cs_arena_printf(self->arena, "unix:%s", file);
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

static bool literal(const char *endpoint)
{
	char host[64];
	struct in6_addr any;
	const size_t n = (size_t)(strrchr(endpoint, ':') - endpoint);

	if (n >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)n, endpoint);
	if (host[0] != '[')
		return inet_pton(AF_INET, host, &any) == 1;
	host[n - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, &any) == 1;
}

enum cs_err judge_listen(const struct judge *self, const char *path, const char *raw)
{
	if (cs_endpoint_ok(raw, false) && literal(raw))
		return CS_OK;
	if (cs_endpoint_ok(raw, true) && literal(raw))
		return judge_refuse(self, path, raw,
		        "port 0 cannot be reached by anybody, choose one of 1 to 65535");
	return judge_refuse(self, path, raw,
	        "'%s' is not an address and port such as 0.0.0.0:443 or [::]:443", raw);
}

static enum cs_err list_room(const struct judge *self, size_t n, const char ***out)
{
	*out = cs_arena_take(self->arena, (n + 1) * sizeof(**out));
	return *out != NULL ? CS_OK : CS_ENOMEM;
}

enum cs_err judge_listens(const struct judge *self, const char *path, const struct raw_list *raw,
        struct wire_texts *out)
{
	const char **v = NULL;
	char at[64];

	CS_TRY(list_room(self, raw->n, &v));
	for (unsigned i = 0; i < raw->n; i++) {
		snprintf(at, sizeof(at), "%s[%u]", path, i);
		CS_TRY(judge_listen(self, at, raw->v[i]));
		for (unsigned j = 0; j < i; j++)
			if (strcmp(raw->v[i], raw->v[j]) == 0)
				return judge_refuse(
				        self, at, raw->v[i], "%s stands here twice", raw->v[i]);
		v[i] = cs_arena_text(self->arena, raw->v[i], strlen(raw->v[i]));
		if (v[i] == NULL)
			return CS_ENOMEM;
	}
	*out = (struct wire_texts){ v, raw->n };
	return CS_OK;
}

static bool upstream_ok(const char *text)
{
	char endpoint[CS_ENDPOINT_MAX + 1];
	uint8_t key[32];
	const size_t n = strcspn(text, " ");

	if (n > CS_ENDPOINT_MAX || text[n] != ' ')
		return false;
	snprintf(endpoint, sizeof(endpoint), "%.*s", (int)n, text);
	return cs_endpoint_ok(endpoint, false) && cs_unhex(text + n + 1, key, sizeof(key)) == CS_OK;
}

enum cs_err judge_upstreams(const struct judge *self, const char *path, const struct raw_list *raw,
        struct wire_texts *out)
{
	const char **v = NULL;
	char at[64];

	CS_TRY(list_room(self, raw->n, &v));
	for (unsigned i = 0; i < raw->n; i++) {
		snprintf(at, sizeof(at), "%s[%u]", path, i);
		if (!upstream_ok(raw->v[i]))
			return judge_refuse(self, at, raw->v[i],
			        "expected \"HOST:PORT KEY\", KEY being 64 hex digits");
		v[i] = cs_arena_text(self->arena, raw->v[i], strlen(raw->v[i]));
		if (v[i] == NULL)
			return CS_ENOMEM;
	}
	*out = (struct wire_texts){ v, raw->n };
	return CS_OK;
}
