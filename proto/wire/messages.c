/* One table a message, and the check that each says what its schema says. */
#include <stddef.h>
#include "proto/wire/control.h"
#include "proto/wire/control.pb-c.h"
#include "proto/wire/objects.pb-c.h"
#include "proto/wire/replication.pb-c.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define MAX_u32(arg) 0
#define MAX_u64(arg) 0
#define MAX_flag(arg) 0
#define MAX_text(arg) (arg)
#define MAX_bytes(arg) (arg)
#define MAX_msg(arg) 0
#define MAX_list(arg) 0
#define MAX_texts(arg) (arg)
#define MAX_blobs(arg) (arg)
#define SUB_u32(arg) NULL
#define SUB_u64(arg) NULL
#define SUB_flag(arg) NULL
#define SUB_text(arg) NULL
#define SUB_bytes(arg) NULL
#define SUB_msg(arg) &wire_##arg##_type
#define SUB_list(arg) &wire_##arg##_type
#define SUB_texts(arg) NULL
#define SUB_blobs(arg) NULL
#define ROW(kind, field, arg)                                                                      \
	{ #field, WIRE_K_##kind, offsetof(struct JOIN(wire_, SELF), field), MAX_##kind(arg),       \
		SUB_##kind(arg) },
#define TYPE(name, FIELDS)                                                                         \
	static const struct wire_field name##_fields[] = { FIELDS(ROW) };                          \
	const struct wire_type wire_##name##_type = { #name, sizeof(struct wire_##name),           \
		name##_fields, CS_COUNT(name##_fields), &certspan__##name##__descriptor };

#define SELF position
TYPE(position, WIRE_POSITION)
#undef SELF
#define SELF reign
TYPE(reign, WIRE_REIGN)
#undef SELF
#define SELF object
TYPE(object, WIRE_OBJECT)
#undef SELF
#define SELF commit
TYPE(commit, WIRE_COMMIT)
#undef SELF
#define SELF bundle
TYPE(bundle, WIRE_BUNDLE)
#undef SELF
#define SELF certificate
TYPE(certificate, WIRE_CERTIFICATE)
#undef SELF
#define SELF ca
TYPE(ca, WIRE_CA)
#undef SELF
#define SELF default_choice
TYPE(default_choice, WIRE_DEFAULT_CHOICE)
#undef SELF
#define SELF node
TYPE(node, WIRE_NODE)
#undef SELF
#define SELF setting
TYPE(setting, WIRE_SETTING)
#undef SELF
#define SELF secret
TYPE(secret, WIRE_SECRET)
#undef SELF
#define SELF activation
TYPE(activation, WIRE_ACTIVATION)
#undef SELF
#define SELF syncset
TYPE(syncset, WIRE_SYNCSET)
#undef SELF
#define SELF request
TYPE(request, WIRE_REQUEST)
#undef SELF
#define SELF floor
TYPE(floor, WIRE_FLOOR)
#undef SELF
#define SELF chain
TYPE(chain, WIRE_CHAIN)
#undef SELF
#define SELF probe
TYPE(probe, WIRE_PROBE)
#undef SELF
#define SELF hello
TYPE(hello, WIRE_HELLO)
#undef SELF
#define SELF welcome
TYPE(welcome, WIRE_WELCOME)
#undef SELF
#define SELF piece
TYPE(piece, WIRE_PIECE)
#undef SELF
#define SELF mark
TYPE(mark, WIRE_MARK)
#undef SELF
#define SELF ack
TYPE(ack, WIRE_ACK)
#undef SELF
#define SELF status
TYPE(status, WIRE_STATUS)
#undef SELF
#define SELF member
TYPE(member, WIRE_MEMBER)
#undef SELF
#define SELF summary
TYPE(summary, WIRE_SUMMARY)
#undef SELF
#define SELF head
TYPE(head, WIRE_HEAD)
#undef SELF
#define SELF bye
TYPE(bye, WIRE_BYE)
#undef SELF
#define SELF enrol
TYPE(enrol, WIRE_ENROL)
#undef SELF
#define SELF enrolled
TYPE(enrolled, WIRE_ENROLLED)
#undef SELF
#define SELF config
TYPE(config, WIRE_CONFIG)
#undef SELF
#define SELF start
TYPE(start, WIRE_START)
#undef SELF
#define SELF fd
TYPE(fd, WIRE_FD)
#undef SELF
#define SELF ready
TYPE(ready, WIRE_READY)
#undef SELF
#define SELF stop
TYPE(stop, WIRE_STOP)
#undef SELF
#define SELF role
TYPE(role, WIRE_ROLE)
#undef SELF
#define SELF roles
TYPE(roles, WIRE_ROLES)
#undef SELF
#define SELF open
TYPE(open, WIRE_OPEN)
#undef SELF
#define SELF opened
TYPE(opened, WIRE_OPENED)
#undef SELF
#define SELF reseal
TYPE(reseal, WIRE_RESEAL)
#undef SELF
#define SELF resealed
TYPE(resealed, WIRE_RESEALED)
#undef SELF
#define SELF keyd_state
TYPE(keyd_state, WIRE_KEYD_STATE)
#undef SELF
#define SELF since
TYPE(since, WIRE_SINCE)
#undef SELF
#define SELF changes
TYPE(changes, WIRE_CHANGES)
#undef SELF
#define SELF change
TYPE(change, WIRE_CHANGE)
#undef SELF
#define SELF write
TYPE(write, WIRE_WRITE)
#undef SELF
#define SELF outcome
TYPE(outcome, WIRE_OUTCOME)
#undef SELF
#define SELF wait
TYPE(wait, WIRE_WAIT)
#undef SELF
#define SELF ask_facts
TYPE(ask_facts, WIRE_ASK)
#undef SELF
#define SELF facts
TYPE(facts, WIRE_FACTS)
#undef SELF
#define SELF token_add
TYPE(token_add, WIRE_TOKEN_ADD)
#undef SELF
#define SELF ask_identity
TYPE(ask_identity, WIRE_ASK)
#undef SELF
#define SELF identity
TYPE(identity, WIRE_IDENTITY)
#undef SELF
#define SELF ask_probe
TYPE(ask_probe, WIRE_ASK)
#undef SELF
#define SELF probe_round
TYPE(probe_round, WIRE_PROBE_ROUND)
#undef SELF
#define SELF probed
TYPE(probed, WIRE_PROBED)
#undef SELF
#define SELF upload
TYPE(upload, WIRE_UPLOAD)
#undef SELF
#define SELF door
TYPE(door, WIRE_DOOR)
#undef SELF
#define SELF door_reply
TYPE(door_reply, WIRE_DOOR_REPLY)
#undef SELF
#define SELF seal
TYPE(seal, WIRE_SEAL)
#undef SELF
#define SELF sealed
TYPE(sealed, WIRE_SEALED)
#undef SELF
#define SELF finding
TYPE(finding, WIRE_FINDING)
#undef SELF
#define SELF submit
TYPE(submit, WIRE_SUBMIT)
#undef SELF
#define SELF export
TYPE(export, WIRE_EXPORT)
#undef SELF
#define SELF recovery
TYPE(recovery, WIRE_RECOVERY)
#undef SELF
#define SELF permit
TYPE(permit, WIRE_PERMIT)
#undef SELF
#define SELF permitted
TYPE(permitted, WIRE_PERMITTED)
#undef SELF
#define SELF take_out
TYPE(take_out, WIRE_TAKE_OUT)
#undef SELF
#define SELF open_secret
TYPE(open_secret, WIRE_OPEN_SECRET)
#undef SELF
#define SELF taken_out
TYPE(taken_out, WIRE_TAKEN_OUT)
#undef SELF
#define SELF key_order
TYPE(key_order, WIRE_KEY_ORDER)
#undef SELF
#define SELF key_done
TYPE(key_done, WIRE_KEY_DONE)
#undef SELF
#define SELF mint
TYPE(mint, WIRE_MINT)
#undef SELF
#define SELF minted
TYPE(minted, WIRE_MINTED)
#undef SELF

static const struct wire_type *const all[] = {
	&wire_position_type,
	&wire_reign_type,
	&wire_object_type,
	&wire_commit_type,
	&wire_bundle_type,
	&wire_certificate_type,
	&wire_ca_type,
	&wire_default_choice_type,
	&wire_node_type,
	&wire_setting_type,
	&wire_secret_type,
	&wire_activation_type,
	&wire_syncset_type,
	&wire_floor_type,
	&wire_probe_type,
	&wire_hello_type,
	&wire_welcome_type,
	&wire_piece_type,
	&wire_mark_type,
	&wire_ack_type,
	&wire_status_type,
	&wire_member_type,
	&wire_summary_type,
	&wire_head_type,
	&wire_bye_type,
	&wire_enrol_type,
	&wire_enrolled_type,
	&wire_config_type,
	&wire_start_type,
	&wire_fd_type,
	&wire_ready_type,
	&wire_stop_type,
	&wire_role_type,
	&wire_roles_type,
	&wire_open_type,
	&wire_opened_type,
	&wire_reseal_type,
	&wire_resealed_type,
	&wire_keyd_state_type,
	&wire_since_type,
	&wire_changes_type,
	&wire_change_type,
	&wire_write_type,
	&wire_outcome_type,
	&wire_wait_type,
	&wire_ask_facts_type,
	&wire_facts_type,
	&wire_token_add_type,
	&wire_ask_identity_type,
	&wire_identity_type,
	&wire_ask_probe_type,
	&wire_probe_round_type,
	&wire_probed_type,
	&wire_upload_type,
	&wire_door_type,
	&wire_door_reply_type,
	&wire_seal_type,
	&wire_sealed_type,
	&wire_finding_type,
	&wire_submit_type,
	&wire_export_type,
	&wire_recovery_type,
	&wire_permit_type,
	&wire_permitted_type,
	&wire_take_out_type,
	&wire_open_secret_type,
	&wire_taken_out_type,
	&wire_key_order_type,
	&wire_key_done_type,
	&wire_request_type,
	&wire_mint_type,
	&wire_minted_type,
	&wire_chain_type,
};

enum cs_err wire_self_check(void)
{
	for (size_t i = 0; i < CS_COUNT(all); i++)
		CS_TRY(wire_type_check(all[i]));
	return CS_OK;
}
