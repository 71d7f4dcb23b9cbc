#include "node/keyd/vault.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <sys/stat.h>
#include "node/keyd/numbers.h"
#include "proto/base/limits.h"
#include "store/pki/cert.h"
#include "store/pki/p12.h"

#define BUNDLE_ARENA (4 * CS_OBJECT_MAX)
#define RECORD_AGE_S 120 /* an export record lets out what it names for so long */

struct vault {
	struct state *state; /* NULL until there is one */
	struct secrets *secrets;
	size_t map_size;
	char node[CS_ID_MAX + 1];
	char dir[CS_TEXT_MAX + 16], file[CS_TEXT_MAX + 32];
	dev_t device;
	ino_t inode;
};

enum cs_err vault_new(const char *dir, const char *node, size_t map_size,
        const struct keyd_key *key, struct vault **out)
{
	CS_AUTO(vault_free) struct vault *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->map_size = map_size;
	snprintf(self->node, sizeof(self->node), "%s", node);
	snprintf(self->dir, sizeof(self->dir), "%s/state", dir);
	snprintf(self->file, sizeof(self->file), "%s/data.mdb", self->dir);
	CS_TRY(secrets_new(key, node, &self->secrets));
	*out = CS_STEAL(self);
	return CS_OK;
}

enum cs_err vault_attach(struct vault *self)
{
	struct stat st;

	if (self->state != NULL)
		return CS_OK;
	if (stat(self->file, &st) != 0)
		return CS_ELOCKED;
	const enum cs_err rc = state_open(self->dir, false, false, self->map_size, &self->state);
	if (rc != CS_OK)
		return rc == CS_ENOTFOUND ? CS_ELOCKED : rc;
	self->device = st.st_dev;
	self->inode = st.st_ino;
	return vault_refresh(self);
}

bool vault_attached(const struct vault *self)
{
	return self->state != NULL;
}

bool vault_replaced(const struct vault *self)
{
	struct stat st;

	return self->state != NULL && stat(self->file, &st) == 0 &&
	       (st.st_ino != self->inode || st.st_dev != self->device);
}

enum cs_err vault_refresh(struct vault *self)
{
	return self->state != NULL ? secrets_load(self->secrets, self->state) : CS_ELOCKED;
}

uint32_t vault_epoch(const struct vault *self)
{
	return secrets_newest(self->secrets);
}

enum cs_err vault_newest(struct vault *self, uint32_t *epoch, const uint8_t **secret)
{
	CS_TRY(vault_attach(self));
	CS_TRY(vault_refresh(self));
	*epoch = secrets_newest(self->secrets);
	return secrets_find(self->secrets, self->state, *epoch, secret);
}

enum cs_err vault_reseal(struct vault *self, const char *node, const uint8_t seal_key[32],
        struct cs_arena *arena, const struct wire_secret **out, size_t *count)
{
	CS_TRY(vault_attach(self));
	CS_TRY(vault_refresh(self));
	return secrets_reseal(self->secrets, node, seal_key, arena, out, count);
}

static enum cs_err read_bundle(
        struct vault *self, const char *id, struct cs_arena *arena, struct wire_bundle *out)
{
	struct wire_object object;

	CS_TRY(vault_attach(self));
	CS_TRY(state_get(self->state, OBJECT_BUNDLE, id, arena, &object));
	return wire_decode(&wire_bundle_type, object.payload, arena, out);
}

enum cs_err vault_has(struct vault *self, const char *id)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_object object;

	CS_TRY(vault_attach(self));
	CS_TRY(cs_arena_new(BUNDLE_ARENA, &arena));
	return state_get(self->state, OBJECT_BUNDLE, id, arena, &object);
}

/* The sealed PKCS#12 under the passphrase that only holders of the cluster secret can make. */
static enum cs_err unseal(struct vault *self, const char *id, uint32_t epoch, uint32_t version,
        struct cs_bytes sealed, struct p12_content *out)
{
	const uint8_t *secret;
	char passphrase[44];

	CS_TRY(secrets_find(self->secrets, self->state, epoch, &secret));
	CS_TRY(p12_bundle_passphrase(secret, id, version, passphrase));
	const enum cs_err rc = p12_open(sealed, passphrase, false, out);
	sodium_memzero(passphrase, sizeof(passphrase));
	/* A bundle of ours opens with its passphrase; if not, it was damaged or sealed under
	 * another secret. */
	return rc == CS_EPASSPHRASE ? CS_ECORRUPT : rc;
}

