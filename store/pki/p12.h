/* store/pki/p12.h: PKCS#12: sealed bundles (under the machine's passphrase, design 4.3) and the
 * pre-check of foreign ones. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

/* Bundle passphrase: base64url(HKDF-SHA256(secret, "bundle" | id | version)), NUL-terminated into
 * OUT (44 bytes). Wipe it. */
CS_MUST enum cs_err p12_bundle_passphrase(
        const uint8_t secret[32], const char *id, uint32_t version, char out[44]);

/* Appends a PKCS#12 (PBES2 AES-256-CBC, HMAC-SHA256, 2,048 rounds) of leaf, key and chain to OUT.
 * PKCS8 is the key's DER. CS_EMISMATCH when the key is not the leaf's. */
CS_MUST enum cs_err p12_seal(struct cs_bytes leaf, struct cs_bytes pkcs8,
        const struct cs_bytes *chain, size_t chain_count, const char *name, const char *passphrase,
        struct cs_buf *out);

/* Who is to open it: a machine (2,048 rounds: its passphrase has 256 bits), people (600,000), old
 * Windows and Java (3DES, SHA-1). */
enum p12_strength { P12_SEALED, P12_HUMAN, P12_OLD };
/* As p12_seal, under a passphrase of people (UTF-8). */
CS_MUST enum cs_err p12_write(struct cs_bytes leaf, struct cs_bytes pkcs8,
        const struct cs_bytes *chain, size_t chain_count, const char *name, const char *passphrase,
        enum p12_strength strength, struct cs_buf *out);

/* The same of a key alone: it waits for its certificate. */
CS_MUST enum cs_err p12_seal_key(
        struct cs_bytes pkcs8, const char *name, const char *passphrase, struct cs_buf *out);

/* What came out of a PKCS#12. keys: PKCS#8 DER, one after the other; all buffers are wiped when
 * freed. */
struct p12_content {
	struct cs_arena *arena;
	const struct cs_bytes *keys, *certs;
	size_t key_count, cert_count;
	const char *name; /* friendly name of the first key or certificate, "" */
	uint32_t mac_iterations;
	const char *reason; /* after an error: a static sentence that says why; else "" */
};
/* Before any key derivation: exact length (CS_ETRAILING), MAC there (CS_ENOMAC), every readable
 * count and salt within limits.h (CS_EITERATIONS). Then opens. PASSPHRASE NULL = none given: both
 * the absent and the empty one are tried. CS_EPASSPHRASE, CS_EMALFORMED, CS_EUNSUPPORTED. LEGACY:
 * an OSSL_LIB_CTX with the legacy provider may be used (import only). */
CS_MUST enum cs_err p12_open(
        struct cs_bytes der, const char *passphrase, bool legacy, struct p12_content *out);
/* Loads from disk what p12_open with LEGACY needs. Call it before a sandbox closes the disk; else
 * old files may end as CS_EUNSUPPORTED. */
void p12_prepare_legacy(void);
void p12_content_free(struct p12_content *self);
