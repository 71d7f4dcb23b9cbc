/* node/cli/cli.h: one run of the program `certspan`: its command, options and operands, and how it
 * speaks.
 *
 * The command table (commands.c) drives parsing and help. A verb is `int cli_VERB(struct cli *)`
 * and returns the exit code. */
#pragma once
#include <jansson.h>
#include <stdio.h>
#include "proto/base/cs.h"

#define CLI_GIVEN_MAX 128
#define CLI_OPERANDS_MAX 4096

enum cli_exit { CLI_USAGE = 64 };
enum cli_output { CLI_TABLE, CLI_WIDE, CLI_JSON };

/* A row of a list that ends with a NULL name. value: NULL for a flag, "FILE" for a value, "[=S]"
 * for one that may be left out. */
struct cli_option {
	const char *name;
	char letter; /* 0: none */
	const char *value, *help;
};

struct cli;
typedef int cli_run(struct cli *self);

struct cli_command {
	const char *name; /* "cert import" */
	const char *operands; /* "FILE...", "" */
	const char *summary; /* half a line */
	const char *text; /* more, for its own help page; may be NULL */
	const struct cli_option *options; /* may be NULL */
	size_t least, most; /* operands */
	cli_run *run;
};

struct cli_given {
	const struct cli_option *option;
	const char *value; /* NULL for a flag */
};

struct cli {
	const struct cli_command *command; /* NULL before it is known */
	enum cli_output output;
	const char *config_file, *runtime_dir, *ack, *request; /* NULL: not given */
	bool yes, dry_run, no_color, quiet, help;
	int timeout_s; /* 0: not given */
	struct cli_given given[CLI_GIVEN_MAX]; /* the command's own options, in order */
	size_t given_count;
	const char *operands[CLI_OPERANDS_MAX];
	size_t operand_count;
};

extern const struct cli_option cli_globals[];
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* The whole program: parses, runs, returns the exit code. */
int cli_main(int argc, char **argv);

/* The last value of an option, NULL when it was not given ("" for a flag that was). */
const char *cli_value(const struct cli *self, const char *name);
bool cli_flag(const struct cli *self, const char *name);
/* Values of an option that may come several times: starts with *AT = 0, NULL at the end. */
const char *cli_next_value(const struct cli *self, const char *name, size_t *at);
/* "25d", "36h", "10m", "5s" or a number of UNIT seconds; false when TEXT is none. */
bool cli_seconds(const char *text, int64_t unit, int64_t *out);

/* "certspan: WHAT" and "next: NEXT" (if any) on stderr, in JSON mode also an error object on
 * stdout. Returns ERR's exit code. */
int cli_fail(struct cli *self, enum cs_err err, const char *next, const char *fmt, ...)
        CS_PRINTF(4, 5);
const char *cli_code(enum cs_err err); /* "wrong-passphrase": the word for JSON */
/* Talk, on stderr; silent with -q. */
void cli_say(const struct cli *self, const char *fmt, ...) CS_PRINTF(2, 3);
/* Prints and frees JSON. Returns EXIT_CODE, or 74 when stdout took it not. */
int cli_print(const struct cli *self, json_t *json, int exit_code);
/* Asks on a terminal; without one (or with --yes) never: true with --yes, else a refusal is
 * printed. */
bool cli_confirm(struct cli *self, const char *fmt, ...) CS_PRINTF(2, 3);
bool cli_color(const struct cli *self);

int cli_help_for(const struct cli *self, const char *const *words, size_t count, FILE *out);
void cli_man(FILE *out); /* certspan(1), from the command table */
/* The command or option name nearest to WORD, NULL when nothing is near. */
const char *cli_near_command(const char *word);

cli_run cli_csr_create, cli_csr_list, cli_csr_show, cli_csr_install, cli_csr_cancel,
        cli_cert_create;
cli_run cli_init, cli_join, cli_status, cli_check, cli_probe, cli_explain, cli_demo,
        cli_cert_import, cli_cert_list, cli_cert_show, cli_cert_inspect, cli_cert_delete,
        cli_default_show, cli_default_set, cli_default_clear, cli_activate, cli_coverage_check,
        cli_coverage_matrix, cli_coverage_match, cli_node_list, cli_node_show, cli_node_set,
        cli_node_remove, cli_node_token, cli_setting_list, cli_setting_get, cli_setting_set,
        cli_sync_status, cli_sync_wait, cli_config_check, cli_config_show, cli_config_example,
        cli_version, cli_help, cli_cert_export, cli_cert_exports, cli_key_status, cli_key_recovery,
        cli_key_lock, cli_key_unlock, cli_cert_retire, cli_cert_rename, cli_support_bundle,
        cli_completion, cli_chain_set, cli_chain_show, cli_chain_build;
