/* proto/wire/objects.h: what the cluster owns: positions, reigns, objects and their payloads
 * (design 4.1, replication.md R1). A payload is the protobuf message of its kind; every node reads
 * every kind. */
#pragma once
#include "proto/wire/codec.h"

/* Kinds of replicated objects. The number is on disk and on the wire: never reuse one. */
enum object_kind {
	OBJECT_BUNDLE = 1, /* id = bundle id; immutable: leaf, chain and sealed PKCS#12 */
	OBJECT_CERTIFICATE = 2, /* id = bundle id; its life: friendly name, state, successor */
	OBJECT_CA = 3, /* a CA certificate of the pool; id = SHA-256 prefix */
	OBJECT_REQUEST = 4, /* an open certificate request; id = its fingerprint */
	OBJECT_DEFAULT = 5, /* id "*" for the cluster, or "node:NAME" */
	OBJECT_CHAIN = 6, /* id = bundle id; which issuers are served with it */
	OBJECT_NODE = 7, /* id = node name */
	OBJECT_SETTING = 8, /* id = setting name */
	OBJECT_SECRET = 9, /* cluster secret of an epoch sealed to one node; id "EPOCH.NAME" */
	OBJECT_TOKEN = 10, /* ACME token (later) */
	OBJECT_STAPLE = 11, /* (later) */
	OBJECT_ACTIVATION = 12, /* id "current": the generation */
	OBJECT_PIPELINE = 13, /* (later) */
	OBJECT_SYNCSET = 14, /* id "syncset" */
	OBJECT_FLOOR = 15, /* id "floor" */
	OBJECT_EXPORT = 16, /* a key or the cluster secret that left; id "SECONDS-RANDOM" */
	OBJECT_RECOVERY = 17, /* id "verified": the recovery file was opened and compared */
	OBJECT_KIND_END
};
const char *object_kind_name(uint32_t kind); /* "bundle"; "?" */
/* The message that a payload of KIND is; NULL for the floor, which the store reads itself, and for
 * kinds that nobody reads yet. */
const struct wire_type *object_payload_type(uint32_t kind);

enum node_role { ROLE_NONE = 0, ROLE_PRIMARY = 1, ROLE_BACKUP = 2, ROLE_TRAFFIC = 3 };
const char *node_role_name(uint32_t role); /* "primary" */
uint32_t node_role_of(const char *name); /* ROLE_NONE if unknown */

/* States of a certificate (design section 1). Expiring, Expired and Not Yet Valid follow from the
 * clock. */
enum cert_state {
	CERT_STAGED = 1,
	CERT_VERIFIED = 2,
	CERT_ACTIVE = 3,
	CERT_RETIRED = 4,
	CERT_REJECTED = 5
};
const char *cert_state_name(uint32_t state);

/* A position is always a whole commit; seq 0 with empty history is "nothing yet". */
#define WIRE_POSITION(F) F(bytes, history, 16) F(u64, seq, 0) F(bytes, chain, 32)
WIRE_STRUCT(position, WIRE_POSITION);

/* Reign record: {epoch, history, leader, first seq, parent}, Ed25519-signed by the leader's
 * enrolled key over the encoding with an empty signature. */
#define WIRE_REIGN(F)                                                                              \
	F(u64, epoch, 0)                                                                           \
	F(bytes, history, 16)                                                                      \
	F(text, leader, CS_ID_MAX)                                                                 \
	F(u64, first_seq, 0)                                                                       \
	F(msg, parent, position)                                                                   \
	F(bytes, signature, 64)
WIRE_STRUCT(reign, WIRE_REIGN);

/* An object as it is stored and sent. sha256 is that of payload; a tombstone has neither. */
#define WIRE_OBJECT(F)                                                                             \
	F(u32, kind, 0)                                                                            \
	F(text, id, CS_ID_MAX)                                                                     \
	F(u64, seq, 0)                                                                             \
	F(u64, epoch, 0)                                                                           \
	F(flag, tombstone, 0)                                                                      \
	F(bytes, sha256, 32)                                                                       \
	F(bytes, payload, CS_OBJECT_MAX)
