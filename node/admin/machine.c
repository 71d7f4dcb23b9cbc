#include "node/admin/machine.h"
#include <string.h>
#include "proto/base/cs.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define TEXT_BYTES_MAX 200

static const char *const texts[] = { "model", "hypervisor", "firmware", "firmware_date", "serial",
	"system_id", "version", "kernel", "arch", "zone", "time", "sandbox" };

static json_t *text_of(const json_t *said)
{
	const char *text = json_string_value(said);

	return text != NULL && text[0] != '\0' && cs_text_ok(text, TEXT_BYTES_MAX)
	               ? json_string(text)
	               : json_null();
}

static json_t *load_of(const json_t *said)
{
	if (json_array_size(said) != 3)
		return json_null();
	json_t *load = json_array();
	for (size_t i = 0; i < 3; i++)
		json_array_append_new(load, json_real(json_number_value(json_array_get(said, i))));
	return load;
}

json_t *machine_json(const char *text)
{
	if (text == NULL || strlen(text) > CS_FACTS_MAX)
		return json_null();
	json_t *said = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(said)) {
		json_decref(said);
		return json_null();
	}
	json_t *out = json_object();
	for (size_t i = 0; i < CS_COUNT(texts); i++)
		json_object_set_new(out, texts[i], text_of(json_object_get(said, texts[i])));
	const json_t *uptime = json_object_get(said, "uptime_s");
	json_object_set_new(out, "uptime_s",
	        json_is_integer(uptime) ? json_integer(json_integer_value(uptime)) : json_null());
	json_object_set_new(out, "load", load_of(json_object_get(said, "load")));
	json_decref(said);
	return out;
}
