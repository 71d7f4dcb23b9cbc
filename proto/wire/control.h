/* proto/wire/control.h: the messages between the processes of one node (design section 3), on
 * SOCK_SEQPACKET channels: supervisor <-> every role, replicator <-> keyd, admin, prober; import
 * <-> keyd, admin; and the door's stream. */
#pragma once
#include "proto/wire/replication.h"

/* --- Supervisor <-> role --- */

/* The local configuration (node/config), as every role gets it right after exec and again on
 * reload. */
#define WIRE_CONFIG(F)                                                                             \
	F(text, name, CS_ID_MAX) /* this node */                                                   \
	F(text, state_dir, CS_TEXT_MAX) /* absolute; see design 4 */                               \
	F(text, runtime_dir, CS_TEXT_MAX) /* absolute; api.sock, door.sock */                      \
	F(texts, edge_listen, CS_ENDPOINT_MAX)                                                     \
	F(text, upstream, CS_TEXT_MAX) /* "", "tcp:HOST:PORT" or "unix:PATH" */                    \
	F(u32, workers, 0) /* already resolved, >= 1 */                                            \
	F(u32, handshake_timeout_s, 0)                                                             \
	F(u32, idle_timeout_s, 0)                                                                  \
	F(text, replication_listen, CS_ENDPOINT_MAX) /* "" on traffic nodes */                     \
	F(texts, upstreams, CS_TEXT_MAX) /* further "HOST:PORT KEY" beyond the registry */         \
	F(u32, log_format, 0) /* enum cs_log_format */                                             \
	F(u32, log_level, 0)                                                                       \
	F(u64, map_size, 0) /* bytes, of each LMDB environment */                                  \
	F(u32, probe_interval_s, 0)                                                                \
	F(text, config_file, CS_TEXT_MAX) /* for messages */                                       \
	F(flag, shared_user, 0) /* all roles run as one ordinary user */
WIRE_STRUCT(config, WIRE_CONFIG);

/* role: "keyd", "replicator", "edge", "prober", "admin", "import"; index: of the edge worker. */
#define WIRE_START(F) F(text, role, 32) F(u32, index, 0) F(msg, config, config)
WIRE_STRUCT(start, WIRE_START);

/* Carries ONE descriptor. what: "listen" (an edge's or the API's socket), "keyd", "replicator",
 * "prober", "admin", "edge", "import", "door": the peer at the other end, a fresh one replaces the
 * old. */
#define WIRE_FD(F) F(text, what, 32) F(u32, index, 0)
WIRE_STRUCT(fd, WIRE_FD);

#define WIRE_READY(F) F(text, note, 256) /* sandbox layers, e.g. "not-dumpable no-core" */
WIRE_STRUCT(ready, WIRE_READY);

#define WIRE_STOP(F) F(u32, drain_ms, 0)
WIRE_STRUCT(stop, WIRE_STOP);

#define WIRE_ROLE(F)                                                                               \
	F(text, role, 32)                                                                          \
	F(u32, index, 0)                                                                           \
	F(u32, pid, 0) /* 0 while it is down */                                                    \
	F(u32, restarts, 0)                                                                        \
	F(text, last_exit, 128) /* "killed by signal 9", "" */                                     \
	F(u64, since_ms, 0) /* wall clock of its last start or end */                              \
	F(text, note, 256) /* from READY */
WIRE_STRUCT(role, WIRE_ROLE);
#define WIRE_ROLES(F) F(list, roles, role) F(u32, supervisor_pid, 0)
WIRE_STRUCT(roles, WIRE_ROLES); /* supervisor -> admin, on every change */

/* --- Replicator <-> keyd --- */

/* Open these bundles, check key against leaf, warm them; answered by one OPENED each, in any order.
 */
