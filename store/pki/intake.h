/* store/pki/intake.h: what is in the files that an admin hands over: PEM, DER and PKCS#12, in any
 * order, several objects a file. Pure over bytes; runs only in certspan-import (and in `cert
 * inspect`, without writing). */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "store/pki/cert.h"

struct intake;
struct intake_finding {
	const char *file; /* as given */
	const char *
	        what; /* "certificate", "CA certificate", "private key", "PKCS#12", "unknown" ... */
	enum cs_err err; /* CS_OK: taken */
	const char *reason; /* a sentence, "" */
};
/* A leaf with its key and the chain found for it (issuers in order, as far as the files hold them).
 */
struct intake_pair {
	const struct pki_cert *leaf;
	struct cs_bytes pkcs8; /* empty: no key came with it */
	const struct cs_bytes *chain;
	size_t chain_count;
	bool chain_complete; /* ends in a self-signed certificate or at a CA of the files' own root
	                      */
	const char *name; /* friendly name, "" */
};

CS_MUST enum cs_err intake_new(struct intake **out);
/* Reads one file. PASSPHRASE NULL: none given. Errors of content become findings; the return is
 * CS_OK then too. CS_ENOMEM. */
CS_MUST enum cs_err intake_add(
        struct intake *self, const char *name, struct cs_bytes bytes, const char *passphrase);
/* Pairs keys and certificates after the last file. CS_OK, or the reason why nothing can be taken;
 * *REASON is a sentence then. */
CS_MUST enum cs_err intake_finish(struct intake *self, const char **reason);
/* Those with a key first. */
size_t intake_pairs(const struct intake *self, const struct intake_pair **out);
/* The certificate that all this is about: the one with a key, else the one that issued no other.
 * NULL if none or several. */
const struct pki_cert *intake_leaf(const struct intake *self);
/* Every certificate taken, once each, in the order of the files. */
size_t intake_certs(const struct intake *self, const struct pki_cert *const **out);
size_t intake_cas(
        const struct intake *self, const struct cs_bytes **out); /* CA certificates, DER */
size_t intake_findings(const struct intake *self, const struct intake_finding **out);
uint32_t intake_kdf_iterations(const struct intake *self); /* of the PKCS#12, 0 */
void intake_free(struct intake **self);
