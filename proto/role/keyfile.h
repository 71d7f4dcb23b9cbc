/* proto/role/keyfile.h: the two key files of a node: replicator.key and keyd.key. Text, a key a
 *line:
 *
 *	certspan replicator key 1
 *	curve-public 64 hex digits
 *
 * Mode 0600; a file that others can read is refused. Written once, by init and join, whole and
 *fsynced. */
#pragma once
#include "proto/base/cs.h"

struct replicator_key { /* CURVE: X25519 pair; sign: Ed25519 */
	uint8_t curve_public[32], curve_secret[32], sign_public[32], sign_secret[64];
};
struct keyd_key { /* seal: X25519 pair for crypto_box_seal; wrap: AES-256-GCM key of this node alone
	           */
	uint8_t seal_public[32], seal_secret[32], wrap[32];
};

/* Fresh random keys. */
void replicator_key_make(struct replicator_key *out);
void keyd_key_make(struct keyd_key *out);
/* CS_EEXISTS when PATH is there; CS_EDENIED, CS_EFULL, CS_EIO: no half file is left. */
CS_MUST enum cs_err replicator_key_write(const char *path, const struct replicator_key *key);
CS_MUST enum cs_err keyd_key_write(const char *path, const struct keyd_key *key);
/* CS_ENOTFOUND, CS_EDENIED (also when group or others may read it), CS_EMALFORMED. *OUT is wiped on
 * error. */
CS_MUST enum cs_err replicator_key_read(const char *path, struct replicator_key *out);
CS_MUST enum cs_err keyd_key_read(const char *path, struct keyd_key *out);
