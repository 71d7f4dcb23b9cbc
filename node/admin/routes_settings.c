/* node/admin/routes_settings.c: settings of the cluster. */
#include <stdio.h>
#include <string.h>
#include "node/admin/gate.h"
#include "node/admin/routes.h"
#include "node/admin/settings.h"

const struct arg_field fields_setting_set[] = { { "value", ARG_ANY, CS_TEXT_MAX },
	{ "accept_uncovered", ARG_LIST, CS_NAME_MAX }, { NULL, 0, 0 } };

static enum cs_err known(struct call *call, const struct setting **out)
{
	char names[512] = "";
	size_t n = 0;

	*out = setting_find(call->name);
	if (*out != NULL)
		return CS_OK;
	for (size_t i = 0; i < setting_count(); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? ", " : "",
		        setting_at(i)->name);
	return reply_fail(&call->reply, CS_ENOTFOUND, "certspan setting list",
	        "no setting is called %s; there are %s", call->name, names);
}

enum cs_err route_settings(struct call *call)
{
	json_t *list = json_array();

	enum cs_err rc = call_lock(call);
	for (size_t i = 0; rc == CS_OK && i < setting_count(); i++)
		json_array_append_new(list, setting_view(setting_at(i), call->mirror, call->arena));
	if (rc == CS_OK)
		return reply_with(&call->reply,
		        json_pack("{s:s, s:o}", "schema", "certspan.settings/1", "settings", list));
	json_decref(list);
	return rc;
}

enum cs_err route_setting(struct call *call)
{
	const struct setting *setting;

	CS_TRY(known(call, &setting));
	CS_TRY(call_lock(call));
	return reply_with(
	        &call->reply, json_pack("{s:s, s:o}", "schema", "certspan.setting/1", "setting",
	                              setting_view(setting, call->mirror, call->arena)));
}

/* New site hostnames must be covered, once anything is served. */
static enum cs_err check_site(struct call *call, const char *value)
{
	struct scene scene;
	struct wire_texts accepted;
	struct gate gate;

	CS_TRY(arg_list(call->args, "accept_uncovered", call->arena, &accepted));
	CS_TRY(route_scene(call, &scene));
	scene.node_count = 0; /* of the nodes nothing changes */
	CS_TRY(mirror_words(value, call->arena, &scene.site));
	CS_TRY(gate_uncovered(&scene, NULL, accepted, call->arena, &gate));
	if (gate.count == 0 || !scene_serves(&scene))
		return CS_OK;
	return route_refuse(call, &gate, "no Active certificate covers",
	        "certspan setting set site.hostname ...");
}

static enum cs_err decide_setting(struct call *call, void *data, struct plan *plan)
{
	const struct setting *setting = data;
	struct wire_setting payload;

	CS_TRY(setting_parse(setting, json_object_get(call->args, "value"), call->arena,
	        &call->reply, &payload.value));
	if (strcmp(setting->type, "hosts") == 0)
		CS_TRY(check_site(call, payload.value));
	CS_TRY(reply_with(&call->reply, json_pack("{s:{s:s, s:s}}", "setting", "name",
	                                        setting->name, "value", payload.value)));
	const char *now = mirror_setting(call->mirror, setting->name, NULL);
	if (now != NULL && strcmp(now, payload.value) == 0)
		return CS_OK;
	return plan_put(plan, OBJECT_SETTING, setting->name, &payload);
}

enum cs_err route_setting_set(struct call *call)
{
	const struct setting *setting;

	CS_TRY(known(call, &setting));
	if (!arg_has(call->args, "value"))
		return reply_fail(&call->reply, CS_EUSAGE, "", "value is missing");
	CS_TRY(call_write(call, decide_setting, (void *)(uintptr_t)setting));
	if (call_lock(call) == CS_OK) /* the answer shows it as it is now; a lost replicator does
	                                 not undo the write */
		json_object_set_new(call->reply.doc, "setting",
		        setting_view(setting, call->mirror, call->arena));
	else
		call->reply.err = CS_OK;
	return CS_OK;
}
