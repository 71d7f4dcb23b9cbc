/* The words and payloads that stand for numbers in objects.h and replication.h. */
#include <string.h>
#include "proto/wire/replication.h"

static const char *word(const char *const *words, size_t n, uint32_t i)
{
	return i < n && words[i] != NULL ? words[i] : "?";
}

const char *object_kind_name(uint32_t kind)
{
	static const char *const words[] = { [OBJECT_BUNDLE] = "bundle",
		[OBJECT_CERTIFICATE] = "certificate",
		[OBJECT_CA] = "ca-certificate",
		[OBJECT_REQUEST] = "request",
		[OBJECT_DEFAULT] = "default",
		[OBJECT_CHAIN] = "chain",
		[OBJECT_NODE] = "node",
		[OBJECT_SETTING] = "setting",
		[OBJECT_SECRET] = "secret",
		[OBJECT_TOKEN] = "token",
		[OBJECT_STAPLE] = "staple",
		[OBJECT_ACTIVATION] = "activation",
		[OBJECT_PIPELINE] = "pipeline",
		[OBJECT_SYNCSET] = "syncset",
		[OBJECT_FLOOR] = "floor",
		[OBJECT_EXPORT] = "export",
		[OBJECT_RECOVERY] = "recovery" };
	return word(words, CS_COUNT(words), kind);
}

static const char *const roles[] = { "none", "primary", "backup", "traffic" };

const char *node_role_name(uint32_t role)
{
	return word(roles, CS_COUNT(roles), role);
}

uint32_t node_role_of(const char *name)
{
	for (uint32_t i = ROLE_PRIMARY; i < CS_COUNT(roles); i++)
		if (strcmp(name, roles[i]) == 0)
			return i;
	return ROLE_NONE;
}

const char *cert_state_name(uint32_t state)
{
	static const char *const words[] = { [CERT_STAGED] = "staged",
		[CERT_VERIFIED] = "verified",
		[CERT_ACTIVE] = "active",
		[CERT_RETIRED] = "retired",
		[CERT_REJECTED] = "rejected" };
	return word(words, CS_COUNT(words), state);
}

const char *chain_mode_name(uint32_t mode)
{
	static const char *const words[] = { [CHAIN_AUTOMATIC] = "automatic",
		[CHAIN_CURRENT] = "current",
		[CHAIN_MANUAL] = "manual" };
	return word(words, CS_COUNT(words), mode);
}

const char *probe_result_name(uint32_t result)
{
	static const char *const words[] = { "unknown", "match", "old", "default", "wrong",
		"down" };
	return word(words, CS_COUNT(words), result);
}

const struct wire_type *object_payload_type(uint32_t kind)
{
	static const struct wire_type *const types[OBJECT_KIND_END] = { [OBJECT_BUNDLE] =
		                                                                &wire_bundle_type,
		[OBJECT_CERTIFICATE] = &wire_certificate_type,
		[OBJECT_CA] = &wire_ca_type,
		[OBJECT_DEFAULT] = &wire_default_choice_type,
		[OBJECT_NODE] = &wire_node_type,
		[OBJECT_SETTING] = &wire_setting_type,
		[OBJECT_ACTIVATION] = &wire_activation_type,
		[OBJECT_SYNCSET] = &wire_syncset_type,
		[OBJECT_SECRET] = &wire_secret_type,
		[OBJECT_EXPORT] = &wire_export_type,
		[OBJECT_RECOVERY] = &wire_recovery_type,
		[OBJECT_REQUEST] = &wire_request_type,
		[OBJECT_CHAIN] = &wire_chain_type };

	return kind < OBJECT_KIND_END ? types[kind] : NULL;
}