WIRE_STRUCT(object, WIRE_OBJECT);

#define WIRE_COMMIT(F)                                                                             \
	F(u64, seq, 0)                                                                             \
	F(bytes, digest, 32)                                                                       \
	F(bytes, chain, 32)                                                                        \
	F(bytes, request, 16)                                                                      \
	F(u64, at_ms, 0)                                                                           \
	F(text, actor, CS_ID_MAX)
WIRE_STRUCT(commit, WIRE_COMMIT);

/* --- Payloads --- */

/* chain: issuers as they came with the leaf, leaf not among them, self-signed roots left out when
 * served. sealed: PKCS#12 with leaf, key and chain under the bundle passphrase of secret_epoch
 * (design 4.3). */
#define WIRE_BUNDLE(F)                                                                             \
	F(u32, version, 0)                                                                         \
	F(u32, secret_epoch, 0)                                                                    \
	F(bytes, leaf, CS_DER_MAX)                                                                 \
	F(blobs, chain, CS_DER_MAX)                                                                \
	F(bytes, sealed, CS_OBJECT_MAX)
WIRE_STRUCT(bundle, WIRE_BUNDLE);

#define WIRE_CERTIFICATE(F)                                                                        \
	F(text, name, CS_FRIENDLY_MAX) /* friendly name */                                         \
	F(u32, state, 0) /* enum cert_state */                                                     \
	F(u64, generation, 0) /* the one that made it Active; 0 never */                           \
	F(text, replaces, CS_ID_MAX)                                                               \
	F(text, replaced_by, CS_ID_MAX)                                                            \
	F(text, verdict, 64) /* first, renewal, re-key, re-issue, replacement, additional */       \
	F(u64, imported_at, 0) /* Unix seconds, also the next two */                               \
	F(u64, activated_at, 0)                                                                    \
	F(u64, retired_at, 0)                                                                      \
	F(text, imported_by, CS_ID_MAX)                                                            \
	F(u32, kdf_iterations, 0) /* of the uploaded PKCS#12; 0 otherwise */                       \
	F(texts, warnings, 64) /* codes seen at import */
WIRE_STRUCT(certificate, WIRE_CERTIFICATE);

#define WIRE_CA(F) F(bytes, der, CS_DER_MAX) F(text, name, CS_FRIENDLY_MAX)
WIRE_STRUCT(ca, WIRE_CA);

#define WIRE_DEFAULT_CHOICE(F) F(text, bundle, CS_ID_MAX) F(u64, at, 0) F(text, actor, CS_ID_MAX)
WIRE_STRUCT(default_choice, WIRE_DEFAULT_CHOICE);

/* A node of the registry. Before it has enrolled the keys are empty and enrolled_at is 0. */
#define WIRE_NODE(F)                                                                               \
	F(text, name, CS_ID_MAX)                                                                   \
	F(u32, role, 0)                                                                            \
	F(text, public_host, CS_NAME_MAX)                                                          \
	F(text, internal, CS_ENDPOINT_MAX) /* host:port where primary and backup bind */           \
	F(texts, hostnames, CS_NAME_MAX) /* further names of its own */                            \
	F(bytes, curve_key, 32)                                                                    \
	F(bytes, sign_key, 32) /* Ed25519 */                                                       \
	F(bytes, seal_key, 32) /* X25519, keyd's */                                                \
	F(u64, enrolled_at, 0)                                                                     \
	F(u64, expires_at, 0)                                                                      \
	F(u64, revoked_at, 0)                                                                      \
	F(flag, drained, 0)
WIRE_STRUCT(node, WIRE_NODE);

#define WIRE_SETTING(F) F(text, value, CS_TEXT_MAX)
WIRE_STRUCT(setting, WIRE_SETTING);

#define WIRE_SECRET(F) F(u32, epoch, 0) F(text, node, CS_ID_MAX) F(bytes, box, 256)
WIRE_STRUCT(secret, WIRE_SECRET);