static enum cs_err key_in(
        const struct p12_content *content, struct cs_bytes leaf, struct signkey **out)
{
	CS_AUTO(signkey_free) struct signkey *key = NULL;

	if (content->key_count != 1)
		return CS_ENOKEY;
	CS_TRY(signkey_from_pkcs8(content->keys[0], &key));
	CS_TRY(signkey_prove(key, leaf));
	*out = CS_STEAL(key);
	return CS_OK;
}

static enum cs_err open_sealed(struct vault *self, const char *id, struct signkey **out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(p12_content_free) struct p12_content content = { 0 };
	struct wire_bundle bundle;

	CS_TRY(cs_arena_new(BUNDLE_ARENA, &arena));
	CS_TRY(read_bundle(self, id, arena, &bundle));
	CS_TRY(unseal(self, id, bundle.secret_epoch, bundle.version, bundle.sealed, &content));
	return key_in(&content, bundle.leaf, out);
}

enum cs_err vault_open(
        struct vault *self, const char *id, struct signkey **out, struct cs_buf *wrapped)
{
	CS_AUTO(signkey_free) struct signkey *key = NULL;

	*out = NULL;
	CS_TRY(open_sealed(self, id, &key));
	CS_TRY(numbers_wrap(key, secrets_wrap_key(self->secrets), id, wrapped));
	*out = CS_STEAL(key);
	return CS_OK;
}

enum cs_err vault_key(struct vault *self, const char *id, struct signkey **out)
{
	CS_AUTO(cs_buf_free) struct cs_buf wrapped = cs_buf_new(NUMBERS_WRAPPED_MAX);

	*out = NULL;
	CS_TRY(vault_has(self, id)); /* numbers may outlive their bundle by some seconds */
	if (state_local_get(self->state, LOCAL_KEYS, id, &wrapped) == CS_OK &&
	        numbers_unwrap(cs_buf_view(&wrapped), secrets_wrap_key(self->secrets), id, out) ==
	                CS_OK)
		return CS_OK;
	return open_sealed(self, id,
	        out); /* the numbers are derived: what is missing or damaged is made again */
}

/* --- Exports and custody --- */

static enum cs_err copy(struct cs_arena *arena, struct cs_bytes from, struct cs_bytes *out)
{
	uint8_t *p = cs_arena_take(arena, from.n + 1);

	if (p == NULL)
		return CS_ENOMEM;
	if (from.n > 0)
		memcpy(p, from.p, from.n);
	*out = (struct cs_bytes){ p, from.n };
	return CS_OK;
}

static enum cs_err export_bundle(
        struct vault *self, const char *id, struct cs_arena *arena, struct vault_export *out)
{
	CS_AUTO(p12_content_free) struct p12_content content = { 0 };
	CS_AUTO(signkey_free) struct signkey *key = NULL;
	struct wire_bundle bundle;

	CS_TRY(read_bundle(self, id, arena, &bundle));
	CS_TRY(unseal(self, id, bundle.secret_epoch, bundle.version, bundle.sealed, &content));
	CS_TRY(key_in(&content, bundle.leaf, &key));
	out->leaf = bundle.leaf;
	out->chain = bundle.chain;
	return copy(arena, content.keys[0], &out->pkcs8);
}

static enum cs_err read_cluster(struct vault *self, uint8_t out[16])
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(64);

	CS_TRY(vault_attach(self));
	CS_TRY(state_local_get(self->state, LOCAL_META, "cluster", &buf));
	if (buf.n != 16)
		return CS_ECORRUPT;
	memcpy(out, buf.p, 16);
	return CS_OK;
}

static enum cs_err export_secrets(struct vault *self, struct vault_export *out)
{
	CS_TRY(vault_refresh(self));
	out->secret_count = secrets_list(self->secrets, out->secrets);
	return out->secret_count > 0 ? CS_OK : CS_ELOCKED;
}

enum cs_err vault_export(struct vault *self, const char *record, int64_t now_s,
        struct cs_arena *arena, struct vault_export *out)
{
	struct wire_object object;
	struct wire_export said;

	*out = (struct vault_export){ .secret_count = 0 };
	CS_TRY(read_cluster(self, out->cluster));
	CS_TRY(state_get(self->state, OBJECT_EXPORT, record, arena, &object));
	CS_TRY(wire_decode(&wire_export_type, object.payload, arena, &said));
	const int64_t age = now_s - (int64_t)said.at;
	if (strcmp(said.node, self->node) != 0 || age > RECORD_AGE_S || age < -RECORD_AGE_S)
		return CS_EDENIED;
	return said.bundle[0] != '\0' ? export_bundle(self, said.bundle, arena, out)
	                              : export_secrets(self, out);
}

static enum cs_err same_cluster(struct vault *self, struct cs_bytes cluster)
{
	uint8_t own[16];

