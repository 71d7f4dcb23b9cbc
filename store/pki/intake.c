#include "store/pki/intake.h"
#include <stdlib.h>
#include <string.h>
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "store/pki/intake_parts.h"
#include "store/pki/show.h"

#define ARENA_MAX (16u << 20)

static enum cs_err allocate(struct intake *self)
{
	CS_TRY(cs_arena_new(ARENA_MAX, &self->arena));
	self->certs = cs_arena_take(self->arena, INTAKE_CERTS_MAX * sizeof(*self->certs));
	self->cert_names = cs_arena_take(self->arena, INTAKE_CERTS_MAX * sizeof(*self->cert_names));
	self->keys = cs_arena_take(self->arena, INTAKE_KEYS_MAX * sizeof(*self->keys));
	self->findings = cs_arena_take(self->arena, INTAKE_FINDINGS_MAX * sizeof(*self->findings));
	self->pairs = cs_arena_take(self->arena, INTAKE_CERTS_MAX * sizeof(*self->pairs));
	self->cas = cs_arena_take(self->arena, INTAKE_CERTS_MAX * sizeof(*self->cas));
	const bool all = self->certs != NULL && self->cert_names != NULL && self->keys != NULL &&
	                 self->findings != NULL && self->pairs != NULL && self->cas != NULL;
	return all ? CS_OK : CS_ENOMEM;
}

enum cs_err intake_new(struct intake **out)
{
	*out = NULL;
	CS_AUTO(intake_free) struct intake *self = calloc(1, sizeof(*self));
	if (self == NULL)
		return CS_ENOMEM;
	CS_TRY(allocate(self));
	self->budget = pbe_budget_new(true);
	*out = CS_STEAL(self);
	return CS_OK;
}

void intake_free(struct intake **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < (*self)->cert_count; i++) {
		struct pki_cert *cert = (struct pki_cert *)(uintptr_t)(*self)->certs[i];
		pki_cert_free(&cert);
	}
	for (size_t i = 0; i < (*self)->key_count; i++)
		EVP_PKEY_free((*self)->keys[i].pkey);
	cs_arena_free(&(*self)->arena);
	free(*self);
	*self = NULL;
}

enum cs_err intake_skip(
        struct intake_file *file, const char *what, enum cs_err err, const char *reason)
{
	struct intake *self = file->intake;

	if (err == CS_ENOMEM)
		return err;
	if (self->finding_count < INTAKE_FINDINGS_MAX)
		self->findings[self->finding_count++] =
		        (struct intake_finding){ file->name, what, err, reason };
	return CS_OK;
}

enum cs_err intake_note(
        struct intake_file *file, const char *what, enum cs_err err, const char *reason)
{
	struct intake *self = file->intake;

	if (err != CS_OK && err != CS_ENOMEM && self->fatal == CS_OK) {
		const char *sentence = reason[0] != '\0' ? reason : cs_err_text(err);
		self->fatal_reason =
		        cs_arena_printf(self->arena, "%s: %s: %s", file->name, what, sentence);
		if (self->fatal_reason == NULL)
			self->fatal_reason = sentence;
		self->fatal = err;
	}
	return intake_skip(file, what, err, reason);
}

static bool known(const struct intake *self, const struct pki_cert *cert)
{
	for (size_t i = 0; i < self->cert_count; i++)
		if (memcmp(self->certs[i]->sha256, cert->sha256, sizeof(cert->sha256)) == 0)
			return true;
	return false;
}

static const char *cert_reason(enum cs_err err)
{
	switch (err) {
	case CS_ETRAILING:
		return "bytes after the end of the certificate";
	case CS_ETOOBIG:
		return "a certificate above 16 KiB, or with too many names";
	case CS_EMALFORMED:
		return "a certificate that does not decode, or whose names do not";
	default:
		return cs_err_text(err);
	}
}

enum cs_err intake_take_cert(struct intake_file *file, struct cs_bytes der)
{
	struct intake *self = file->intake;
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	const enum cs_err rc = pki_cert_read(der, &cert);

	if (rc != CS_OK)
		return intake_note(file, "certificate", rc, cert_reason(rc));
	const char *what = cert->is_ca ? "CA certificate" : "certificate";
	if (known(self, cert))
		return intake_skip(file, what, CS_OK, "the same one again");
	if (self->cert_count == INTAKE_CERTS_MAX)
		return intake_note(
		        file, what, CS_ETOOBIG, "more than 512 certificates in one import");
	self->cert_names[self->cert_count] = file->friendly;
	self->certs[self->cert_count++] = CS_STEAL(cert);
	return intake_note(file, what, CS_OK, "");
}

static bool key_known(const struct intake *self, EVP_PKEY *pkey)
{
	for (size_t i = 0; i < self->key_count; i++)
		if (EVP_PKEY_eq(self->keys[i].pkey, pkey) == 1)
			return true;
	return false;
}

/* A key whose halves do not belong together would sign with one and be checked by the other. */
static bool halves_agree(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	const bool bad = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 0;

	EVP_PKEY_CTX_free(ctx);
	return !bad;
}

