/* proto/role/recovery.h: the recovery file: the cluster secrets under a passphrase of people
 * (Argon2id, secretbox), as text that survives paper and mail:
 *
 *	certspan recovery file 1
 *	cluster 32 hex digits
 *	made 2026-11-24T22:43:08Z
 *	kdf argon2id PASSES BYTES
 *	salt 32 hex digits
 *	nonce 48 hex digits
 *	box hex digits
 *	sum 32 hex digits (BLAKE2b of all before: a typing error is told from a wrong passphrase)
 *
 * There is one way to write it: a file with any other byte is refused. Pure but for its random salt
 * and nonce. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

#define RECOVERY_SECRETS_MAX 32
#define RECOVERY_FILE_MAX 8192
#define RECOVERY_PASSPHRASE_BYTES 48 /* of a generated one, with its NUL */

struct recovery_secret {
	uint32_t epoch; /* never 0 */
	uint8_t secret[32];
};
/* Wipe it (recovery_wipe). */
struct recovery {
	uint8_t cluster[16];
	int64_t made; /* Unix seconds */
	size_t count;
	struct recovery_secret secrets[RECOVERY_SECRETS_MAX];
};

/* 148 random bits in groups of five: easy to write down. */
void recovery_passphrase(char out[RECOVERY_PASSPHRASE_BYTES]);
/* Appends the file to OUT. STRONG: the passphrase was chosen by people, so each guess is made to
 * cost 256 MiB; else (a generated one) 64 KiB do. CS_ENOMEM, CS_EUSAGE: no secret. */
CS_MUST enum cs_err recovery_write(
        const struct recovery *what, struct cs_bytes passphrase, bool strong, struct cs_buf *out);
/* What can be read without the passphrase. CS_EMALFORMED (a byte changed, lost or added),
 * CS_ETOOBIG, CS_EVERSION (a newer one). */
CS_MUST enum cs_err recovery_look(struct cs_bytes file, struct recovery *out);
/* Opens it. As recovery_look, and CS_EPASSPHRASE, CS_EITERATIONS (a KDF past our bounds). *OUT is
 * wiped on error. */
CS_MUST enum cs_err recovery_read(
        struct cs_bytes file, struct cs_bytes passphrase, struct recovery *out);
void recovery_wipe(struct recovery *self);
