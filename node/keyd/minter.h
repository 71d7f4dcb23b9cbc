/* node/keyd/minter.h: a certificate request or a self-signed certificate, encoded here from public
 * fields and signed by a key of ours, with the key sealed for every node. Nothing that a caller has
 * encoded is ever signed. */
#pragma once
#include "node/keyd/sealer.h"

struct minter_result {
	struct wire_minted reply; /* points into the rest; tag and reason set, error on failure */
	struct wire_request request;
	struct wire_bundle bundle;
	struct cs_buf der, pkcs8, sealed;
	struct sealer_result seal; /* of a self-signed certificate */
	char id[CS_ID_MAX + 1], reason[CS_TEXT_MAX + 1];
	uint8_t spki[32];
};

/* CS_EMALFORMED, CS_ETOOBIG: the fields; reason says which. */
CS_MUST enum cs_err minter_check(const struct wire_mint *mint, char *reason, size_t size);
/* KEY stays the caller's. Free *OUT in every case; its reply can be sent in every case. */
CS_MUST enum cs_err minter_make(struct vault *vault, const struct wire_mint *mint, EVP_PKEY *key,
        struct minter_result *out);
void minter_result_free(struct minter_result *self);
