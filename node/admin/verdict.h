/* node/admin/verdict.h: what a newly imported certificate is to the cluster, and whether it may
 * serve at once (design sections 1, 6). Pure. */
#pragma once
#include "node/admin/gate.h"

enum verdict {
	VERDICT_FIRST,
	VERDICT_RENEWAL,
	VERDICT_REKEY,
	VERDICT_REISSUE,
	VERDICT_REPLACEMENT,
	VERDICT_ADDITIONAL,
	VERDICT_SAME,
	VERDICT_TWIN, /* names in common with an Active one of another key type: both serve */
	VERDICT_INTERMEDIATE /* the same leaf under other issuers */
};
const char *verdict_name(enum verdict verdict); /* "first", "renewal", "re-key" ... */

/* *KIN: the Active certificate that it would replace, or stand beside as a twin; NULL for first and
 * additional. KEY_TYPE: one of another key type is replaced, too, when there is none of its own. */
enum verdict verdict_of(const struct scene *scene, const struct pki_cert *leaf, bool key_type,
        const struct scene_cert **kin);

struct verdict_flags {
	bool stage; /* never activate */
	bool replacement, name_loss, older; /* allowed by name: other issuer; names that go; older
	                                       than what it replaces */
	bool key_type; /* it takes the place of one of another key type, no twin of it */
	bool asked; /* by `activate`: what needs no flag needs no verdict either */
	struct wire_texts accepted;
};
struct decision {
	enum verdict verdict;
	const struct scene_cert *replaces; /* NULL */
	const struct scene_cert *twin; /* NULL: the one beside which it would serve */
	struct wire_texts lost; /* names that what it replaces vouches for and it does not */
	const char *key_change; /* "RSA-2048 to P-256"; "" */
	bool activate;
	enum cs_err err; /* why it stays Staged; CS_OK also when that was asked for */
	const char *text, *next; /* sentences; next may be "" */
	struct gate gate;
	struct scene after; /* what would be served */
};
/* CERT is in no scene yet, or in SCENE as not Active. Everything lives in ARENA. */
CS_MUST enum cs_err decide(const struct scene *scene, const struct scene_cert *cert,
        const struct verdict_flags *flags, struct cs_arena *arena, struct decision *out);
