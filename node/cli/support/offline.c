/* What the state store of this host holds that is public, when no daemon answers. Sealed bundles
 * and sealed secrets are never copied. */
#include <string.h>
#include "node/cli/reach.h"
#include "node/cli/support/gather.h"
#include "node/config/config.h"
#include "proto/base/limits.h"
#include "proto/wire/objects.h"
#include "store/db/state.h"

struct offline {
	struct gather *gather;
	json_t *list;
	size_t certs;
};

static enum cs_err on_bundle(void *data, const struct wire_object *object)
{
	struct offline *self = data;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_bundle bundle;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	if (self->certs++ == GATHER_CERTS_MAX)
		return CS_EFULL;
	if (wire_decode(&wire_bundle_type, object->payload, arena, &bundle) != CS_OK)
		return CS_OK;
	gather_cert(self->gather, object->id, bundle.leaf, bundle.chain.v, bundle.chain.n);
	return CS_OK;
}

static enum cs_err on_node(void *data, const struct wire_object *object)
{
	struct offline *self = data;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_node node;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	if (wire_decode(&wire_node_type, object->payload, arena, &node) != CS_OK)
		return CS_OK;
	json_array_append_new(
	        self->list, json_pack("{s:s, s:i, s:s, s:s, s:b}", "name", node.name, "role",
	                            (int)node.role, "public", node.public_host, "internal",
	                            node.internal, "enrolled", node.enrolled_at != 0));
	return CS_OK;
}

static enum cs_err on_setting(void *data, const struct wire_object *object)
{
	struct offline *self = data;
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_setting setting;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	if (wire_decode(&wire_setting_type, object->payload, arena, &setting) != CS_OK)
		return CS_OK;
	json_array_append_new(
	        self->list, json_pack("{s:s, s:s}", "name", object->id, "value", setting.value));
	return CS_OK;
}

static void list_of(struct offline *self, struct state *state, uint32_t kind, state_object_fn *fn,
        const char *key, const char *member)
{
	self->list = json_array();
	const enum cs_err rc = state_each(state, kind, "", fn, self);
	if (rc != CS_OK)
		gather_missing(self->gather, member, cs_err_text(rc));
	gather_json(self->gather, member, json_pack("{s:o}", key, self->list));
}

static void read_state(struct gather *self, struct state *state)
{
	struct offline offline = { .gather = self };
	struct state_facts facts;

	if (state_facts(state, &facts) == CS_OK)
		gather_json(self, "store.json",
		        json_pack("{s:I, s:I, s:I}", "seq", (json_int_t)facts.position.seq,
		                "objects", (json_int_t)facts.objects, "used_bytes",
		                (json_int_t)facts.used_bytes));
	const enum cs_err rc = state_each(state, OBJECT_BUNDLE, "", on_bundle, &offline);
	if (rc != CS_OK)
		gather_missing(self, "certs/",
		        rc == CS_EFULL ? "the first 1000 certificates alone are in it"
		                       : cs_err_text(rc));
	list_of(&offline, state, OBJECT_NODE, on_node, "nodes", "nodes.json");
	list_of(&offline, state, OBJECT_SETTING, on_setting, "settings", "settings.json");
}

void gather_offline(struct gather *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(state_close) struct state *state = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4 * CS_TEXT_MAX);
	struct wire_config config;
	char path[CS_TEXT_MAX + 16];

	gather_missing(self, "status.json, coverage.json, sync.json, default.json",
	        "no daemon answers: this is what the files of this host say");
	if (cs_arena_new(1u << 20, &arena) != CS_OK ||
	        config_read(reach_config(self->cli), arena, &config, &complaint) != CS_OK) {
		gather_missing(self, "certs/, nodes.json, settings.json",
		        "the configuration that says where the store is cannot be read");
		return;
	}
	snprintf(path, sizeof(path), "%s/state", config.state_dir);
	const enum cs_err rc = state_open(path, false, false, config.map_size, &state);
	if (rc == CS_OK)
		read_state(self, state);
	else
		gather_missing(self, "certs/, nodes.json, settings.json",
		        rc == CS_EDENIED ? "this user may not read the store; run it as root"
		                         : cs_err_text(rc));
}
