/* node/keyd/signer.h: answers sign requests: finds the key, checks the text, signs. */
#pragma once
#include "node/keyd/keybox.h"
#include "node/keyd/vault.h"
#include "proto/wire/sign.h"

struct signer {
	struct keybox *box; /* borrowed, both */
	struct vault *vault;
	uint64_t signatures, refused;
	int64_t logged_ms; /* a hostile edge gets one log line a second */
	uint64_t logged_refused;
};

/* Fills REPLY, with an error in it or a signature. */
void signer_answer(
        struct signer *self, const struct sign_request *request, struct sign_reply *reply);
/* Counts a request that was not even well-formed. */
void signer_refuse(struct signer *self, const char *key, const char *why);
