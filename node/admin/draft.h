/* node/admin/draft.h: what a request or a self-signed certificate is to say, from the fields of an
 * API request: copied from a certificate, overridden, host names turned into A-labels, checked. */
#pragma once
#include "node/admin/admin.h"
#include "store/pki/csr.h"

#define DRAFT_NOTES_MAX 64

struct draft {
	struct pki_fields fields;
	const struct pki_keyspec *spec; /* NULL: the key of same_key */
	const char *same_key; /* certificate id, "" */
	const char *name; /* friendly name */
	struct draft_note {
		const char *code, *text;
	} notes[DRAFT_NOTES_MAX]; /* warnings */
	size_t note_count;
};

/* For the tables of the routes that take a draft. */
#define DRAFT_ARGS                                                                                 \
	{ "name", ARG_TEXT, CS_FRIENDLY_MAX }, { "key", ARG_TEXT, 16 },                            \
	        { "same_key", ARG_TEXT, CS_FRIENDLY_MAX }, { "from", ARG_TEXT, CS_FRIENDLY_MAX },  \
	        { "country", ARG_TEXT, CS_SUBJECT_MAX }, { "state", ARG_TEXT, CS_SUBJECT_MAX },    \
	        { "locality", ARG_TEXT, CS_SUBJECT_MAX },                                          \
	        { "organization", ARG_TEXT, CS_SUBJECT_MAX },                                      \
	        { "unit", ARG_TEXT, CS_SUBJECT_MAX }, { "common_name", ARG_TEXT, CS_SUBJECT_MAX }, \
	        { "san", ARG_LIST, 4 * CS_NAME_MAX }, { "add_san", ARG_LIST, 4 * CS_NAME_MAX },    \
	{                                                                                          \
		"allow_ip", ARG_FLAG, 0                                                            \
	}

/* The mirror must be locked. Everything lives in the call's arena, but for what it copies from a
 * certificate of the mirror. The reason of an error is in the reply. */
CS_MUST enum cs_err draft_read(struct call *call, struct draft *out);
/* Which host names of the site and the nodes its names would cover: COVERED of the contract. NULL
 * when memory is out. */
json_t *draft_coverage(const struct draft *self, const struct scene *scene, struct cs_arena *arena);
/* Its warnings appended to LIST. */
CS_MUST enum cs_err draft_warn(const struct draft *self, json_t *list);
/* Asks keyd for it; *OUT is the caller's on CS_OK and holds MINTED. DAYS 0: a request. */
CS_MUST enum cs_err draft_mint(
        struct call *call, const struct draft *self, long long days, struct wire_packet *out);
