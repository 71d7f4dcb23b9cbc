/* node/keyd/secrets.h: the secrets of this node, in locked memory between guard pages: its own
 * keys, and the cluster secret of every epoch that has been sealed to it (design 4.3). */
#pragma once
#include "proto/role/keyfile.h"
#include "proto/wire/control.h"
#include "store/db/state.h"

#define SECRETS_EPOCHS_MAX 32 /* the newest ones */

struct secrets;

/* KEY is copied; the caller wipes its own. NODE: this node's name, copied. */
CS_MUST enum cs_err secrets_new(const struct keyd_key *key, const char *node, struct secrets **out);
const uint8_t *secrets_wrap_key(const struct secrets *self); /* 32 bytes */
/* The secret of EPOCH (32 bytes, its own), from memory or else from STATE (NULL: not there yet).
 * CS_ELOCKED: nobody has sealed it to this node yet, which replication may change any time.
 * CS_ECORRUPT: a box that our key does not open. */
CS_MUST enum cs_err secrets_find(
        struct secrets *self, struct state *state, uint32_t epoch, const uint8_t **out);
/* Takes in every epoch that STATE has for this node. */
CS_MUST enum cs_err secrets_load(struct secrets *self, struct state *state);
uint32_t secrets_newest(const struct secrets *self); /* epoch; 0: none yet */
/* Every secret held, sealed to SEAL_KEY for NODE; in ARENA. */
CS_MUST enum cs_err secrets_reseal(const struct secrets *self, const char *node,
        const uint8_t seal_key[32], struct cs_arena *arena, const struct wire_secret **out,
        size_t *count);
/* The secrets held, for a recovery file: 32 bytes each, views into SELF; OUT takes
 * SECRETS_EPOCHS_MAX. How many. */
size_t secrets_list(const struct secrets *self, struct wire_open_secret *out);
/* Wipes every secret and this node's own keys; nothing of the store opens from then on. */
void secrets_lock(struct secrets *self);
bool secrets_locked(const struct secrets *self);
/* Unlocks with secrets that an admin brings. Numbers that are wrapped from now on go under a fresh
 * key. CS_EMALFORMED: no secret, or epoch 0, or a length other than 32; nothing is changed then. */
CS_MUST enum cs_err secrets_unlock(
        struct secrets *self, const struct wire_open_secret *list, size_t count);
void secrets_free(struct secrets **self); /* wipes */
