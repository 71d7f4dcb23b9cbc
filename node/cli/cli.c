#include "node/cli/cli.h"
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include "node/cli/args.h"
#include "proto/base/limits.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

const char *cli_code(enum cs_err err)
{
	return cs_err_name(err);
}

static void say_error(struct cli *self, enum cs_err err, const char *text, const char *next)
{
	char shown[2 * CS_TEXT_MAX];

	fprintf(stderr, "certspan: %s\n", cs_show(text, shown, sizeof(shown)));
	if (next != NULL && next[0] != '\0')
		fprintf(stderr, "next: %s\n", cs_show(next, shown, sizeof(shown)));
	if (self->output != CLI_JSON)
		return;
	json_t *json = json_pack("{s:s, s:{s:s, s:i, s:s+, s:s}}", "schema", "certspan.error/1",
	        "error", "code", cli_code(err), "exit", cs_err_exit(err), "text", text, "", "next",
	        next != NULL ? next : "");
	cli_print(self, json, 0);
}

int cli_fail(struct cli *self, enum cs_err err, const char *next, const char *fmt, ...)
{
	char text[CS_TEXT_MAX + 512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	say_error(self, err, text, next);
	return cs_err_exit(err);
}

void cli_say(const struct cli *self, const char *fmt, ...)
{
	va_list args;

	if (self->quiet)
		return;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
}

int cli_print(const struct cli *self, json_t *json, int exit_code)
{
	(void)self;
	if (json == NULL) {
		fprintf(stderr, "certspan: cannot make JSON of the answer\n");
		return cs_err_exit(CS_EBUG);
	}
	const int rc = json_dumpf(
	        json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
	json_decref(json);
	if (rc != 0 || putchar('\n') == EOF || fflush(stdout) != 0) {
		fprintf(stderr, "certspan: cannot write the answer to standard output\n");
		return cs_err_exit(CS_EIO);
	}
	return exit_code;
}

bool cli_color(const struct cli *self)
{
	const char *none = getenv("NO_COLOR");

	return !self->no_color && (none == NULL || none[0] == '\0') && isatty(STDOUT_FILENO) == 1;
}

bool cli_confirm(struct cli *self, const char *fmt, ...)
{
	char what[CS_TEXT_MAX], answer[16] = "";
	va_list args;

	if (self->yes || self->dry_run)
		return true;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
		cli_fail(self, CS_EUSAGE, "repeat it with --yes, or see what it does by --dry-run",
		        "%s: not without being asked for", what);
		return false;
	}
	fprintf(stderr, "%s? [y/N] ", what);
	if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	fprintf(stderr, "nothing was done\n");
	return false;
}

int cli_version(struct cli *self)
{
	if (self->output == CLI_JSON)
		return cli_print(self,
		        json_pack("{s:s, s:s, s:s, s:s}", "schema", "certspan.version/1", "version",
		                CERTSPAN_VERSION, "openssl",
		                OpenSSL_version(OPENSSL_VERSION_STRING), "libsodium",
		                sodium_version_string()),
		        0);
	printf("certspan %s\n", CERTSPAN_VERSION);
	if (self->output == CLI_WIDE)
		printf("openssl %s\nlibsodium %s\n", OpenSSL_version(OPENSSL_VERSION_STRING),
		        sodium_version_string());
	return 0;
}

/* -o json must hold for usage errors too, wherever it stands. */
static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-ojson") == 0 || strcmp(argv[i], "--output=json") == 0)
			return true;
		if (i + 1 < argc &&
		        (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) &&
		        strcmp(argv[i + 1], "json") == 0)
			return true;
	}
	return false;
}

static int run(struct cli *self)
{
	const char *words = self->command != NULL ? self->command->name : NULL;

	if (self->help && self->command != NULL && self->command->run != cli_help)
		return cli_help_for(self, &words, 1, stdout);
	if (self->help && self->command == NULL)
		return cli_help_for(self, NULL, 0, stdout);
	if (self->command == NULL) {
		cli_help_for(self, NULL, 0, stderr);
		return CLI_USAGE;
	}
	return self->command->run(self);
}

int cli_main(int argc, char **argv)
{
	struct args_error error = { .text = "" };
	static struct cli self;

	signal(SIGPIPE, SIG_IGN);
	cs_log_setup("certspan", "", CS_LOG_TEXT, CS_LOG_ERROR);
	if (sodium_init() < 0)
		return cli_fail(&self, CS_ECRYPTO, NULL, "libsodium does not start");
	self.output = asks_json(argc, argv) ? CLI_JSON : CLI_TABLE;
	if (args_parse(&self, argc, argv, &error) != CS_OK)
		return cli_fail(&self, CS_EUSAGE, error.next, "%s", error.text);
	const int code = run(&self);
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		return cs_err_exit(CS_EIO);
	return code;
}
