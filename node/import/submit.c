#include "node/import/submit.h"
#include <string.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/role/channel.h"

#define KEYD_MS 10000
#define ADMIN_MS 120000 /* acks of the backup and of other nodes may be waited for */
#define FEW_FINDINGS 16u
#define KEYLESS_MAX 64 /* certificates without a key that may answer open requests */
#define ANSWERS_MAX 98000u /* of several, within the one body of DOOR_REPLY */

/* Why keyd did not seal, in its own words. */
static enum cs_err seal(
        const struct submit_to *to, const struct intake_pair *pair, struct wire_packet *sealed)
{
	const struct wire_seal request = { 1, pair->pkcs8, pair->leaf->der,
		{ pair->chain, pair->chain_count }, pair->name };
	const int64_t deadline = cs_clock_mono_ms() + KEYD_MS;

	CS_TRY(channel_send_wait(to->keyd, PACKET_seal, &request, deadline));
	CS_TRY(channel_receive_wait(to->keyd, deadline, sealed, NULL));
	return sealed->id == PACKET_sealed ? CS_OK : CS_EMALFORMED;
}

/* What does not fit into one packet is cut where it hurts least: CA certificates first, then the
 * tail of the findings. */
static enum cs_err send_submit(const struct submit_to *to, struct wire_submit *submit)
{
	const int64_t deadline = cs_clock_mono_ms() + KEYD_MS;

	enum cs_err rc = channel_send_wait(to->admin, PACKET_submit, submit, deadline);
	if (rc != CS_ETOOBIG)
		return rc;
	submit->cas.n = 0;
	if (submit->findings.n > FEW_FINDINGS)
		submit->findings.n = FEW_FINDINGS;
	return channel_send_wait(to->admin, PACKET_submit, submit, deadline);
}

static enum cs_err ask_admin(const struct submit_to *to, struct wire_submit *submit,
        uint32_t *status, struct cs_buf *body)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };

	CS_TRY(send_submit(to, submit));
	CS_TRY(channel_receive_wait(to->admin, cs_clock_mono_ms() + ADMIN_MS, &packet, NULL));
	if (packet.id != PACKET_door_reply)
		return CS_EMALFORMED;
	const struct wire_door_reply *reply = packet.body;
	*status = reply->status > *status ? reply->status : *status; /* the worst of several */
	const size_t n = strlen(reply->body);
	if (body->n > 0 && body->n + n > ANSWERS_MAX)
		return cs_buf_printf(
		        body, "{}"); /* done, but its answer has no room beside the others */
	return cs_buf_add(body, reply->body, n);
}

static struct wire_submit draft(
        const struct submit_to *to, const struct wire_door *door, const struct upload *upload)
{
	struct wire_submit submit = { .uid = to->uid,
		.options = door->options,
		.id = "",
		.name = "",
		.error = "",
		.reason = "",
		.csr = "",
		.kdf_iterations = intake_kdf_iterations(upload->intake) };

	submit.findings.v = upload->findings;
	submit.findings.n = upload->finding_count;
	return submit;
}

/* *TAKEN: admin was asked; else PAIR has no key and answers no open request. */
static enum cs_err submit_pair(const struct submit_to *to, const struct wire_door *door,
        const struct upload *upload, const struct intake_pair *pair, uint32_t *status,
        struct cs_buf *body, bool *taken)
{
	CS_AUTO(wire_packet_free) struct wire_packet packet = { 0 };
	struct wire_submit submit = draft(to, door, upload);

	CS_TRY(seal(to, pair, &packet));
	const struct wire_sealed *sealed = packet.body;
	*taken = pair->pkcs8.n > 0 || strcmp(sealed->error, cs_err_name(CS_ENOKEY)) != 0;
	if (!*taken)
		return CS_OK;
	submit.name = pair->name;
	submit.error = sealed->error;
	submit.reason = sealed->reason;
	submit.id = sealed->id;
	submit.bundle = sealed->bundle;
	submit.csr = sealed->csr;
	CS_TRY(upload_cas(upload, pair, CS_OBJECT_MAX / 4, &submit.cas));
	if (body->n > 0)
		CS_TRY(cs_buf_printf(body, ","));
	return ask_admin(to, &submit, status, body);
}

static enum cs_err submit_none(const struct submit_to *to, const struct wire_door *door,
        const struct upload *upload, uint32_t *status, struct cs_buf *body)
{
	struct wire_submit submit = draft(to, door, upload);
	const bool keyless = upload->err == CS_OK && upload->pair_count > 0;

	submit.error = keyless                ? cs_err_name(CS_ENOKEY)
	               : upload->err != CS_OK ? cs_err_name(upload->err)
	                                      : "";
	submit.reason =
	        keyless ? "no private key came with the certificate, and it answers no open "
	                  "request; import it together with its key, or as PKCS#12"
	                : upload->reason;
	CS_TRY(upload_cas(upload, NULL, CS_OBJECT_MAX, &submit.cas));
	return ask_admin(to, &submit, status, body);
}

/* The answers that stand in BODY, as one document. */
static enum cs_err wrap_several(struct cs_buf *body)
{
	CS_AUTO(cs_buf_free) struct cs_buf all = cs_buf_new(body->max);

	CS_TRY(cs_buf_printf(&all, "{\"imports\":["));
	CS_TRY(cs_buf_add(&all, body->p, body->n));
	CS_TRY(cs_buf_printf(&all, "]}"));
	cs_buf_free(body);
	return cs_buf_add(body, all.p, all.n);
}

enum cs_err submit_upload(const struct submit_to *to, const struct wire_door *door,
        const struct upload *upload, uint32_t *status, struct cs_buf *body)
{
	size_t answers = 0, keyless = 0;

	*status = 0;
	for (size_t i = 0; upload->err == CS_OK && i < upload->pair_count; i++) {
		bool taken = false;
		if (upload->pairs[i].pkcs8.n == 0 && keyless++ == KEYLESS_MAX)
			break;
		CS_TRY(submit_pair(to, door, upload, &upload->pairs[i], status, body, &taken));
		answers += taken;
	}
	if (answers == 0)
		return submit_none(to, door, upload, status, body);
	return answers > 1 ? wrap_several(body) : CS_OK;
}