/* The newest change of the active set. The set itself is the certificates whose state is Active. */
#define WIRE_ACTIVATION(F)                                                                         \
	F(u64, number, 0) /* the generation */                                                     \
	F(u64, at, 0)                                                                              \
	F(text, actor, CS_ID_MAX)                                                                  \
	F(text, reason, CS_TEXT_MAX)                                                               \
	F(texts, activated, CS_ID_MAX)                                                             \
	F(texts, retired, CS_ID_MAX)
WIRE_STRUCT(activation, WIRE_ACTIVATION);

#define WIRE_SYNCSET(F) F(texts, backups, CS_ID_MAX)
WIRE_STRUCT(syncset, WIRE_SYNCSET);

/* An open certificate request; id = SHA-1 of the CSR, 40 hex digits. sealed: PKCS#12 with the key
 * alone under the bundle passphrase of this id, so that every node with the secret can finish it.
 */
#define WIRE_REQUEST(F)                                                                            \
	F(text, name, CS_FRIENDLY_MAX) /* friendly name of the certificate to come */              \
	F(u32, version, 0)                                                                         \
	F(u32, secret_epoch, 0)                                                                    \
	F(bytes, csr, CS_DER_MAX) /* PKCS#10 */                                                    \
	F(bytes, spki_sha256, 32)                                                                  \
	F(bytes, sealed, CS_OBJECT_MAX)                                                            \
	F(text, same_key, CS_ID_MAX) /* certificate whose key it is; "" for a new one */           \
	F(u64, created_at, 0) /* Unix seconds */                                                   \
	F(text, created_by, CS_ID_MAX)
WIRE_STRUCT(request, WIRE_REQUEST);

#define WIRE_FLOOR(F) F(u64, seq, 0)
WIRE_STRUCT(floor, WIRE_FLOOR);

/* Committed before a key leaves: keyd hands one out against such a record alone, once and soon. */
#define WIRE_EXPORT(F)                                                                             \
	F(u64, at, 0) /* Unix seconds */                                                           \
	F(text, actor, CS_ID_MAX) /* "uid:0" */                                                    \
	F(text, node, CS_ID_MAX) /* on which it left */                                            \
	F(text, bundle, CS_ID_MAX) /* "" for the cluster secret */                                 \
	F(text, name, CS_FRIENDLY_MAX) /* friendly name then */                                    \
	F(text, format, 16) /* pem, p8, p12; recovery: the secret, as a recovery file */           \
	F(text, include, 64) /* "certificate,key,chain" */                                         \
	F(text, protection, 32) /* pbes2, legacy, none, argon2id */
WIRE_STRUCT(export, WIRE_EXPORT);

#define WIRE_RECOVERY(F) F(u64, at, 0) F(text, actor, CS_ID_MAX) F(u32, epoch, 0)
WIRE_STRUCT(recovery, WIRE_RECOVERY);

/* How a certificate's chain is chosen (the guide's three ways). */
enum chain_mode { CHAIN_AUTOMATIC = 1, CHAIN_CURRENT = 2, CHAIN_MANUAL = 3 };
const char *chain_mode_name(uint32_t mode); /* "automatic", "current", "manual"; "?" */

/* issuers: what the primary resolved, or the admin gave, in order: every node serves the same
 * bytes. Each is the DER, or (32 bytes) the SHA-256 of a certificate that is in the bundle's own
 * chain or the CA pool. own: the chain of the bundle itself; issuers is empty then. chosen: by an
 * admin, not by default. */
#define WIRE_CHAIN(F)                                                                              \
	F(u32, mode, 0)                                                                            \
	F(flag, chosen, 0)                                                                         \
	F(flag, own, 0)                                                                            \
	F(blobs, issuers, CS_DER_MAX)                                                              \
	F(u64, at, 0)                                                                              \
	F(text, actor, CS_ID_MAX)
WIRE_STRUCT(chain, WIRE_CHAIN);
