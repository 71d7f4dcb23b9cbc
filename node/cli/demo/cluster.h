/* node/cli/demo/cluster.h: three real nodes on loopback in one temporary folder: started, killed,
 * asked, stopped. Only processes that this program started are ever signalled, each by its id. */
#pragma once
#include <sys/types.h>
#include "node/cli/cli.h"
#include "proto/wire/replication.h"

#define DEMO_NODES 3
#define DEMO_PATH_MAX 96
#define DEMO_SITE "demo.test"
#define DEMO_UNMATCHED "somewhere-else.invalid"

struct demo_node {
	const char *name, *role;
	char public_host[32], dir[DEMO_PATH_MAX], config[DEMO_PATH_MAX + 16],
	        log[DEMO_PATH_MAX + 16];
	unsigned edge_port, internal_port; /* on 127.0.0.1; internal_port 0: binds none */
	pid_t pid; /* of its certspand; 0: not running */
};

struct demo {
	struct cli *cli;
	FILE *talk; /* stdout; stderr in JSON mode */
	char dir[DEMO_PATH_MAX];
	struct demo_node nodes[DEMO_NODES]; /* p1, b1, t1 */
	bool keep;
	int64_t began_ms;
	char failure[1024];
};

/* Set by ^C and its like; every wait ends then. */
bool demo_interrupted(void);
void demo_catch_signals(void);

/* The folder (0711) and the free ports. */
CS_MUST enum cs_err demo_open(struct demo *self);
/* Ends every process of the demo, then removes the folder. */
void demo_close(struct demo *self);
/* Records what failed; returns CS_EBUG or ERR for CS_TRY. */
CS_MUST enum cs_err demo_fail(struct demo *self, enum cs_err err, const char *fmt, ...)
        CS_PRINTF(3, 4);
/* The last lines of every node's log. */
void demo_tails(const struct demo *self, FILE *out);

/* Starts NODE's certspand. */
CS_MUST enum cs_err demo_start(struct demo *self, struct demo_node *node);
/* SIGKILL for every process of NODE at once; returns how many. */
size_t demo_kill(struct demo *self, struct demo_node *node);
/* SIGTERM, then waits; CS_ETIMEOUT when it had to be killed after all. */
CS_MUST enum cs_err demo_stop(struct demo *self, struct demo_node *node);
/* Whether its certspand ended by itself; it is reaped then. */
bool demo_ended(struct demo_node *node);
size_t demo_processes(const struct demo_node *node);

/* Runs this program as `certspan --config NODE's -o json WORDS...` (NODE NULL: without), WORDS up
 * to NULL. *OUT (may be NULL) is the caller's. */
CS_MUST enum cs_err demo_run(struct demo *self, const struct demo_node *node, const char *in,
        json_t **out, const char *const *words);
/* NODE's status document, NULL when it does not answer; the caller's. */
json_t *demo_status(struct demo *self, const struct demo_node *node);

/* One real handshake with NODE: *TOOK_US when it served the leaf WANT (sha256). CS_EREFUSED:
 * another one. */
CS_MUST enum cs_err demo_handshake(const struct demo_node *node, enum probe_kind kind,
        const char *sni, const uint8_t want[32], uint32_t *took_us);
