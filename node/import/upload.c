#include "node/import/upload.h"
#include <string.h>
#include <sodium.h>
#include "proto/base/limits.h"

#define ARENA_MAX (1u << 20)
#define FINDINGS_MAX 256u

/* The passphrase as text; NULL when none was given. A NUL within would cut it short, so it is
 * refused. */
static enum cs_err passphrase_of(
        const struct wire_door *door, char out[CS_PASSPHRASE_MAX + 1], const char **passphrase)
{
	*passphrase = NULL;
	if (!door->has_passphrase)
		return CS_OK;
	if (door->passphrase.n > CS_PASSPHRASE_MAX)
		return CS_ETOOBIG;
	if (door->passphrase.n > 0) {
		if (memchr(door->passphrase.p, '\0', door->passphrase.n) != NULL)
			return CS_EMALFORMED;
		memcpy(out, door->passphrase.p, door->passphrase.n);
	}
	out[door->passphrase.n] = '\0';
	*passphrase = out;
	return CS_OK;
}

static enum cs_err add_files(
        struct upload *self, const struct wire_door *door, const char *passphrase)
{
	size_t total = 0;

	for (size_t i = 0; i < door->files.n; i++) {
		const struct wire_upload *file = &door->files.v[i];
		total += file->bytes.n;
		if (i >= CS_UPLOAD_FILES_MAX || total > CS_UPLOAD_TOTAL_MAX) {
			self->err = CS_ETOOBIG;
			self->reason = "too many files, or more than 4 MiB together; import them "
			               "one after the other";
			return CS_OK;
		}
		CS_TRY(intake_add(self->intake, file->name, file->bytes, passphrase));
	}
	self->err = intake_finish(self->intake, &self->reason);
	return self->err == CS_ENOMEM ? CS_ENOMEM : CS_OK;
}

static enum cs_err copy_findings(struct upload *self)
{
	const struct intake_finding *found;
	const size_t all = intake_findings(self->intake, &found);
	const size_t n = all < FINDINGS_MAX ? all : FINDINGS_MAX;

	struct wire_finding *findings = cs_arena_take(self->arena, n * sizeof(*findings));
	if (n > 0 && findings == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		findings[i] = (struct wire_finding){ found[i].file, found[i].what,
			found[i].err == CS_OK ? "" : cs_err_name(found[i].err), found[i].reason };
	self->findings = findings;
	self->finding_count = n;
	return CS_OK;
}

/* A certificate that came without its key may answer an open request; a CA certificate alone is
 * welcome. */
static void judge(struct upload *self)
{
	const struct cs_bytes *cas;

	self->pair_count = intake_pairs(self->intake, &self->pairs);
	for (size_t i = 0; i < self->pair_count; i++)
		self->key_count += self->pairs[i].pkcs8.n > 0;
	if (self->err != CS_OK || self->pair_count > 0)
		return;
	if (intake_cas(self->intake, &cas) == 0) {
		self->err = CS_EEMPTY;
		self->reason = "neither a certificate nor a private key was found in the files";
	}
}

static enum cs_err read_files(struct upload *self, const struct wire_door *door)
{
	char text[CS_PASSPHRASE_MAX + 1];
	const char *passphrase;

	self->err = passphrase_of(door, text, &passphrase);
	self->reason = "the passphrase is longer than 1024 bytes or holds a NUL byte";
	if (self->err != CS_OK)
		return CS_OK;
	self->reason = "";
	const enum cs_err rc = add_files(self, door, passphrase);
	sodium_memzero(text, sizeof(text));
	return rc;
}

enum cs_err upload_read(const struct wire_door *door, struct upload *out)
{
	*out = (struct upload){ .reason = "" };
	CS_TRY(cs_arena_new(ARENA_MAX, &out->arena));
	CS_TRY(intake_new(&out->intake));
	CS_TRY(read_files(out, door));
	CS_TRY(copy_findings(out));
	judge(out);
	if (out->reason == NULL)
		out->reason = "";
	return CS_OK;
}

static bool in_chain(const struct intake_pair *pair, struct cs_bytes ca)
{
	for (size_t i = 0; pair != NULL && i < pair->chain_count; i++)
		if (cs_bytes_equal(pair->chain[i], ca))
			return true;
	return false;
}

enum cs_err upload_cas(const struct upload *self, const struct intake_pair *pair, size_t max_bytes,
        struct wire_blobs *out)
{
	const struct cs_bytes *cas;
	const size_t n = intake_cas(self->intake, &cas);
	struct cs_bytes *kept = cs_arena_take(self->arena, n * sizeof(*kept));
	size_t count = 0, bytes = 0;

	if (n > 0 && kept == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (in_chain(pair, cas[i]) || bytes + cas[i].n > max_bytes)
			continue;
		bytes += cas[i].n;
		kept[count++] = cas[i];
	}
	*out = (struct wire_blobs){ kept, count };
	return CS_OK;
}

void upload_free(struct upload *self)
{
	intake_free(&self->intake);
	cs_arena_free(&self->arena);
}
