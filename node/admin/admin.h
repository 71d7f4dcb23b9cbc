/* node/admin/admin.h: what all requests of this process share, and one request. The mirror is
 * locked while a document is built or a decision is made, never while a write waits for nodes. */
#pragma once
#include "node/admin/args.h"
#include "node/admin/chains.h"
#include "node/admin/link.h"
#include "node/admin/mirror.h"
#include "node/admin/plan.h"
#include "node/admin/reply.h"

struct admin;
CS_MUST enum cs_err admin_new(
        const char *node, struct admin **out); /* lives as long as the process */
struct link *admin_link(struct admin *self); /* to the replicator */
struct link *admin_keyd(struct admin *self);
struct chains *admin_chains(struct admin *self); /* used while the mirror is locked */
const char *admin_node(const struct admin *self);
void admin_set_shared_user(struct admin *self, bool shared);
bool admin_shared_user(struct admin *self);
/* Whether UID may use this node: root, or the one user that all roles share. */
bool admin_permits(struct admin *self, uint32_t uid);
/* Steals PACKET (ROLES). */
void admin_set_roles(struct admin *self, struct wire_packet *packet);

/* One request, on one thread. */
struct call {
	struct admin *admin;
	struct cs_arena *arena;
	const char *name; /* the variable part of the path, "" */
	json_t *args;
	char actor[CS_ID_MAX + 1]; /* "uid:0" */
	int64_t now; /* Unix seconds */
	struct mirror *mirror; /* while locked */
	struct wire_packet facts_packet;
	const struct wire_facts *facts; /* after call_facts */
	struct reply reply;
	struct chains_rest rest; /* what chains_follow left for the next plan */
};

CS_MUST enum cs_err call_begin(struct admin *admin, uint32_t uid, struct call *out);
void call_end(struct call *self);
/* Brings the mirror up to the head and locks it. On anything but CS_OK it is not locked. */
CS_MUST enum cs_err call_lock(struct call *self);
void call_unlock(struct call *self);
CS_MUST enum cs_err call_facts(struct call *self); /* asks once */
/* The roles of this node; valid while locked. NULL before the supervisor said. */
const struct wire_roles *call_roles(const struct call *self);

/* The decision of a write: fills PLAN (mirror locked, facts asked) and may prepare call->reply.doc
 * as what the outcome adds. May run again after a conflict. An empty plan writes nothing. */
typedef enum cs_err decide_fn(struct call *call, void *data, struct plan *plan);
/* Decides, writes and waits as asked; the outcome document, with what the decision added, becomes
 * the reply. CS_ENOTPRIMARY on a follower. */
CS_MUST enum cs_err call_write(struct call *self, decide_fn *decide, void *data);
/* CS_ENOTPRIMARY, with where to go in the reply. */
CS_MUST enum cs_err call_primary(struct call *self);
enum cs_err call_err_of(const char *name); /* "CS_EIO"; CS_EBUG if unknown */
/* The outcome document of what replicator said; adds the members of call->reply.doc. */
CS_MUST enum cs_err call_outcome(struct call *self, const struct wire_outcome *outcome,
        uint64_t generation, const char *acknowledged, bool dry_run);
