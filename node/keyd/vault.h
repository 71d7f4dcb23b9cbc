/* node/keyd/vault.h: where private keys come from: the store of this node (read only), its wrap
 * key, the cluster secrets. The store may appear long after keyd (a node that has just joined), and
 * a secret long after the store. */
#pragma once
#include "node/keyd/secrets.h"
#include "node/keyd/signkey.h"

struct vault;

/* DIR: STATE_DIR. KEY is copied. */
CS_MUST enum cs_err vault_new(const char *dir, const char *node, size_t map_size,
        const struct keyd_key *key, struct vault **out);
/* Opens the store if it is not open. CS_ELOCKED while there is none. */
CS_MUST enum cs_err vault_attach(struct vault *self);
bool vault_attached(const struct vault *self);
/* The store's file is another one than we opened: keyd must be started anew. */
bool vault_replaced(const struct vault *self);
/* CS_ENOTFOUND: the store has no such bundle any more; its key must not be used on. */
CS_MUST enum cs_err vault_has(struct vault *self, const char *id);
/* The key of a bundle, for a handshake: from its wrapped numbers, else out of the sealed bundle.
 * CS_ENOTFOUND, CS_ELOCKED, CS_ECORRUPT, CS_EMISMATCH. */
CS_MUST enum cs_err vault_key(struct vault *self, const char *id, struct signkey **out);
/* The same, always out of the sealed bundle, proven against its leaf and warm; appends the wrapped
 * numbers to WRAPPED. */
CS_MUST enum cs_err vault_open(
        struct vault *self, const char *id, struct signkey **out, struct cs_buf *wrapped);
/* The key of the newest open request whose public key is that of LEAF: PKCS#8 appended to OUT, its
 * id into ID (CS_ID_MAX + 1). CS_ENOKEY: there is none. */
CS_MUST enum cs_err vault_request_key(
        struct vault *self, struct cs_bytes leaf, char *id, struct cs_buf *out);
/* The newest cluster secret. CS_ELOCKED. */
CS_MUST enum cs_err vault_newest(struct vault *self, uint32_t *epoch, const uint8_t **secret);
uint32_t vault_epoch(const struct vault *self); /* newest held; 0: locked */
/* Looks for secrets that replication has brought. */
CS_MUST enum cs_err vault_refresh(struct vault *self);
CS_MUST enum cs_err vault_reseal(struct vault *self, const char *node, const uint8_t seal_key[32],
        struct cs_arena *arena, const struct wire_secret **out, size_t *count);
/* What an export record lets out: the key of its bundle, with leaf and chain; or, for a recovery
 * file, every cluster secret. All in ARENA. CS_ENOTFOUND: no such record, or its bundle is gone;
 * CS_EDENIED: the record is not of now or not of this node. */
struct vault_export {
	struct cs_bytes pkcs8, leaf;
	struct wire_blobs chain;
	uint8_t cluster[16];
	struct wire_open_secret secrets[SECRETS_EPOCHS_MAX];
	size_t secret_count;
};
CS_MUST enum cs_err vault_export(struct vault *self, const char *record, int64_t now_s,
        struct cs_arena *arena, struct vault_export *out);
/* Whether LIST is of this cluster: each secret the one that is held for its epoch, the newest among
 * them. CS_EMISMATCH, CS_ELOCKED. */
CS_MUST enum cs_err vault_compare(struct vault *self, struct cs_bytes cluster,
        const struct wire_open_secret *list, size_t count);
void vault_lock(struct vault *self);
bool vault_locked(const struct vault *self);
/* CS_EMISMATCH: a sealed bundle of the store does not open with them; nothing is unlocked then. */
CS_MUST enum cs_err vault_unlock(struct vault *self, struct cs_bytes cluster,
        const struct wire_open_secret *list, size_t count);
void vault_free(struct vault **self);
