/* proto/base/limits.h: every cap on outside input, in one place. Sizes are bytes unless said. */
#pragma once

#define CS_ID_MAX 64 /* object ids, without NUL: [a-z0-9._:*@-] */
#define CS_NAME_MAX 253 /* a host name in written form, RFC 1035 */
#define CS_FRIENDLY_MAX 256 /* friendly name of a certificate */
#define CS_TEXT_MAX 1024 /* any sentence for people */
#define CS_ENDPOINT_MAX 280 /* host:port */

#define CS_UPLOAD_FILE_MAX (1u << 20) /* one imported file */
#define CS_UPLOAD_TOTAL_MAX (4u << 20) /* all files of one import */
#define CS_UPLOAD_FILES_MAX 64
#define CS_PASSPHRASE_MAX 1024
#define CS_EXPORT_MAX (192u << 10) /* one exported file with a key */

#define CS_DER_MAX (16u << 10) /* one certificate */
#define CS_CHAIN_MAX 16 /* certificates of a chain, leaf not counted */
#define CS_KEY_MAX (8u << 10) /* one PKCS#8 key */
#define CS_NAMES_MAX 1024 /* names of one certificate */
#define CS_REQUEST_NAMES_MAX 100 /* names that a request may ask for */
#define CS_SUBJECT_MAX 512 /* one field of a subject, UTF-8: 128 characters of 4 bytes */
#define CS_REQUESTS_MAX 256 /* open certificate requests of a cluster */
#define CS_KDF_ITERATIONS_MAX 5000000 /* as the JDK; notes/security.md section 6 */
#define CS_KDF_SALT_MAX 1024

#define CS_OBJECT_MAX (96u << 10) /* payload of one replicated object */
#define CS_COMMIT_OBJECTS_MAX 4096
#define CS_PIECE_MAX (256u << 10) /* one PIECE on the wire, soft: one object may pass it */
#define CS_MESSAGE_MAX (1u << 20) /* ZMQ_MAXMSGSIZE */
#define CS_CREDIT (256u << 10)
#define CS_PACKET_MAX (128u << 10) /* one packet on a local channel */
#define CS_UNPACK_MAX (4u << 20) /* memory that unpacking one message may take */

#define CS_FACTS_MAX 1024 /* what a node says of its host */
#define CS_PEERS_MAX 4096
#define CS_HOSTNAMES_MAX 32 /* extra host names of one node, site hostnames */