	CS_TRY(read_cluster(self, own));
	return cs_bytes_equal(cluster, (struct cs_bytes){ own, sizeof(own) }) ? CS_OK
	                                                                      : CS_EMISMATCH;
}

enum cs_err vault_compare(struct vault *self, struct cs_bytes cluster,
        const struct wire_open_secret *list, size_t count)
{
	uint32_t newest = 0;

	CS_TRY(same_cluster(self, cluster));
	CS_TRY(vault_refresh(self));
	for (size_t i = 0; i < count; i++) {
		const uint8_t *held;
		const enum cs_err rc =
		        secrets_find(self->secrets, self->state, list[i].epoch, &held);
		if (rc == CS_ELOCKED && vault_epoch(self) != 0)
			return CS_EMISMATCH; /* an epoch that this cluster never had */
		CS_TRY(rc);
		if (list[i].secret.n != 32 || sodium_memcmp(held, list[i].secret.p, 32) != 0)
			return CS_EMISMATCH;
		newest = list[i].epoch > newest ? list[i].epoch : newest;
	}
	return newest == vault_epoch(self) ? CS_OK : CS_EMISMATCH;
}

void vault_lock(struct vault *self)
{
	secrets_lock(self->secrets);
}

bool vault_locked(const struct vault *self)
{
	return secrets_locked(self->secrets);
}

/* The first bundle tells whether the secrets are ours. */
static enum cs_err try_one(void *data, const struct wire_object *object)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(p12_content_free) struct p12_content content = { 0 };
	struct wire_bundle bundle;

	CS_TRY(cs_arena_new(BUNDLE_ARENA, &arena));
	CS_TRY(wire_decode(&wire_bundle_type, object->payload, arena, &bundle));
	const enum cs_err rc = unseal(
	        data, object->id, bundle.secret_epoch, bundle.version, bundle.sealed, &content);
	return rc == CS_OK ? CS_EEXISTS : CS_EMISMATCH;
}

enum cs_err vault_unlock(struct vault *self, struct cs_bytes cluster,
        const struct wire_open_secret *list, size_t count)
{
	CS_TRY(same_cluster(self, cluster));
	CS_TRY(secrets_unlock(self->secrets, list, count));
	const enum cs_err rc = state_each(self->state, OBJECT_BUNDLE, "", try_one, self);
	if (rc == CS_OK || rc == CS_EEXISTS)
		return CS_OK;
	vault_lock(self);
	return rc;
}

struct match {
	const uint8_t *spki;
	char id[CS_ID_MAX + 1]; /* "": none yet */
	uint64_t created_at;
};

static enum cs_err match_request(void *data, const struct wire_object *object)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct match *match = data;
	struct wire_request request;

	CS_TRY(cs_arena_new(BUNDLE_ARENA, &arena));
	if (wire_decode(&wire_request_type, object->payload, arena, &request) != CS_OK)
		return CS_OK; /* of a newer version, perhaps: not ours to judge */
	if (request.spki_sha256.n != 32 || memcmp(request.spki_sha256.p, match->spki, 32) != 0 ||
	        (match->id[0] != '\0' && request.created_at < match->created_at))
		return CS_OK;
	snprintf(match->id, sizeof(match->id), "%s", object->id);
	match->created_at = request.created_at;
	return CS_OK;
}

static enum cs_err open_request(struct vault *self, const char *id, struct cs_buf *out)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(p12_content_free) struct p12_content content = { 0 };
	struct wire_object object;
	struct wire_request request;

	CS_TRY(cs_arena_new(BUNDLE_ARENA, &arena));
	CS_TRY(state_get(self->state, OBJECT_REQUEST, id, arena, &object));
	CS_TRY(wire_decode(&wire_request_type, object.payload, arena, &request));
	CS_TRY(unseal(self, id, request.secret_epoch, request.version, request.sealed, &content));
	if (content.key_count != 1)
		return CS_ECORRUPT;
	return cs_buf_add(out, content.keys[0].p, content.keys[0].n);
}

enum cs_err vault_request_key(
        struct vault *self, struct cs_bytes leaf, char *id, struct cs_buf *out)
{
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	struct match match = { .spki = NULL };

	id[0] = '\0';
	CS_TRY(pki_cert_read(leaf, &cert));
	match.spki = cert->spki_sha256;
	CS_TRY(vault_attach(self));
	CS_TRY(state_each(self->state, OBJECT_REQUEST, "", match_request, &match));
	if (match.id[0] == '\0')
		return CS_ENOKEY;
	memcpy(id, match.id, sizeof(match.id));
	return open_request(self, id, out);
}

void vault_free(struct vault **self)
{
	if (*self == NULL)
		return;
	state_close(&(*self)->state);
	secrets_free(&(*self)->secrets);
	free(*self);
	*self = NULL;
}
