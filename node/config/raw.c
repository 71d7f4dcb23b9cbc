#include "node/config/raw.h"
#include <cyaml/cyaml.h>
#include <string.h>
#include "node/config/trouble.h"
#include "proto/base/limits.h"

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member) CYAML_FIELD_STRING_PTR(key, OPTIONAL, type, member, 0, CS_TEXT_MAX)
#define LIST(key, type, member, min)                                                               \
	CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL, type, member.v, member.n, &entry, min, 16)
#define NUMBER(key, type, member) CYAML_FIELD_UINT_PTR(key, OPTIONAL, type, member)
#define SECTION(key, member, fields)                                                               \
	CYAML_FIELD_MAPPING_PTR(key, OPTIONAL, struct raw_config, member, fields)

const char *const raw_formats[3] = { "auto", "text", "json" };
const char *const raw_levels[5] = { "error", "warning", "notice", "info", "debug" };

static const cyaml_strval_t formats[] = { { "auto", 0 }, { "text", 1 }, { "json", 2 } };
static const cyaml_strval_t levels[] = { { "error", 0 }, { "warning", 1 }, { "notice", 2 },
	{ "info", 3 }, { "debug", 4 } };

static const cyaml_schema_value_t entry = { CYAML_VALUE_STRING(
	CYAML_FLAG_POINTER, char *, 1, CS_TEXT_MAX) };
static const cyaml_schema_field_t node[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_node, name, 1, CS_TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t store[] = {
	TEXT("directory", struct raw_store, directory),
	TEXT("map-size", struct raw_store, map_size),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t edge[] = {
	LIST("listen", struct raw_edge, listen, 1),
	TEXT("upstream", struct raw_edge, upstream),
	TEXT("workers", struct raw_edge, workers),
	NUMBER("handshake-timeout-s", struct raw_edge, handshake_timeout_s),
	NUMBER("idle-timeout-s", struct raw_edge, idle_timeout_s),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t replication[] = {
	TEXT("listen", struct raw_replication, listen),
	LIST("upstreams", struct raw_replication, upstreams, 0),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t probe[] = {
	NUMBER("interval-s", struct raw_probe, interval_s),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t log_section[] = {
	CYAML_FIELD_ENUM_PTR("format", OPTIONAL | CYAML_FLAG_STRICT, struct raw_log, format,
	        formats, CS_COUNT(formats)),
	CYAML_FIELD_ENUM_PTR("level", OPTIONAL | CYAML_FLAG_STRICT, struct raw_log, level, levels,
	        CS_COUNT(levels)),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t top[] = {
	NUMBER("schema", struct raw_config, schema),
	CYAML_FIELD_MAPPING("node", CYAML_FLAG_DEFAULT, struct raw_config, node, node),
	SECTION("store", store, store),
	TEXT("runtime-directory", struct raw_config, runtime_directory),
	SECTION("edge", edge, edge),
	SECTION("replication", replication, replication),
	SECTION("probe", probe, probe),
	SECTION("log", log, log_section),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t root = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_POINTER, struct raw_config, top) };

static void listen_to(cyaml_log_t level, void *trouble, const char *fmt, va_list args)
{
	(void)level;
	trouble_line(trouble, fmt, args);
}

static cyaml_config_t settings(struct trouble *trouble)
{
	return (cyaml_config_t){ .log_fn = trouble != NULL ? listen_to : NULL,
		.log_ctx = trouble,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS };
}

enum cs_err raw_load(const char *file, const char *text, size_t n, struct raw_config **out,
        struct cs_buf *complaint)
{
	struct trouble trouble = { .lines = cs_buf_new(16384), .schema = &root };
	const cyaml_config_t config = settings(&trouble);
	cyaml_data_t *data = NULL;

	*out = NULL;
	const cyaml_err_t rc =
	        cyaml_load_data((const uint8_t *)text, n, &config, &root, &data, NULL);
	enum cs_err err = rc == CYAML_OK ? CS_OK : rc == CYAML_ERR_OOM ? CS_ENOMEM : CS_ECONFIG;
	if (err == CS_ECONFIG) {
		const enum cs_err said =
		        trouble_tell(&trouble, file, text, rc == CYAML_ERR_ALIAS, complaint);
		err = said == CS_OK ? err : said;
	}
	if (err == CS_OK &&
	        data == NULL) { /* libcyaml takes an empty file for a success without data */
		const enum cs_err said = cs_buf_printf(
		        complaint, "%s:1:1 node.name: missing: the file is empty", file);
		err = said == CS_OK ? CS_ECONFIG : said;
	}
	cs_buf_free(&trouble.lines);
	*out = data;
	return err;
}

void raw_free(struct raw_config **self)
{
	const cyaml_config_t config = settings(NULL);

	if (*self != NULL)
		(void)cyaml_free(&config, &root, *self, 0);
	*self = NULL;
}
