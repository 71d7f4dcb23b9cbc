/* store/pki/export.h: a certificate, its key and its chain as a file for others (the guide's
 * Export: DER for one certificate, PKCS#8 for the key alone, PKCS#7 for several certificates,
 * PKCS#12 for certificate and key; PEM for anything). Pure: no files, no clock. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

/* Rounds of each key derivation: under what people choose, and what old importers bear. */
#define PKI_HUMAN_ROUNDS 600000
#define PKI_OLD_ROUNDS 50000
#define PKI_PASSPHRASE_MIN 12 /* characters */

enum pki_format {
	PKI_FORMAT_NONE = 0,
	PKI_FORMAT_DER = 1,
	PKI_FORMAT_PEM = 2,
	PKI_FORMAT_P7B = 3,
	PKI_FORMAT_P8 = 4,
	PKI_FORMAT_P12 = 5
};
const char *pki_format_name(enum pki_format format); /* "p12"; "?" */
enum pki_format pki_format_of(const char *name); /* PKI_FORMAT_NONE when unknown */

enum pki_with { PKI_WITH_CERTIFICATE = 1, PKI_WITH_KEY = 2, PKI_WITH_CHAIN = 4 };
/* "certificate,key,chain" into bits; CS_EUSAGE for another word, a repeated one, or none. */
CS_MUST enum cs_err pki_with_of(const char *text, unsigned *out);
const char *pki_with_text(unsigned include); /* "certificate,key" */

/* The format that fits what is included in a file of COUNT certificates. */
enum pki_format pki_format_for(unsigned include, size_t count);
/* Whether FORMAT can hold it; else a sentence that says why not. */
const char *pki_format_objection(enum pki_format format, unsigned include, size_t count);
/* At least PKI_PASSPHRASE_MIN characters of UTF-8; else a sentence. */
const char *pki_passphrase_objection(const char *passphrase);

struct pki_export_item {
	struct cs_bytes leaf;
	const struct cs_bytes *chain; /* issuers, nearest first */
	size_t chain_count;
};
struct pki_export {
	enum pki_format format;
	unsigned include; /* enum pki_with */
	const struct pki_export_item *items;
	size_t count; /* 1 with a key */
	struct cs_bytes pkcs8; /* with a key */
	const char *name; /* friendly name, for PKCS#12 */
	const char
	        *passphrase; /* UTF-8; NULL: the key goes out unencrypted (PEM and PKCS#8 only) */
	bool legacy; /* PBE-SHA1-3DES and a SHA-1 MAC instead of PBES2 AES-256 */
};
/* Appends the file to OUT. CS_EUSAGE: pki_format_objection; CS_ENOPASSPHRASE: PKCS#12 without one;
 * CS_EMALFORMED, CS_EMISMATCH, CS_ETOOBIG. */
CS_MUST enum cs_err pki_export(const struct pki_export *what, struct cs_buf *out);
