/* proto/wire/replication.h: the messages between nodes (replication.md). One ZeroMQ payload frame =
 * one packet (proto/wire/packet.h). LIST, GET, POLL, CLAIM, OFFER and PULL have their numbers and
 * come with compare and promotion. */
#pragma once
#include "proto/wire/objects.h"

#define REPLICATION_VERSION 1u

enum hello_mode { HELLO_FOLLOW = 1, HELLO_WATCH = 2, HELLO_COMPARE = 3 };
enum welcome_kind {
	WELCOME_DELTA = 1,
	WELCOME_COMPARE = 2,
	WELCOME_NOT_PRIMARY = 3,
	WELCOME_AHEAD = 4,
	WELCOME_REVOKED = 5,
	WELCOME_UPGRADE = 6,
	WELCOME_WATCH = 7
};

/* What a probe found; also the words of status (design section 7). */
enum probe_result {
	PROBE_UNKNOWN = 0,
	PROBE_MATCH = 1,
	PROBE_OLD = 2,
	PROBE_DEFAULT = 3,
	PROBE_WRONG = 4,
	PROBE_DOWN = 5
};
const char *probe_result_name(uint32_t result);
/* How a probe asks: with a name, without SNI, or with a name that nothing covers. */
enum probe_kind { PROBE_SNI = 1, PROBE_NO_SNI = 2, PROBE_UNMATCHED = 3 };

#define WIRE_PROBE(F)                                                                              \
	F(u32, kind, 0)                                                                            \
	F(text, sni, CS_NAME_MAX)                                                                  \
	F(u32, result, 0)                                                                          \
	F(bytes, want, 32) /* SHA-256 of the leaf that should be served */                         \
	F(bytes, got, 32) /* of the leaf that was; empty when down */                              \
	F(u64, at_ms, 0) /* wall clock */                                                          \
	F(text, error, 128)
WIRE_STRUCT(probe, WIRE_PROBE);

/* sid: random, new for every session; every other message carries it. */
#define WIRE_HELLO(F)                                                                              \
	F(u32, version, 0)                                                                         \
	F(u64, sid, 0)                                                                             \
	F(bytes, cluster, 16)                                                                      \
	F(text, node, CS_ID_MAX)                                                                   \
	F(u32, role, 0)                                                                            \
	F(u32, mode, 0)                                                                            \
	F(msg, allegiance, reign)                                                                  \
	F(msg, position, position)                                                                 \
	F(bytes, digest, 32)                                                                       \
	F(u64, credit, 0)                                                                          \
	F(text, software, 64)                                                                      \
	F(bytes, mark, 1024) /* the MARK of its position, encoded; empty before the first */
WIRE_STRUCT(hello, WIRE_HELLO);

#define WIRE_WELCOME(F)                                                                            \
	F(u32, version, 0)                                                                         \
	F(u64, sid, 0)                                                                             \
	F(u32, kind, 0)                                                                            \
	F(msg, reign, reign)                                                                       \
	F(u64, cursor, 0) /* pieces start after it */                                              \
	F(u64, head, 0) /* for progress */                                                         \
	F(text, reason, 256)
WIRE_STRUCT(welcome, WIRE_WELCOME);

#define WIRE_PIECE(F)                                                                              \
	F(u64, sid, 0)                                                                             \
	F(u64, epoch, 0)                                                                           \
	F(bytes, history, 16)                                                                      \
	F(u64, from, 0)                                                                            \
	F(u64, to, 0)                                                                              \
	F(list, objects, object)                                                                   \
	F(list, commits, commit)
WIRE_STRUCT(piece, WIRE_PIECE);

/* The state at the closing head. signature: the leader's Ed25519 over the encoding with sid 0 and
 * no signature. */
#define WIRE_MARK(F)                                                                               \
	F(u64, sid, 0)                                                                             \
	F(u64, epoch, 0)                                                                           \
	F(u64, from, 0) /* the staged cursor it closes */                                          \
	F(msg, position, position)                                                                 \
	F(list, reigns, reign)                                                                     \
	F(bytes, digest, 32)                                                                       \
	F(text, signer, CS_ID_MAX)                                                                 \
	F(bytes, signature, 64)
WIRE_STRUCT(mark, WIRE_MARK);

/* Progress of a follower: sent when any number moved. */
#define WIRE_ACK(F)                                                                                \
	F(u64, sid, 0)                                                                             \
	F(bytes, history, 16)                                                                      \
	F(u64, staged, 0)                                                                          \
	F(u64, stored, 0)                                                                          \
	F(bytes, digest, 32)                                                                       \
	F(u64, loaded, 0)                                                                          \
	F(u64, served, 0)
WIRE_STRUCT(ack, WIRE_ACK);

