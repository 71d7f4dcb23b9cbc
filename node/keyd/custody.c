#include "node/keyd/custody.h"
#include <stdio.h>
#include <string.h>
#include "proto/base/limits.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"

#define EXPORT_ARENA (5 * CS_OBJECT_MAX)
#define FRESH_S 240 /* the age at which a record is refused anyway, and then some */

/* A record lets its key out once. Where all places are taken by fresh ones nothing leaves. */
static enum cs_err use_once(struct custody *self, const char *record, int64_t now_s)
{
	size_t place = CUSTODY_USED_MAX;

	for (size_t i = 0; i < CUSTODY_USED_MAX; i++) {
		if (strcmp(self->used[i].id, record) == 0)
			return CS_EDENIED;
		if (self->used[i].id[0] == '\0' || now_s - self->used[i].at_s > FRESH_S)
			place = i;
	}
	if (place == CUSTODY_USED_MAX)
		return CS_EAGAIN;
	snprintf(self->used[place].id, sizeof(self->used[place].id), "%s", record);
	self->used[place].at_s = now_s;
	return CS_OK;
}

static const char *why(enum cs_err err)
{
	switch (err) {
	case CS_ELOCKED:
		return "the cluster secret is locked on this node, or has not come to it yet";
	case CS_ENOTFOUND:
		return "the store of this node has no such export record, or no such bundle any "
		       "more";
	case CS_EDENIED:
		return "the export record was used already, or is not of now";
	case CS_EAGAIN:
		return "too many exports in a few minutes";
	case CS_EMISMATCH:
		return "the recovery file is of another cluster, or of an older secret of this one";
	case CS_EUNSUPPORTED:
		return "the key process does not know that order";
	default:
		return cs_err_text(err);
	}
}

static enum cs_err take_out(
        struct custody *self, int fd, const struct wire_take_out *request, int64_t now_s)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct vault_export out = { .secret_count = 0 };
	struct wire_taken_out reply = { .tag = request->tag, .error = "", .reason = "" };

	CS_TRY(cs_arena_new(EXPORT_ARENA, &arena));
	enum cs_err rc = vault_export(self->vault, request->record, now_s, arena, &out);
	if (rc == CS_OK)
		rc = use_once(self, request->record, now_s);
	cs_notice("export record %s: %s", request->record,
	        rc == CS_OK ? "what it names leaves this node" : why(rc));
	if (rc != CS_OK) {
		reply.error = cs_err_name(rc);
		reply.reason = why(rc);
		return channel_send(fd, PACKET_taken_out, &reply, -1);
	}
	reply.pkcs8 = out.pkcs8;
	reply.leaf = out.leaf;
	reply.chain = out.chain;
	reply.cluster = (struct cs_bytes){ out.cluster, sizeof(out.cluster) };
	reply.secrets.v = out.secrets;
	reply.secrets.n = out.secret_count;
	return channel_send(fd, PACKET_taken_out, &reply, -1);
}

static enum cs_err lock(struct custody *self)
{
	keybox_clear(self->box);
	vault_lock(self->vault);
	cs_warning("locked: all keys and secrets are gone from memory; new handshakes fail until "
	           "`certspan key unlock`");
	return CS_OK;
}

static enum cs_err unlock(struct custody *self, const struct wire_key_order *order)
{
	if (!vault_locked(self->vault) && vault_epoch(self->vault) != 0)
		return CS_OK;
	if (order->secrets.n == 0) {
		cs_notice("unlocking: starting anew with the key file");
		self->restart = true;
		return CS_OK;
	}
	CS_TRY(vault_unlock(self->vault, order->cluster, order->secrets.v, order->secrets.n));
	cs_notice("unlocked by a recovery file");
	return CS_OK;
}

static enum cs_err obey(struct custody *self, const struct wire_key_order *order)
{
	if (strcmp(order->verb, "check") == 0)
		return vault_compare(
		        self->vault, order->cluster, order->secrets.v, order->secrets.n);
	if (strcmp(order->verb, "lock") == 0)
		return lock(self);
	if (strcmp(order->verb, "unlock") == 0)
		return unlock(self, order);
	return CS_EUNSUPPORTED;
}

static enum cs_err take_order(struct custody *self, int fd, const struct wire_key_order *order)
{
	const enum cs_err rc = obey(self, order);
	const struct wire_key_done reply = { order->tag, rc == CS_OK ? "" : cs_err_name(rc),
		rc == CS_OK ? "" : why(rc), vault_epoch(self->vault) };

	return channel_send(fd, PACKET_key_done, &reply, -1);
}

enum cs_err custody_answer(
        struct custody *self, int fd, const struct wire_packet *packet, int64_t now_s)
{
	switch (packet->id) {
	case PACKET_take_out:
		return take_out(self, fd, packet->body, now_s);
	case PACKET_key_order:
		return take_order(self, fd, packet->body);
	default:
		return CS_EUNSUPPORTED;
	}
}
