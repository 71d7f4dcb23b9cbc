/* node/keyd/sealer.h: makes a sealed bundle of what an importer hands over (design 4.3). */
#pragma once
#include "node/keyd/vault.h"
#include "proto/wire/control.h"

struct sealer_result {
	char id[CS_ID_MAX + 1]; /* bundle id, "" on error */
	struct wire_bundle bundle; /* points into the request and into `sealed` */
	struct cs_buf sealed, pkcs8; /* pkcs8: from the request */
	char csr[CS_ID_MAX + 1]; /* the open request whose key it is, "" */
	const char *reason; /* a sentence on error, "" */
};
/* Checks that the key is of a kind that is served and is the leaf's, and seals it under the newest
 * cluster secret. A request without a key gets that of an open certificate request; CS_ENOKEY when
 * none fits. CS_EUNSUPPORTED, CS_EMISMATCH, CS_EMALFORMED, CS_ELOCKED, CS_ETOOBIG. Free the
 * result in every case. */
CS_MUST enum cs_err sealer_seal(
        struct vault *vault, const struct wire_seal *request, struct sealer_result *out);
void sealer_result_free(struct sealer_result *self);
