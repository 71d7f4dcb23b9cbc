#include "node/import/leave.h"
#include <string.h>
#include <jansson.h>
#include <sodium.h>
#include "node/import/answer.h"
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/role/channel.h"
#include "proto/role/recovery.h"
#include "store/pki/export.h"

#define KEYD_MS 10000
#define ADMIN_MS 120000
#define BAD_REQUEST 400
#define REFUSED 422
#define ALLOWED 300 /* below it: yes */

struct leave {
	const struct submit_to *to;
	const struct wire_door *door;
	char passphrase[CS_PASSPHRASE_MAX + 1];
	bool unencrypted, generated; /* as the options say */
	uint32_t *status;
	struct cs_buf *body, *file;
	bool refused; /* BODY says why */
};

static enum cs_err refuse(
        struct leave *self, uint32_t status, enum cs_err err, const char *text, const char *next)
{
	self->refused = true;
	*self->status = status;
	return answer_error(err, text, next, self->body);
}

static bool flag_in(const json_t *options, const char *name)
{
	return json_is_true(json_object_get(options, name));
}

/* Nothing is recorded for what would fail by its passphrase. */
static enum cs_err take_passphrase(struct leave *self, bool check)
{
	const struct cs_bytes *given = &self->door->passphrase;

	if (given->n > CS_PASSPHRASE_MAX ||
	        (given->n > 0 && memchr(given->p, '\0', given->n) != NULL))
		return refuse(self, BAD_REQUEST, CS_EUSAGE,
		        "the passphrase is longer than 1024 bytes or holds a NUL byte", "");
	if (given->n > 0)
		memcpy(self->passphrase, given->p, given->n);
	const char *objection = check ? pki_passphrase_objection(self->passphrase) : NULL;
	return objection == NULL ? CS_OK
	                         : refuse(self, BAD_REQUEST, CS_EUSAGE, objection,
	                                   "choose a longer one, or --generate-passphrase");
}

static enum cs_err read_options(struct leave *self)
{
	json_t *options = json_loads(self->door->options, JSON_REJECT_DUPLICATES, NULL);

	self->unencrypted = flag_in(options, "unencrypted");
	self->generated = flag_in(options, "generated");
	json_decref(options);
	return take_passphrase(self, self->door->has_passphrase &&
	                                     strcmp(self->door->verb, "verify") != 0 &&
	                                     strcmp(self->door->verb, "unlock") != 0);
}

/* The body of the answer is the admin process's, whatever follows. */
static enum cs_err ask_admin(struct leave *self, uint32_t epoch, struct wire_packet *packet,
        const struct wire_permitted **out)
{
	const struct wire_permit ask = { self->to->uid, self->door->verb, self->door->options,
		epoch };

	CS_TRY(channel_send_wait(
	        self->to->admin, PACKET_permit, &ask, cs_clock_mono_ms() + KEYD_MS));
	CS_TRY(channel_receive_wait(self->to->admin, cs_clock_mono_ms() + ADMIN_MS, packet, NULL));
	if (packet->id != PACKET_permitted)
		return CS_EMALFORMED;
	*out = packet->body;
	*self->status = (*out)->status;
	self->refused = (*out)->status >= ALLOWED || (*out)->record[0] == '\0';
	return cs_buf_add(self->body, (*out)->body, strlen((*out)->body));
}

static enum cs_err err_of(const char *name)
{
	for (unsigned i = 1; i < CS_ERR_COUNT; i++)
		if (strcmp(cs_err_name((enum cs_err)i), name) == 0)
			return (enum cs_err)i;
	return CS_EBUG;
}

static enum cs_err refused_by_keyd(struct leave *self, const char *error, const char *reason)
{
	const enum cs_err err = err_of(error);

	return refuse(self, REFUSED, err, reason,
	        err == CS_ELOCKED ? "certspan key unlock" : "certspan key status");
}

static enum cs_err take_out(struct leave *self, const char *record, struct wire_packet *packet,
        const struct wire_taken_out **out)
{
	const struct wire_take_out ask = { 1, record };
	const int64_t deadline = cs_clock_mono_ms() + KEYD_MS;

	CS_TRY(channel_send_wait(self->to->keyd, PACKET_take_out, &ask, deadline));
	CS_TRY(channel_receive_wait(self->to->keyd, deadline, packet, NULL));
	if (packet->id != PACKET_taken_out)
		return CS_EMALFORMED;
	*out = packet->body;
	return (*out)->error[0] != '\0' ? refused_by_keyd(self, (*out)->error, (*out)->reason)
	                                : CS_OK;
}