#define WIRE_OPEN(F) F(texts, bundles, CS_ID_MAX)
WIRE_STRUCT(open, WIRE_OPEN);
/* wrapped: key numbers under the node-local key (empty on error); error: name of a cs_err. */
#define WIRE_OPENED(F) F(text, bundle, CS_ID_MAX) F(text, error, 32) F(bytes, wrapped, 8192)
WIRE_STRUCT(opened, WIRE_OPENED);
/* The cluster secret of every epoch that keyd holds, sealed to another node's key. */
#define WIRE_RESEAL(F) F(u64, tag, 0) F(text, node, CS_ID_MAX) F(bytes, seal_key, 32)
WIRE_STRUCT(reseal, WIRE_RESEAL);
#define WIRE_RESEALED(F) F(u64, tag, 0) F(text, error, 32) F(list, secrets, secret)
WIRE_STRUCT(resealed, WIRE_RESEALED);
/* keyd -> replicator on connect and change. */
#define WIRE_KEYD_STATE(F)                                                                         \
	F(flag, unlocked, 0)                                                                       \
	F(u32, secret_epoch, 0) F(u64, cached, 0) F(u64, signatures, 0) F(u64, refused, 0)
WIRE_STRUCT(keyd_state, WIRE_KEYD_STATE);

/* --- Admin <-> replicator (tag: chosen by admin, returned) --- */

/* Objects changed after seq, in order of seq, tombstones too; sealed bundles come without `sealed`.
 */
#define WIRE_SINCE(F) F(u64, tag, 0) F(u64, seq, 0)
WIRE_STRUCT(since, WIRE_SINCE);
/* more: ask again from `to`. reset: forget all first (the store was replaced). */
#define WIRE_CHANGES(F)                                                                            \
	F(u64, tag, 0)                                                                             \
	F(u64, to, 0)                                                                              \
	F(flag, more, 0)                                                                           \
	F(flag, reset, 0)                                                                          \
	F(bytes, history, 16)                                                                      \
	F(list, objects, object)
WIRE_STRUCT(changes, WIRE_CHANGES);

#define WIRE_CHANGE(F)                                                                             \
	F(u32, kind, 0)                                                                            \
	F(text, id, CS_ID_MAX) F(flag, tombstone, 0) F(bytes, payload, CS_OBJECT_MAX)
WIRE_STRUCT(change, WIRE_CHANGE);

enum ack_mode { ACK_LOCAL = 1, ACK_BACKUP = 2, ACK_NODES = 3, ACK_ALL = 4 };
/* One commit: all changes or none. expect_seq: head that the decision was made on (CS_ECONFLICT
 * otherwise). */
#define WIRE_WRITE(F)                                                                              \
	F(u64, tag, 0)                                                                             \
	F(bytes, request, 16)                                                                      \
	F(u64, expect_seq, 0)                                                                      \
	F(list, changes, change)                                                                   \
	F(u32, ack, 0)                                                                             \
	F(u32, ack_nodes, 0)                                                                       \
	F(u32, timeout_ms, 0)                                                                      \
	F(text, actor, CS_ID_MAX)
WIRE_STRUCT(write, WIRE_WRITE);
/* error: "" when acknowledged as asked; CS_EPENDING: committed as seq, not yet where asked; else
 * nothing was done. */
#define WIRE_OUTCOME(F)                                                                            \
	F(u64, tag, 0)                                                                             \
	F(text, error, 32)                                                                         \
	F(text, reason, CS_TEXT_MAX)                                                               \
	F(u64, seq, 0)                                                                             \
	F(u64, epoch, 0)                                                                           \
	F(u64, head, 0)                                                                            \
	F(text, primary, CS_ID_MAX) /* with CS_ENOTPRIMARY: who to ask */
WIRE_STRUCT(outcome, WIRE_OUTCOME);

/* Wait until every live enrolled node serves (or stored: mode ACK_BACKUP) seq; 0 = the head now. ->
 * OUTCOME */