/* Health of a follower: every 1 to 5 s and when it changes. */
#define WIRE_STATUS(F)                                                                             \
	F(u64, sid, 0)                                                                             \
	F(u64, wall_ms, 0)                                                                         \
	F(text, software, 64)                                                                      \
	F(u64, generation, 0)                                                                      \
	F(list, probes, probe)                                                                     \
	F(u64, unopened, 0) /* bundles that keyd could not open */                                 \
	F(text, error, CS_TEXT_MAX)                                                                \
	F(text, layers, 256) /* sandbox facts, for status */                                       \
	F(text, facts, CS_FACTS_MAX) /* of the host: JSON, see replicator/local/host.h */
WIRE_STRUCT(status, WIRE_STATUS);

/* One node as the leader sees it; the cluster summary is a list of these. Times in ms, ages at the
 * leader. */
#define WIRE_MEMBER(F)                                                                             \
	F(text, name, CS_ID_MAX)                                                                   \
	F(u32, role, 0)                                                                            \
	F(flag, self, 0)                                                                           \
	F(flag, connected, 0)                                                                      \
	F(flag, enrolled, 0)                                                                       \
	F(flag, in_sync_set, 0)                                                                    \
	F(u64, staged, 0)                                                                          \
	F(u64, stored, 0)                                                                          \
	F(u64, loaded, 0)                                                                          \
	F(u64, served, 0)                                                                          \
	F(u64, generation, 0)                                                                      \
	F(u64, last_seen_ms, 0) /* since the last message; 0 for itself */                         \
	F(u64, behind_ms, 0) /* since it was last at the head; 0 when it is */                     \
	F(u64, clock_offset_ms, 0) /* absolute */                                                  \
	F(flag, clock_ahead, 0)                                                                    \
	F(list, probes, probe)                                                                     \
	F(u64, unopened, 0)                                                                        \
	F(text, software, 64)                                                                      \
	F(text, error, CS_TEXT_MAX)                                                                \
	F(text, layers, 256)                                                                       \
	F(flag, revoked, 0)                                                                        \
	F(flag, digest_differs, 0)                                                                 \
	F(flag, ever_seen, 0) /* since this leader's start */                                      \
	F(text, facts, CS_FACTS_MAX) /* as in STATUS; "" in a HEAD */
WIRE_STRUCT(member, WIRE_MEMBER);

#define WIRE_SUMMARY(F)                                                                            \
	F(text, primary, CS_ID_MAX)                                                                \
	F(u64, epoch, 0)                                                                           \
	F(bytes, history, 16)                                                                      \
	F(u64, seq, 0)                                                                             \
	F(u64, released, 0)                                                                        \
	F(u64, generation, 0)                                                                      \
	F(u64, wall_ms, 0) /* at the leader */                                                     \
	F(list, members, member)
WIRE_STRUCT(summary, WIRE_SUMMARY);

#define WIRE_HEAD(F)                                                                               \
	F(u64, sid, 0)                                                                             \
	F(msg, reign, reign)                                                                       \
	F(u64, seq, 0)                                                                             \
	F(bytes, chain, 32)                                                                        \
	F(bytes, digest, 32)                                                                       \
	F(u64, released, 0)                                                                        \
	F(u64, wall_ms, 0)                                                                         \
	F(msg, summary, summary) /* at most every 2 s, else absent */
WIRE_STRUCT(head, WIRE_HEAD);

#define WIRE_BYE(F) F(u64, sid, 0) F(text, reason, 256)
WIRE_STRUCT(bye, WIRE_BYE);

/* The only message an unknown key may send. hmac = HMAC-SHA-256(token secret, encoding with an
 * empty hmac). */
#define WIRE_ENROL(F)                                                                              \
	F(u32, version, 0)                                                                         \
	F(bytes, token, 8) /* its id */                                                            \
	F(bytes, cluster, 16)                                                                      \
	F(text, name, CS_ID_MAX)                                                                   \
	F(u32, role, 0)                                                                            \
	F(bytes, curve_key, 32)                                                                    \
	F(bytes, sign_key, 32)                                                                     \
	F(bytes, seal_key, 32)                                                                     \
	F(text, software, 64)                                                                      \
	F(bytes, hmac, 32)
WIRE_STRUCT(enrol, WIRE_ENROL);

/* error: name of a cs_err ("" = enrolled). hmac as above, so that only the holder of the token can
 * answer. */
#define WIRE_ENROLLED(F)                                                                           \
	F(text, error, 32)                                                                         \
	F(text, reason, CS_TEXT_MAX)                                                               \
	F(bytes, cluster, 16)                                                                      \
	F(bytes, digest_key, 32)                                                                   \
	F(list, nodes, node) /* the registry now: whom to dial, whose keys count */                \
	F(msg, reign, reign)                                                                       \
	F(list, site, setting) /* site hostnames, for the first configuration */                   \
	F(bytes, hmac, 32)
WIRE_STRUCT(enrolled, WIRE_ENROLLED);