static enum cs_err export_key(struct leave *self)
{
	CS_AUTO(wire_packet_free) struct wire_packet answer = { 0 }, taken = { 0 };
	const struct wire_permitted *may;
	const struct wire_taken_out *out;

	if (self->door->has_passphrase == self->unencrypted)
		return refuse(self, BAD_REQUEST, CS_ENOPASSPHRASE,
		        self->unencrypted ? "a passphrase and --unencrypted at once"
		                          : "a private key leaves under a passphrase",
		        "--passphrase-file F, or --generate-passphrase");
	CS_TRY(ask_admin(self, 0, &answer, &may));
	if (self->refused)
		return CS_OK;
	CS_TRY(take_out(self, may->record, &taken, &out));
	if (self->refused)
		return CS_OK;
	const struct pki_export_item item = { out->leaf, out->chain.v, out->chain.n };
	const struct pki_export what = { .format = (enum pki_format)may->format,
		.include = may->include,
		.items = &item,
		.count = 1,
		.pkcs8 = out->pkcs8,
		.name = may->name,
		.passphrase = self->unencrypted ? NULL : self->passphrase,
		.legacy = may->legacy };
	const enum cs_err rc = pki_export(&what, self->file);
	return rc == CS_OK || rc == CS_ENOMEM
	               ? rc
	               : refuse(self, REFUSED, rc, "the file cannot be made of what is stored",
	                         "choose another --format");
}

static enum cs_err write_recovery(struct leave *self, const struct wire_taken_out *out)
{
	struct recovery what = { .made = cs_clock_wall_s(), .count = out->secrets.n };
	const struct cs_bytes passphrase = cs_bytes_of(self->passphrase);

	if (out->cluster.n != sizeof(what.cluster) || what.count > RECOVERY_SECRETS_MAX)
		return CS_EMALFORMED;
	memcpy(what.cluster, out->cluster.p, sizeof(what.cluster));
	for (size_t i = 0; i < what.count; i++) {
		if (out->secrets.v[i].secret.n != 32)
			return CS_EMALFORMED;
		what.secrets[i].epoch = out->secrets.v[i].epoch;
		memcpy(what.secrets[i].secret, out->secrets.v[i].secret.p, 32);
	}
	const enum cs_err rc = recovery_write(&what, passphrase, !self->generated, self->file);
	recovery_wipe(&what);
	return rc;
}

static enum cs_err make_recovery(struct leave *self)
{
	CS_AUTO(wire_packet_free) struct wire_packet answer = { 0 }, taken = { 0 };
	const struct wire_permitted *may;
	const struct wire_taken_out *out;

	if (!self->door->has_passphrase)
		return refuse(self, BAD_REQUEST, CS_ENOPASSPHRASE,
		        "the recovery file needs a passphrase",
		        "--passphrase-file F, or --generate-passphrase");
	CS_TRY(ask_admin(self, 0, &answer, &may));
	if (self->refused)
		return CS_OK;
	CS_TRY(take_out(self, may->record, &taken, &out));
	return self->refused ? CS_OK : write_recovery(self, out);
}

static enum cs_err refuse_file(struct leave *self, enum cs_err err)
{
	switch (err) {
	case CS_EPASSPHRASE:
		return refuse(self, REFUSED, err, "wrong passphrase for the recovery file",
		        "try the passphrase that was shown when the file was made");
	case CS_EVERSION:
		return refuse(self, REFUSED, err,
		        "the recovery file was written by a newer certspan", "");
	default:
		return refuse(self, REFUSED, err,
		        "this is no recovery file, or a byte of it was changed or lost",
		        "take another copy of it; or make a new one: certspan key recovery --out "
		        "FILE");
	}
}

