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
	VERDICT_SAME
};
const char *verdict_name(enum verdict verdict); /* "first", "renewal", "re-key" ... */

/* *REPLACES: the Active certificate that it would replace, NULL for first and additional. */
enum verdict verdict_of(
        const struct scene *scene, const struct pki_cert *leaf, const struct scene_cert **replaces);

struct verdict_flags {
	bool stage; /* never activate */
	bool replacement, name_loss, older; /* allowed by name: other issuer; names that go; older
	                                       than what it replaces */
	bool asked; /* by `activate`: what needs no flag needs no verdict either */
	struct wire_texts accepted;
};
struct decision {
	enum verdict verdict;
	const struct scene_cert *replaces; /* NULL */
	bool activate;
	enum cs_err err; /* why it stays Staged; CS_OK also when that was asked for */
	const char *text, *next; /* sentences; next may be "" */
	struct gate gate;
	struct scene after; /* what would be served */
};
/* CERT is in no scene yet, or in SCENE as not Active. Everything lives in ARENA. */
CS_MUST enum cs_err decide(const struct scene *scene, const struct scene_cert *cert,
        const struct verdict_flags *flags, struct cs_arena *arena, struct decision *out);