static enum cs_err key_encode(struct intake *self, EVP_PKEY *pkey, struct cs_bytes *out)
{
	CS_AUTO(ossl_p8_free) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
	const int n = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) : 0;

	if (n <= 0)
		return CS_EUNSUPPORTED;
	if (n > (int)CS_KEY_MAX)
		return CS_ETOOBIG;
	uint8_t *p = cs_arena_take(self->arena, (size_t)n);
	if (p == NULL)
		return CS_ENOMEM;
	*out = (struct cs_bytes){ p, (size_t)n };
	i2d_PKCS8_PRIV_KEY_INFO(p8, &p);
	return CS_OK;
}

enum cs_err intake_take_key(struct intake_file *file, EVP_PKEY *taken)
{
	struct intake *self = file->intake;
	CS_AUTO(ossl_pkey_free) EVP_PKEY *pkey = taken;
	struct cs_bytes pkcs8 = { NULL, 0 };

	if (pkey == NULL)
		return intake_note(file, "private key", CS_EMALFORMED,
		        "a private key that does not decode, or of an unknown type");
	if (key_known(self, pkey))
		return intake_skip(file, "private key", CS_OK, "the same one again");
	if (self->key_count == INTAKE_KEYS_MAX)
		return intake_note(
		        file, "private key", CS_ETOOBIG, "more than 64 private keys in one import");
	if (!halves_agree(pkey))
		return intake_note(file, "private key", CS_EMISMATCH,
		        "the private and the public half of the key do not match");
	const enum cs_err rc = key_encode(self, pkey, &pkcs8);
	if (rc != CS_OK)
		return intake_note(file, "private key", rc, "");
	self->keys[self->key_count++] =
	        (struct intake_key){ CS_STEAL(pkey), pkcs8, file->name, file->friendly, false };
	return intake_note(file, "private key", CS_OK, "");
}

bool intake_key_room(struct intake_file *file, enum cs_err *rc)
{
	if (file->intake->keys_seen++ < INTAKE_KEYS_MAX)
		return true;
	*rc = intake_note(
	        file, "private key", CS_ETOOBIG, "more than 64 private keys in one import");
	return false;
}

enum cs_err intake_take_p8(struct intake_file *file, const PKCS8_PRIV_KEY_INFO *p8)
{
	enum cs_err rc;

	if (!intake_key_room(file, &rc))
		return rc;
	return intake_take_key(file, EVP_PKCS82PKEY(p8));
}

static enum cs_err read_file(struct intake_file *file, struct cs_bytes bytes)
{
	struct intake *self = file->intake;

	if (bytes.n == 0)
		return intake_note(file, "file", CS_EEMPTY, "an empty file");
	if (bytes.n > CS_UPLOAD_FILE_MAX)
		return intake_note(file, "file", CS_ETOOBIG, "a file above 1 MiB");
	if (++self->files > CS_UPLOAD_FILES_MAX)
		return intake_note(file, "file", CS_ETOOBIG, "more than 64 files in one import");
	self->total += bytes.n;
	if (self->total > CS_UPLOAD_TOTAL_MAX)
		return intake_note(file, "file", CS_ETOOBIG, "more than 4 MiB in one import");
	return intake_pem_is(bytes) ? intake_read_pem(file, bytes) : intake_read_der(file, bytes);
}

enum cs_err intake_add(
        struct intake *self, const char *name, struct cs_bytes bytes, const char *passphrase)
{
	struct intake_file file = { self, NULL, passphrase, "" };

	file.name = pki_show_bytes(self->arena, cs_bytes_of(name), CS_FRIENDLY_MAX);
	if (file.name == NULL)
		return CS_ENOMEM;
	if (passphrase != NULL && strlen(passphrase) > CS_PASSPHRASE_MAX)
		return intake_note(&file, "passphrase", CS_EPASSPHRASE, "a passphrase above 1 KiB");
	ERR_clear_error();
	const enum cs_err rc = read_file(&file, bytes);
	ERR_clear_error();
	return rc;
}

static const struct intake_key *key_left_over(const struct intake *self)
{
	for (size_t i = 0; i < self->key_count; i++)
		if (!self->keys[i].used)
			return &self->keys[i];
	return NULL;
}

enum cs_err intake_finish(struct intake *self, const char **reason)
{
	*reason = "";
	if (self->fatal != CS_OK) {
		*reason = self->fatal_reason;
		return self->fatal;
	}
	if (self->cert_count + self->key_count == 0) {
		*reason = "no certificate and no private key in what was given";
		return CS_EEMPTY;
	}
	CS_TRY(intake_pair_all(self));
	ERR_clear_error();
	const struct intake_key *left = key_left_over(self);
	if (left == NULL)
		return CS_OK;
	const char *why = self->cert_count == 0
	                          ? "a private key alone; its certificate is missing"
	                          : "the private key belongs to none of the certificates";
	const char *sentence = cs_arena_printf(self->arena, "%s: %s", left->file, why);
	*reason = sentence != NULL ? sentence : why;
	return CS_EMISMATCH;
}

size_t intake_pairs(const struct intake *self, const struct intake_pair **out)
{
	*out = self->pairs;
	return self->pair_count;
}

size_t intake_certs(const struct intake *self, const struct pki_cert *const **out)
{
	*out = self->certs;
	return self->cert_count;
}

size_t intake_cas(const struct intake *self, const struct cs_bytes **out)
{
	*out = self->cas;
	return self->ca_count;
}

size_t intake_findings(const struct intake *self, const struct intake_finding **out)
{
	*out = self->findings;
	return self->finding_count;
}

uint32_t intake_kdf_iterations(const struct intake *self)
{
	return self->kdf_iterations;
}
