/* store/pki/pfx.h: the outer shell of a PKCS#12 and its MAC (RFC 7292 section 4, RFC 9579). Inside
 * store/pki only. */
#pragma once
#include "proto/base/cs.h"
#include "store/pki/ossl.h"
#include "store/pki/pbe.h"

struct pfx;

/* The form in which a passphrase fitted: NULL (absent) and "" derive different keys in PKCS#12. */
struct pfx_pass {
	const char *text;
	int n;
};

/* One PFX to the last byte; CS_ETRAILING, CS_EMALFORMED, CS_EUNSUPPORTED (signed ones), CS_ENOMAC.
 */
CS_MUST enum cs_err pfx_read(struct cs_bytes der, struct pbe_budget *budget, struct pfx **out);
/* The encoded AuthenticatedSafe inside. */
struct cs_bytes pfx_content(const struct pfx *self);
/* Charges the MAC's derivation; derives nothing. */
CS_MUST enum cs_err pfx_mac_check(
        const struct pfx *self, struct pbe_budget *budget, uint32_t *iterations);
/* After pfx_mac_check. PASSPHRASE NULL: none given. CS_EPASSPHRASE, CS_ENOPASSPHRASE,
 * CS_EUNSUPPORTED. */
CS_MUST enum cs_err pfx_mac_verify(const struct pfx *self, struct pbe_budget *budget,
        const char *passphrase, struct pfx_pass *out);
void pfx_free(struct pfx **self);
