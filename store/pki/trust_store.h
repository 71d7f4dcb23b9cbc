/* store/pki/trust_store.h: the roots that this system trusts, from its file of certificates, and
 * what it means that a way ends in one of them. */
#pragma once
#include <time.h>
#include "store/pki/path.h"

struct trust_store { /* all zero at first */
	struct path_pool *roots; /* anchors */
	struct timespec at; /* mtime of the file that they are from */
};
/* Reads PATH (NULL: the system's file, or the one that OpenSSL's SSL_CERT_FILE names) when it is
 * another one than before. CS_OK leaves a pool, an empty one when nothing can be read: that is
 * logged. CS_ENOMEM. */
CS_MUST enum cs_err trust_store_read(struct trust_store *self, const char *path);
void trust_store_free(struct trust_store *self);

/* Whose root it is that WAY of LEAF ends in: one of SYSTEM, or another one; unknown when it is not
 * complete, or when there is no trust store. */
enum pki_trust trust_store_judge(
        const struct path_pool *system, const struct pki_cert *leaf, const struct path *way);
