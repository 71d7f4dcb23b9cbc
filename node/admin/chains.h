/* node/admin/chains.h: which issuers are served with each certificate: resolved here, on the
 * primary, and replicated, so that every node serves the same bytes. The ways lead over the
 * system's trust store, the cluster's CA certificates and what came with the certificate; a
 * self-signed CA certificate of the cluster counts as a root, after those of the system. */
#pragma once
#include <jansson.h>
#include "node/admin/plan.h"
#include "store/pki/path.h"

struct call;
struct chains;
CS_MUST enum cs_err chains_new(struct chains **out); /* lives as long as the process */
/* What chains_follow has still to do: certificates after `id`. */
struct chains_rest {
	bool any;
	char id[CS_ID_MAX + 1];
};
struct chains_rest chains_rest(struct chains *self);
void chains_set_rest(struct chains *self, const struct chains_rest *rest);

/* What is chosen for certificate ID; NULL: nothing yet, its own chain is served. */
const struct wire_chain *chains_choice(const struct mirror *mirror, const char *id);
/* The issuers of BUNDLE by CHOICE (NULL: its own), DER each; the array lives in ARENA. What cannot
 * be found is left out. */
CS_MUST enum cs_err chains_issuers(const struct mirror *mirror, const struct wire_chain *choice,
        const struct wire_bundle *bundle, struct cs_arena *arena, struct wire_blobs *out);
/* The same of the certificate ID as it is now. */
CS_MUST enum cs_err chains_of(const struct mirror *mirror, const char *id,
        const struct wire_bundle *bundle, struct cs_arena *arena, struct wire_blobs *out);

/* What a resolution sees: the pools, with what a plan adds and drops. Mirror locked. */
struct chains_scope {
	struct mirror *mirror;
	struct path_pool *system, *pool, *roots; /* roots: the self-signed ones of POOL */
	struct path_pool *added, *added_roots;
	int64_t now;
};
CS_MUST enum cs_err chains_open(struct call *call, struct chains_scope *out);
/* DER into POOL, and into ROOTS when it is self-signed. */
CS_MUST enum cs_err chains_add(
        struct cs_bytes der, struct path_pool *pool, struct path_pool *roots);
void chains_close(struct chains_scope *self); /* frees what was added alone */
/* The best way of LEAF to a root, over SCOPE and WITH, at a time at which LEAF is valid. Everything
 * in OUT lives in ARENA. */
CS_MUST enum cs_err chains_way(const struct chains_scope *scope, const struct pki_cert *leaf,
        struct wire_blobs with, struct cs_arena *arena, struct path *out);
/* How far a client comes that is served ISSUERS with LEAF and has the roots. */
CS_MUST enum cs_err chains_judge(const struct chains_scope *scope, const struct pki_cert *leaf,
        struct wire_blobs issuers, struct cs_arena *arena, struct path *out);
/* The warnings about chains in LIST ([{code, text}]) become what PATH says. */
CS_MUST enum cs_err chains_warn(json_t *list, const struct pki_cert *leaf, const struct path *path);
/* Whose root LEAF leads to: by PATH, as judged, or by a better way over SCOPE and ISSUERS. */
CS_MUST enum cs_err chains_trust(const struct chains_scope *scope, const struct pki_cert *leaf,
        struct wire_blobs issuers, const struct path *path, struct cs_arena *arena,
        enum pki_trust *out);
/* Both the warnings about chains and those about trust become what PATH, as judged, says. */
CS_MUST enum cs_err chains_warn_all(const struct chains_scope *scope, json_t *list,
        const struct pki_cert *leaf, struct wire_blobs issuers, const struct path *path,
        struct cs_arena *arena);
/* The same trust for a certificate that is not stored yet, with the CA certificates that come
 * along. */
CS_MUST enum cs_err chains_trust_of_new(struct call *call, const struct pki_cert *leaf,
        struct wire_blobs issuers, struct wire_blobs cas, enum pki_trust *out);
/* CHOICE for LEAF of BUNDLE in MODE; mode 0: automatic where that is complete, else current. */
CS_MUST enum cs_err chains_resolve(const struct chains_scope *scope, const struct pki_cert *leaf,
        const struct wire_bundle *bundle, uint32_t mode, struct cs_arena *arena,
        struct wire_chain *out);
/* GIVEN, in whatever order, as the issuers of LEAF in theirs. CS_EMISMATCH: not all of them are. */
CS_MUST enum cs_err chains_arrange(const struct pki_cert *leaf, struct wire_blobs given,
        int64_t now, struct cs_arena *arena, struct path *out);

/* Completes PLAN by the chain objects that its changes ask for: a new bundle gets its chain, a
 * successor inherits the choice of what it replaces, a deleted one leaves none behind, and a CA
 * certificate that comes or goes resolves anew what rests on it. Mirror locked. */
CS_MUST enum cs_err chains_follow(struct call *call, struct plan *plan);
/* What a CA certificate changes may be more than one commit takes; call->rest says what is left for
 * the next plan then, an empty one will do. It counts from chains_set_rest on, once written. */