static enum cs_err read_recovery(struct leave *self, struct recovery *out)
{
	if (self->door->files.n != 1 || !self->door->has_passphrase)
		return refuse(self, BAD_REQUEST, CS_ENOPASSPHRASE,
		        "one recovery file and its passphrase are wanted", "--passphrase-file F");
	const enum cs_err rc =
	        recovery_read(self->door->files.v[0].bytes, cs_bytes_of(self->passphrase), out);
	return rc == CS_OK || rc == CS_ENOMEM ? rc : refuse_file(self, rc);
}

/* RECOVERY NULL: none is given. */
static enum cs_err order(
        struct leave *self, const char *verb, const struct recovery *recovery, uint32_t *epoch)
{
	struct wire_open_secret secrets[RECOVERY_SECRETS_MAX];
	struct wire_key_order ask = { .tag = 1, .verb = verb };
	const int64_t deadline = cs_clock_mono_ms() + KEYD_MS;
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	for (size_t i = 0; recovery != NULL && i < recovery->count; i++)
		secrets[i] = (struct wire_open_secret){ recovery->secrets[i].epoch,
			{ recovery->secrets[i].secret, 32 } };
	if (recovery != NULL) {
		ask.cluster = (struct cs_bytes){ recovery->cluster, sizeof(recovery->cluster) };
		ask.secrets.v = secrets;
		ask.secrets.n = recovery->count;
	}
	CS_TRY(channel_send_wait(self->to->keyd, PACKET_key_order, &ask, deadline));
	CS_TRY(channel_receive_wait(self->to->keyd, deadline, &packet, NULL));
	if (packet.id != PACKET_key_done)
		return CS_EMALFORMED;
	const struct wire_key_done *done = packet.body;
	*epoch = done->epoch;
	return done->error[0] != '\0' ? refused_by_keyd(self, done->error, done->reason) : CS_OK;
}

static enum cs_err verify_with(struct leave *self, struct recovery *recovery)
{
	CS_AUTO(wire_packet_free) struct wire_packet answer = { 0 };
	const struct wire_permitted *may;
	uint32_t epoch = 0;

	CS_TRY(read_recovery(self, recovery));
	if (self->refused)
		return CS_OK;
	CS_TRY(order(self, "check", recovery, &epoch));
	return self->refused ? CS_OK : ask_admin(self, epoch, &answer, &may);
}

static enum cs_err verify(struct leave *self)
{
	struct recovery recovery = { .count = 0 };
	const enum cs_err rc = verify_with(self, &recovery);

	recovery_wipe(&recovery);
	return rc;
}

static enum cs_err turn_with(struct leave *self, struct recovery *recovery)
{
	CS_AUTO(wire_packet_free) struct wire_packet answer = { 0 };
	const bool brought = self->door->files.n > 0;
	const struct wire_permitted *may;
	uint32_t epoch = 0;

	if (brought)
		CS_TRY(read_recovery(self, recovery));
	if (self->refused)
		return CS_OK;
	CS_TRY(ask_admin(self, 0, &answer, &may));
	return self->refused ? CS_OK
	                     : order(self, self->door->verb, brought ? recovery : NULL, &epoch);
}

/* lock, unlock */
static enum cs_err turn(struct leave *self)
{
	struct recovery recovery = { .count = 0 };
	const enum cs_err rc = turn_with(self, &recovery);

	recovery_wipe(&recovery);
	return rc;
}

static const struct {
	const char *verb;
	enum cs_err (*fn)(struct leave *self);
} verbs[] = { { "export", export_key }, { "recovery", make_recovery }, { "verify", verify },
	{ "lock", turn }, { "unlock", turn } };

bool leave_knows(const char *verb)
{
	for (size_t i = 0; i < CS_COUNT(verbs); i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			return true;
	return false;
}

enum cs_err leave_serve(const struct submit_to *to, const struct wire_door *door, uint32_t *status,
        struct cs_buf *body, struct cs_buf *file)
{
	struct leave self = {
		.to = to, .door = door, .status = status, .body = body, .file = file
	};
	enum cs_err rc = read_options(&self);

	for (size_t i = 0; rc == CS_OK && !self.refused && i < CS_COUNT(verbs); i++)
		if (strcmp(verbs[i].verb, door->verb) == 0)
			rc = verbs[i].fn(&self);
	sodium_memzero(self.passphrase, sizeof(self.passphrase));
	return rc;
}