#define WIRE_WAIT(F)                                                                               \
	F(u64, tag, 0) F(u64, seq, 0) F(u32, mode, 0) F(u32, nodes, 0) F(u32, timeout_ms, 0)
WIRE_STRUCT(wait, WIRE_WAIT);

#define WIRE_ASK(F) F(u64, tag, 0)
WIRE_STRUCT(ask_facts, WIRE_ASK); /* -> FACTS */

/* What this node's replicator knows now. summary is its own on a primary, else the last that HEAD
 * brought. */
#define WIRE_FACTS(F)                                                                              \
	F(u64, tag, 0)                                                                             \
	F(bytes, cluster, 16)                                                                      \
	F(u32, role, 0)                                                                            \
	F(text, mode, 32) /* ok, empty, draining, conflict, regressed */                           \
	F(text, primary, CS_ID_MAX)                                                                \
	F(text, primary_endpoint, CS_ENDPOINT_MAX)                                                 \
	F(u64, epoch, 0)                                                                           \
	F(msg, position, position)                                                                 \
	F(bytes, digest, 32)                                                                       \
	F(msg, self, member)                                                                       \
	F(msg, summary, summary)                                                                   \
	F(u64, summary_age_ms, 0)                                                                  \
	F(flag, upstream_connected, 0)                                                             \
	F(text, upstream, CS_ENDPOINT_MAX)                                                         \
	F(msg, keyd, keyd_state)                                                                   \
	F(u64, store_bytes, 0)                                                                     \
	F(u64, disk_free_bytes, 0)                                                                 \
	F(u64, refused_messages, 0)                                                                \
	F(u64, objects, 0)                                                                         \
	F(texts, alarms, 512)
WIRE_STRUCT(facts, WIRE_FACTS);

/* A one-time join token; the secret stays in this node's local table. -> OUTCOME */
#define WIRE_TOKEN_ADD(F)                                                                          \
	F(u64, tag, 0)                                                                             \
	F(bytes, token, 8)                                                                         \
	F(bytes, secret, 16)                                                                       \
	F(text, name, CS_ID_MAX)                                                                   \
	F(u32, role, 0)                                                                            \
	F(u64, expires_at, 0)
WIRE_STRUCT(token_add, WIRE_TOKEN_ADD);
/* This node's public keys and the cluster's identity, for tokens. -> IDENTITY */
WIRE_STRUCT(ask_identity, WIRE_ASK);
#define WIRE_IDENTITY(F)                                                                           \
	F(u64, tag, 0)                                                                             \
	F(bytes, cluster, 16)                                                                      \
	F(bytes, curve_key, 32) F(text, endpoint, CS_ENDPOINT_MAX) F(text, name, CS_ID_MAX)
WIRE_STRUCT(identity, WIRE_IDENTITY);
/* A fresh round of the own prober now; answered by OUTCOME when its results are in FACTS. */
WIRE_STRUCT(ask_probe, WIRE_ASK);

/* --- Replicator <-> prober --- */

#define WIRE_PROBE_ROUND(F) F(u64, round, 0) F(list, probes, probe) /* kind, sni, want */
WIRE_STRUCT(probe_round, WIRE_PROBE_ROUND);
#define WIRE_PROBED(F) F(u64, round, 0) F(list, probes, probe)
WIRE_STRUCT(probed, WIRE_PROBED);

/* The door: command line -> import (stream of length-prefixed packets), import -> keyd, import ->
 * admin ---------- */

#define WIRE_UPLOAD(F) F(text, name, CS_TEXT_MAX) F(bytes, bytes, CS_UPLOAD_FILE_MAX)
WIRE_STRUCT(upload, WIRE_UPLOAD);
/* verb: "import", "export", "recovery", "verify", "lock", "unlock". options: the query that the
 * HTTP API would get, as JSON. */
