/* node/admin/owners.h: which certificates have a name, and which have a key, found without walking
 * all of them. Pure. */
#pragma once
#include "store/pki/cert.h"

struct owners;
CS_MUST enum cs_err owners_new(struct owners **out);
void owners_free(struct owners **self);
/* ID is kept as it is, so it must live until owners_drop. */
CS_MUST enum cs_err owners_add(struct owners *self, const struct pki_cert *leaf, const char *id);
void owners_drop(struct owners *self, const struct pki_cert *leaf, const char *id);
/* The ids of those with NAME as an alternative name (lower case; IP addresses in their usual form);
 * NULL and 0 when there are none. */
const char *const *owners_of_name(const struct owners *self, const char *name, size_t *n);
/* The ids of those with the key of LEAF. */
const char *const *owners_of_key(const struct owners *self, const struct pki_cert *leaf, size_t *n);
