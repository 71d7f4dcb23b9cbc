/* node/cli/demo/script.h: one run of the demo: what it knows, how it waits, what it shows. */
#pragma once
#include "node/cli/demo/cluster.h"
#include "node/cli/demo/mint.h"

#define SCRIPT_PHASES 7

struct script {
	struct demo demo;
	struct mint *mint;
	char passphrase_file[128];
	char *passphrase; /* locked */
	uint8_t leaf[32]; /* what all should serve now */
	char id[17];
	struct {
		const char *name;
		int64_t ms;
	} phases[SCRIPT_PHASES];
	size_t phase_count;
	int64_t phase_ms;
};

/* The handshakes that every node is asked for, beside that for its own name. */
struct script_question {
	enum probe_kind kind;
	const char *sni;
};
#define SCRIPT_QUESTIONS 3
extern const struct script_question script_questions[SCRIPT_QUESTIONS];

/* A line with the time since the start. */
void script_tell(struct script *self, const char *fmt, ...) CS_PRINTF(2, 3);
/* Ends a phase: NAME for JSON, WHAT for people. */
void script_phase(struct script *self, const char *name, const char *what);

/* Until READY is true; an early end of a node, ^C or too long a wait is a failure that names WHAT.
 */
typedef bool script_ready(struct script *self);
CS_MUST enum cs_err script_until(struct script *self, script_ready *ready, const char *what);
script_ready script_primary_answers;
script_ready script_in_sync; /* all three, by what the primary says */
script_ready script_all_serve; /* every running node, by our own handshakes */
script_ready script_proven; /* the SERVED column: every node's own prober has seen what it should */

void script_show_handshakes(struct script *self);
void script_show_status(struct script *self);
void script_next_steps(struct script *self);
/* The same as JSON, on stdout; returns EXIT_CODE. */
int script_report(struct script *self, int exit_code);