#define WIRE_DOOR(F)                                                                               \
	F(text, verb, 32)                                                                          \
	F(flag, has_passphrase, 0)                                                                 \
	F(bytes, passphrase, CS_PASSPHRASE_MAX)                                                    \
	F(list, files, upload)                                                                     \
	F(text, options, 16384)
WIRE_STRUCT(door, WIRE_DOOR);
/* status: as HTTP; body: JSON, as the API's. Also admin -> import. file: what an export made. */
#define WIRE_DOOR_REPLY(F) F(u32, status, 0) F(text, body, 100000) F(bytes, file, CS_EXPORT_MAX)
WIRE_STRUCT(door_reply, WIRE_DOOR_REPLY);

/* import -> keyd: key, leaf and chain that belong together; keyd checks that and seals them. pkcs8
 * empty: the key is that of an open request, which keyd looks for. */
#define WIRE_SEAL(F)                                                                               \
	F(u64, tag, 0)                                                                             \
	F(bytes, pkcs8, CS_KEY_MAX)                                                                \
	F(bytes, leaf, CS_DER_MAX)                                                                 \
	F(blobs, chain, CS_DER_MAX)                                                                \
	F(text, name, CS_FRIENDLY_MAX)
WIRE_STRUCT(seal, WIRE_SEAL);
#define WIRE_SEALED(F)                                                                             \
	F(u64, tag, 0)                                                                             \
	F(text, error, 32)                                                                         \
	F(text, id, CS_ID_MAX)                                                                     \
	F(msg, bundle, bundle)                                                                     \
	F(text, reason, CS_TEXT_MAX) /* a sentence, with error */                                  \
	F(text, csr, CS_ID_MAX) /* the open request whose key it was; "" */
WIRE_STRUCT(sealed, WIRE_SEALED);

/* import -> admin: what was found in the upload, with no private byte. -> DOOR_REPLY */
#define WIRE_FINDING(F)                                                                            \
	F(text, file, CS_TEXT_MAX) F(text, what, 64) F(text, error, 32) F(text, reason, CS_TEXT_MAX)
WIRE_STRUCT(finding, WIRE_FINDING); /* one object of the upload: what it was, and why it was not
                                       taken ("" = taken) */
#define WIRE_SUBMIT(F)                                                                             \
	F(u32, uid, 0) /* of the caller, by SO_PEERCRED */                                         \
	F(text, options, 16384)                                                                    \
	F(text, id, CS_ID_MAX)                                                                     \
	F(msg, bundle, bundle) /* NULL when there is no usable pair */                             \
	F(text, name, CS_FRIENDLY_MAX) /* friendly name in the PKCS#12, "" */                      \
	F(u32, kdf_iterations, 0)                                                                  \
	F(blobs, cas, CS_DER_MAX) /* CA certificates that are not of the chain */                  \
	F(list, findings, finding)                                                                 \
	F(text, error, 32) /* why nothing can be taken */                                          \
	F(text, reason, CS_TEXT_MAX)                                                               \
	F(text, csr, CS_ID_MAX) /* the open request that this is the reply to; "" */
WIRE_STRUCT(submit, WIRE_SUBMIT);

/* import -> admin: may VERB be done, with what is recorded before? epoch: of the secret that a
 * recovery file was found to hold. -> PERMITTED */
#define WIRE_PERMIT(F) F(u32, uid, 0) F(text, verb, 32) F(text, options, 16384) F(u32, epoch, 0)
WIRE_STRUCT(permit, WIRE_PERMIT);
/* status below 300: it may; body: the answer for the caller in any case. record: id of the
 * OBJECT_EXPORT (may be "": a dry run). */
#define WIRE_PERMITTED(F)                                                                          \
	F(u32, status, 0)                                                                          \
	F(text, body, 100000)                                                                      \
	F(text, record, CS_ID_MAX)                                                                 \
	F(text, name, CS_FRIENDLY_MAX)                                                             \
	F(u32, format, 0) /* enum pki_format */                                                    \
	F(u32, include, 0) /* enum pki_with */                                                     \
	F(flag, legacy, 0)                                                                         \
	F(flag, unencrypted, 0)
