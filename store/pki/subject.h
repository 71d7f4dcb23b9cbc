/* store/pki/subject.h: the subject that a request or a self-signed certificate asks for: the
 * guide's six fields. Pure. */
#pragma once
#include <openssl/types.h>
#include "proto/base/buf.h"
#include "proto/base/cs.h"

/* "" = left out; never NULL. */
struct pki_subject {
	const char *country, *state, *locality, *organization, *unit, *common_name;
};

/* CS_EMALFORMED with a sentence in REASON (SIZE bytes): country other than two capital letters;
 * longer than X.520 allows (in characters: state and locality 128, the others 64); not UTF-8,
 * control bytes, invisible or direction-changing characters, space at an end. */
CS_MUST enum cs_err pki_subject_check(const struct pki_subject *self, char *reason, size_t size);
/* C, ST, L, O, OU, CN in this order, UTF-8. The caller owns *OUT. */
CS_MUST enum cs_err pki_subject_name(const struct pki_subject *self, X509_NAME **out);
/* The six fields of an encoded name, in ARENA: of several organizational units the first, and so
 * on. *OTHERS: it has more than these fields can say. CS_EMALFORMED. */
CS_MUST enum cs_err pki_subject_read(
        struct cs_bytes der, struct cs_arena *arena, struct pki_subject *out, bool *others);
