#include "node/config/config.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/config/judge.h"
#include "node/config/raw.h"
#include "node/config/where.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

#define SCHEMA 1
#define RUNTIME_DIR_MAX 96 /* + "/door.sock" must fit a socket's path, 107 bytes */

static const struct raw_store no_store;
static const struct raw_edge no_edge;
static const struct raw_replication no_replication;
static const struct raw_probe no_probe;
static const struct raw_log no_log;
static char default_listen[] = "0.0.0.0:443";

static enum cs_err judge_name(
        const struct judge *j, const struct raw_config *raw, struct wire_config *out)
{
	uint32_t schema;

	CS_TRY(judge_number(j, "schema", raw->schema, SCHEMA, 0, UINT32_MAX, &schema));
	if (schema != SCHEMA)
		return judge_refuse(j, "schema", NULL,
		        "%u is not known here, this certspan reads schema %d", schema, SCHEMA);
	if (!cs_node_name_ok(raw->node.name))
		return judge_refuse(j, "node.name", NULL,
		        "'%s' is not a node name: 1 to 32 of a-z, 0-9 and inner '-'",
		        raw->node.name);
	out->name = cs_arena_text(j->arena, raw->node.name, strlen(raw->node.name));
	return out->name != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err judge_places(
        const struct judge *j, const struct raw_config *raw, struct wire_config *out)
{
	const struct raw_store *store = raw->store != NULL ? raw->store : &no_store;

	CS_TRY(judge_folder(
	        j, "store.directory", store->directory, "/var/lib/certspan", &out->state_dir));
	CS_TRY(judge_size(
	        j, "store.map-size", store->map_size, (uint64_t)32 << 30, &out->map_size));
	CS_TRY(judge_folder(j, "runtime-directory", raw->runtime_directory, "/run/certspan",
	        &out->runtime_dir));
	if (strlen(out->runtime_dir) > RUNTIME_DIR_MAX)
		return judge_refuse(j, "runtime-directory", raw->runtime_directory,
		        "a folder of sockets has at most %d bytes, this one has %zu",
		        RUNTIME_DIR_MAX, strlen(out->runtime_dir));
	if (strcmp(out->runtime_dir, out->state_dir) == 0)
		return judge_refuse(j, "runtime-directory", raw->runtime_directory,
		        "the same folder as store.directory; it is emptied at boot, choose "
		        "another");
	return CS_OK;
}

static enum cs_err judge_edge(
        const struct judge *j, const struct raw_config *raw, struct wire_config *out)
{
	const struct raw_edge *edge = raw->edge != NULL ? raw->edge : &no_edge;
	char *one[] = { default_listen };
	const struct raw_list fallback = { one, 1 };

	CS_TRY(judge_listens(j, "edge.listen", edge->listen.n > 0 ? &edge->listen : &fallback,
	        &out->edge_listen));
	CS_TRY(judge_upstream(j, "edge.upstream", edge->upstream, &out->upstream));
	CS_TRY(judge_workers(j, "edge.workers", edge->workers, &out->workers));
	CS_TRY(judge_number(j, "edge.handshake-timeout-s", edge->handshake_timeout_s, 10, 1, 300,
	        &out->handshake_timeout_s));
	return judge_number(j, "edge.idle-timeout-s", edge->idle_timeout_s, 300, 1, 86400,
	        &out->idle_timeout_s);
}

static enum cs_err judge_replication(
        const struct judge *j, const struct raw_config *raw, struct wire_config *out)
{
	const struct raw_replication *r =
	        raw->replication != NULL ? raw->replication : &no_replication;
	const char *listen = r->listen != NULL ? r->listen : "";

	if (listen[0] != '\0')
		CS_TRY(judge_listen(j, "replication.listen", listen));
	for (size_t i = 0; i < out->edge_listen.n; i++)
		if (strcmp(out->edge_listen.v[i], listen) == 0)
			return judge_refuse(j, "replication.listen", listen,
			        "%s is in edge.listen too", listen);
	out->replication_listen = cs_arena_text(j->arena, listen, strlen(listen));
	if (out->replication_listen == NULL)
		return CS_ENOMEM;
	return judge_upstreams(j, "replication.upstreams", &r->upstreams, &out->upstreams);
}

static enum cs_err judge_all(
        const struct judge *j, const struct raw_config *raw, struct wire_config *out)
{
	static const unsigned log_levels[] = { CS_LOG_ERROR, CS_LOG_WARNING, CS_LOG_NOTICE,
		CS_LOG_INFO, CS_LOG_DEBUG };
	const struct raw_probe *probe = raw->probe != NULL ? raw->probe : &no_probe;
	const struct raw_log *log = raw->log != NULL ? raw->log : &no_log;

	CS_TRY(judge_name(j, raw, out));
	CS_TRY(judge_places(j, raw, out));
	CS_TRY(judge_edge(j, raw, out));
	CS_TRY(judge_replication(j, raw, out));
	CS_TRY(judge_number(
	        j, "probe.interval-s", probe->interval_s, 60, 1, 86400, &out->probe_interval_s));
	out->log_format = log->format != NULL && *log->format == 2 ? CS_LOG_JSON : CS_LOG_TEXT;
	out->log_level = log->level != NULL ? log_levels[*log->level] : CS_LOG_INFO;
	out->config_file = cs_arena_text(j->arena, j->file, strlen(j->file));
	return out->config_file != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err refuse_text(
        const struct judge *j, unsigned line, unsigned column, const char *what)
{
	CS_TRY(cs_buf_printf(j->complaint, "%s:%u:%u %s", j->file, line, column, what));
	return CS_ECONFIG;
}

enum cs_err config_parse(const char *file, struct cs_bytes text, struct cs_arena *arena,
        struct wire_config *out, struct cs_buf *complaint)
{
	struct judge j = { .file = file, .arena = arena, .complaint = complaint };
	CS_AUTO(raw_free) struct raw_config *raw = NULL;
	const char *slash = strrchr(file, '/');

	*out = (struct wire_config){ 0 };
	if (text.n > CONFIG_FILE_MAX)
		return refuse_text(&j, 1, 1, "larger than 64 KiB, this is no configuration");
	j.text = cs_arena_text(arena, (const char *)text.p, text.n);
	j.folder = cs_arena_text(arena, file,
	        slash == file   ? 1
	        : slash != NULL ? (size_t)(slash - file)
	                        : 0);
	if (j.text == NULL || j.folder == NULL)
		return CS_ENOMEM;
	if (strlen(j.text) != text.n)
		return refuse_text(&j, 1, 1, "holds a NUL byte, this is no text file");
	CS_TRY(raw_load(file, j.text, text.n, &raw, complaint));
	const struct where second = where_second_document(j.text);
	if (second.line != 0)
		return refuse_text(&j, second.line, second.column,
		        "a second document begins here, only one is read");
	return judge_all(&j, raw, out);
}

static enum cs_err read_all(const char *file, struct cs_buf *out)
{
	const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return cs_err_errno(errno);
	ssize_t n = 1;
	enum cs_err rc = CS_OK;
	while (rc == CS_OK && n > 0) {
		rc = cs_buf_reserve(out, 4096);
		if (rc != CS_OK)
			break;
		n = read(fd, out->p + out->n, 4096);
		rc = n < 0 ? cs_err_errno(errno) : CS_OK;
		out->n += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return rc;
}

enum cs_err config_read(
        const char *file, struct cs_arena *arena, struct wire_config *out, struct cs_buf *complaint)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(CONFIG_FILE_MAX + 4096 + 1);
	char full[PATH_MAX];

	*out = (struct wire_config){ 0 };
	errno = 0;
	enum cs_err rc = realpath(file, full) == NULL ? cs_err_errno(errno) : read_all(full, &text);
	if (rc != CS_OK && rc != CS_ETOOBIG) {
		const char *why = errno != 0 ? strerror(errno) : cs_err_text(rc);
		CS_TRY(cs_buf_printf(complaint, "%s: %s", file, why));
		return rc;
	}
	if (strlen(full) > CS_TEXT_MAX / 2) {
		CS_TRY(cs_buf_printf(complaint, "%s: this path is too long", file));
		return CS_ETOOBIG;
	}
	if (rc == CS_ETOOBIG)
		text.n = CONFIG_FILE_MAX + 1;
	return config_parse(full, cs_buf_view(&text), arena, out, complaint);
}