WIRE_STRUCT(permitted, WIRE_PERMITTED);

/* import -> keyd: what RECORD, which is in the store, says may leave. -> TAKEN_OUT */
#define WIRE_TAKE_OUT(F) F(u64, tag, 0) F(text, record, CS_ID_MAX)
WIRE_STRUCT(take_out, WIRE_TAKE_OUT);
/* The cluster secret of one epoch, in clear: keyd <-> import, and within a recovery file. */
#define WIRE_OPEN_SECRET(F) F(u32, epoch, 0) F(bytes, secret, 32)
WIRE_STRUCT(open_secret, WIRE_OPEN_SECRET);
#define WIRE_TAKEN_OUT(F)                                                                          \
	F(u64, tag, 0)                                                                             \
	F(text, error, 32)                                                                         \
	F(text, reason, CS_TEXT_MAX)                                                               \
	F(bytes, pkcs8, CS_KEY_MAX)                                                                \
	F(bytes, leaf, CS_DER_MAX)                                                                 \
	F(blobs, chain, CS_DER_MAX)                                                                \
	F(bytes, cluster, 16)                                                                      \
	F(list, secrets, open_secret)
WIRE_STRUCT(taken_out, WIRE_TAKEN_OUT);

/* import -> keyd. verb "check": are these this cluster's secrets; "lock": forget all secrets and
 * keys; "unlock": with these, or without any from the key file. -> KEY_DONE */
#define WIRE_KEY_ORDER(F)                                                                          \
	F(u64, tag, 0) F(text, verb, 32) F(bytes, cluster, 16) F(list, secrets, open_secret)
WIRE_STRUCT(key_order, WIRE_KEY_ORDER);
/* epoch: the newest that keyd holds now. */
#define WIRE_KEY_DONE(F)                                                                           \
	F(u64, tag, 0) F(text, error, 32) F(text, reason, CS_TEXT_MAX) F(u32, epoch, 0)
WIRE_STRUCT(key_done, WIRE_KEY_DONE);
/* Admin -> keyd: make a key (or take that of a certificate) and a certificate request or a
 * self-signed certificate. keyd encodes the fields itself, and signs nothing else. key:
 * pki_keyspec_name, "" with same_key. */
#define WIRE_MINT(F)                                                                               \
	F(u64, tag, 0)                                                                             \
	F(flag, self_signed, 0)                                                                    \
	F(text, key, 16)                                                                           \
	F(text, same_key, CS_ID_MAX) /* bundle id, "" = a new key */                               \
	F(text, name, CS_FRIENDLY_MAX)                                                             \
	F(text, country, 8)                                                                        \
	F(text, state, CS_SUBJECT_MAX)                                                             \
	F(text, locality, CS_SUBJECT_MAX)                                                          \
	F(text, organization, CS_SUBJECT_MAX)                                                      \
	F(text, unit, CS_SUBJECT_MAX)                                                              \
	F(text, common_name, CS_SUBJECT_MAX)                                                       \
	F(texts, dns, CS_NAME_MAX)                                                                 \
	F(blobs, ip, 16)                                                                           \
	F(u64, not_before, 0) /* of a self-signed one; Unix seconds */                             \
	F(u64, not_after, 0)
WIRE_STRUCT(mint, WIRE_MINT);
/* request or bundle, as asked; created_at and created_by of the request are left to admin. */
#define WIRE_MINTED(F)                                                                             \
	F(u64, tag, 0)                                                                             \
	F(text, error, 32)                                                                         \
	F(text, reason, CS_TEXT_MAX)                                                               \
	F(text, id, CS_ID_MAX)                                                                     \
	F(msg, request, request)                                                                   \
	F(msg, bundle, bundle)
WIRE_STRUCT(minted, WIRE_MINTED);
