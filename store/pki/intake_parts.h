/* store/pki/intake_parts.h: the inside of an intake, for its own files: reading (intake_read.c,
 * intake_pem.c), collecting (intake.c) and pairing (intake_pair.c). */
#pragma once
#include "store/pki/intake.h"
#include "store/pki/ossl.h"
#include "store/pki/pbe.h"

#define INTAKE_CERTS_MAX 512
#define INTAKE_KEYS_MAX 64
#define INTAKE_FINDINGS_MAX 1024

struct intake_key {
	EVP_PKEY *pkey;
	struct cs_bytes pkcs8;
	const char *file, *name;
	bool used;
};

struct intake {
	struct cs_arena *arena;
	const struct pki_cert **certs;
	const char **cert_names; /* friendly names, "" */
	struct intake_key *keys;
	struct intake_finding *findings;
	struct intake_pair *pairs;
	struct cs_bytes *cas;
	size_t cert_count, key_count, finding_count, pair_count, ca_count;
	size_t files, total;
	size_t keys_seen; /* decoded or not */
	struct pbe_budget budget; /* of encrypted keys; each PKCS#12 has its own */
	uint32_t kdf_iterations;
	enum cs_err fatal; /* the first finding that refuses the whole */
	const char *fatal_reason;
};

/* One file while it is read. */
struct intake_file {
	struct intake *intake;
	const char *name; /* in the arena */
	const char *passphrase; /* NULL: none given */
	const char *friendly; /* of the PKCS#12 around, "" */
};

/* Notes WHAT. An ERR refuses the whole import, unless it came through intake_skip. Only CS_ENOMEM
 * is returned. */
enum cs_err intake_note(
        struct intake_file *file, const char *what, enum cs_err err, const char *reason);
enum cs_err intake_skip(
        struct intake_file *file, const char *what, enum cs_err err, const char *reason);

enum cs_err intake_take_cert(struct intake_file *file, struct cs_bytes der);
/* Counts one more private key of FILE that is about to be decoded, which is dear; false: noted as
 * one too many, *RC is what the caller returns. */
bool intake_key_room(struct intake_file *file, enum cs_err *rc);
enum cs_err intake_take_p8(struct intake_file *file, const PKCS8_PRIV_KEY_INFO *p8);
enum cs_err intake_take_key(
        struct intake_file *file, EVP_PKEY *pkey); /* takes PKEY over; NULL: does not decode */

/* Readers of one object, exact to the last byte. */
enum cs_err intake_read_p8(struct intake_file *file, struct cs_bytes der);
enum cs_err intake_read_encrypted_p8(struct intake_file *file, struct cs_bytes der);
enum cs_err intake_read_p7(struct intake_file *file, struct cs_bytes der);
enum cs_err intake_read_der(struct intake_file *file, struct cs_bytes der);

bool intake_pem_is(struct cs_bytes text);
enum cs_err intake_read_pem(struct intake_file *file, struct cs_bytes text);

CS_MUST enum cs_err intake_pair_all(struct intake *self);
