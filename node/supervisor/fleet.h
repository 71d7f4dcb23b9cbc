/* node/supervisor/fleet.h: the role processes of a node: started, wired to one another, watched,
 *started again with back-off.
 *
 *	          start              READY              end
 *	DOWN --------------> STARTING -----> UP -----------------> DOWN (timer: back-off)
 *	  ^                     | no READY in 10 s: killed           |
 *	  +---------------------+<-----------------------------------+     STOPPING: nothing starts
 *any more
 *
 * Whenever a role starts, each of its links to a running peer gets a fresh channel, and both ends
 *are told (FD packets). */
#pragma once
#include "node/supervisor/sockets.h"
#include "node/supervisor/users.h"
#include "proto/role/loop.h"
#include "proto/wire/control.h"

struct fleet;
struct fleet_setup {
	struct loop *loop;
	const char *libexec;
	const struct users *users;
	const struct sockets *sockets;
	const struct wire_config *config;
	void (*ready)(void *data); /* all roles are up for the first time */
	void (*door)(void *data); /* an import ended: there is room for one more */
	void *data;
};

/* What SETUP points to must outlive the fleet. */
CS_MUST enum cs_err fleet_new(const struct fleet_setup *setup, struct fleet **out);
void fleet_start(struct fleet *self); /* all roles; failures are logged and tried again */
/* Every role gets CONFIG, which must stay alive until the next call. */
void fleet_reconfigure(struct fleet *self, const struct wire_config *config);
/* A one-shot import with the accepted DOOR, which stays the caller's. CS_EAGAIN: enough are at
 * work. */
CS_MUST enum cs_err fleet_import(struct fleet *self, int door);
bool fleet_import_room(const struct fleet *self);
void fleet_reap(struct fleet *self); /* on SIGCHLD */
/* Tells the roles to finish: those that serve clients first, then keyd and replicator. fleet_empty
 * tells when all are gone. */
void fleet_stop(struct fleet *self);
bool fleet_empty(const struct fleet *self);
void fleet_kill(struct fleet *self); /* what is left, at once */
size_t fleet_up(const struct fleet *self, size_t *wanted); /* roles that said READY, of how many */
void fleet_free(struct fleet **self);
