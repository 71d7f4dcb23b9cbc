#include <stdlib.h>
#include <jansson.h>
#include "node/config/config.h"
#include "proto/base/log.h"

static const char *format_word(uint32_t format)
{
	return format == CS_LOG_JSON ? "json" : "auto";
}

static const char *level_word(uint32_t level)
{
	static const char *const words[] = { [CS_LOG_ERROR] = "error",
		[CS_LOG_WARNING] = "warning",
		[CS_LOG_NOTICE] = "notice",
		[CS_LOG_INFO] = "info",
		[CS_LOG_DEBUG] = "debug" };

	return level < CS_COUNT(words) && words[level] != NULL ? words[level] : "info";
}

static void json_free(json_t **v)
{
	json_decref(*v);
}

static json_t *texts(struct wire_texts list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list.n; i++)
		if (json_array_append_new(array, json_string(list.v[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* The keys of the file, with `schema` as every JSON of ours has it. */
static json_t *tree(const struct wire_config *c)
{
	return json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:I}, s:s, s:{s:o, s:s, s:I, s:I, s:I}, "
	                 "s:{s:s, s:o}, s:{s:I}, s:{s:s, s:s}}",
	        "schema", "certspan.config/1", "file", c->config_file, "node", "name", c->name,
	        "store", "directory", c->state_dir, "map_size", (json_int_t)c->map_size,
	        "runtime_directory", c->runtime_dir, "edge", "listen", texts(c->edge_listen),
	        "upstream", c->upstream, "workers", (json_int_t)c->workers, "handshake_timeout_s",
	        (json_int_t)c->handshake_timeout_s, "idle_timeout_s", (json_int_t)c->idle_timeout_s,
	        "replication", "listen", c->replication_listen, "upstreams", texts(c->upstreams),
	        "probe", "interval_s", (json_int_t)c->probe_interval_s, "log", "format",
	        format_word(c->log_format), "level", level_word(c->log_level));
}

enum cs_err config_show_json(const struct wire_config *config, struct cs_buf *out)
{
	CS_AUTO(json_free) json_t *root = tree(config);
	char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;

	if (text == NULL)
		return CS_ENOMEM;
	const enum cs_err rc = cs_buf_printf(out, "%s\n", text);
	free(text);
	return rc;
}

/* A JSON string is a YAML double-quoted scalar. */
static enum cs_err pair(struct cs_buf *out, const char *key, const char *value)
{
	CS_AUTO(json_free) json_t *v = json_string(value);
	char *text = v != NULL ? json_dumps(v, JSON_ENCODE_ANY) : NULL;

	if (text == NULL)
		return CS_ENOMEM;
	const enum cs_err rc = cs_buf_printf(out, "%s %s\n", key, text);
	free(text);
	return rc;
}

static enum cs_err list(struct cs_buf *out, const char *key, struct wire_texts values)
{
	CS_TRY(cs_buf_printf(out, "  %s:%s\n", key, values.n == 0 ? " []" : ""));
	for (size_t i = 0; i < values.n; i++)
		CS_TRY(pair(out, "    -", values.v[i]));
	return CS_OK;
}

enum cs_err config_show_yaml(const struct wire_config *c, struct cs_buf *out)
{
	CS_TRY(cs_buf_printf(out, "schema: 1\nnode:\n"));
	CS_TRY(pair(out, "  name:", c->name));
	CS_TRY(cs_buf_printf(out, "store:\n"));
	CS_TRY(pair(out, "  directory:", c->state_dir));
	CS_TRY(cs_buf_printf(
	        out, "  map-size: %lluMiB\n", (unsigned long long)(c->map_size >> 20)));
	CS_TRY(pair(out, "runtime-directory:", c->runtime_dir));
	CS_TRY(cs_buf_printf(out, "edge:\n"));
	CS_TRY(list(out, "listen", c->edge_listen));
	CS_TRY(pair(out, "  upstream:", c->upstream));
	CS_TRY(cs_buf_printf(out,
	        "  workers: %u\n  handshake-timeout-s: %u\n  idle-timeout-s: %u\nreplication:\n",
	        c->workers, c->handshake_timeout_s, c->idle_timeout_s));
	CS_TRY(pair(out, "  listen:", c->replication_listen));
	CS_TRY(list(out, "upstreams", c->upstreams));
	return cs_buf_printf(out, "probe:\n  interval-s: %u\nlog:\n  format: %s\n  level: %s\n",
	        c->probe_interval_s, format_word(c->log_format), level_word(c->log_level));
}
