#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "node/config/config.h"
#include "node/supervisor/supervisor.h"
#include "proto/base/log.h"

static const char help[] =
        "usage: certspand --config FILE [--check-config] [--libexec DIR] [--uid-base N]\n"
        "\n"
        "Runs one node of certspan: starts its processes, starts them again when they fail, stops "
        "them on SIGTERM.\n"
        "\n"
        "  --config FILE    the node's configuration (`certspan config example` prints one)\n"
        "  --check-config   only read it, say what is wrong, and exit\n"
        "  --libexec DIR    where the role programs (certspan-keyd ...) are\n"
        "  --uid-base N     as root without _certspan-* users: the first user number of the roles "
        "[61184]\n"
        "  --help, --version\n"
        "\n"
        "SIGHUP reads the configuration again; SIGTERM and SIGINT stop within 5 s.\n";

struct options {
	const char *config, *libexec;
	uid_t uid_base;
	bool check_only;
};

static enum cs_err usage(const char *what)
{
	fprintf(stderr, "certspand: %s\nnext: certspand --help\n", what);
	return CS_EUSAGE;
}

static enum cs_err read_uid(const char *text, uid_t *out)
{
	char *end = NULL;
	const long n = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;

	if (n < 1000 || n > 2000000000 || *end != '\0')
		return usage("--uid-base takes a number of 1000 to 2000000000");
	*out = (uid_t)n;
	return CS_OK;
}

/* *DONE: it was --help or --version. */
static enum cs_err read_options(int argc, char **argv, struct options *out, bool *done)
{
	static const struct option known[] = { { "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "libexec", required_argument, NULL, 'l' },
		{ "uid-base", required_argument, NULL, 'u' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };

	*out = (struct options){ .uid_base = UID_BASE };
	for (int c; (c = getopt_long(argc, argv, "c:h", known, NULL)) != -1;) {
		switch (c) {
		case 'c':
			out->config = optarg;
			break;
		case 'k':
			out->check_only = true;
			break;
		case 'l':
			out->libexec = optarg;
			break;
		case 'u':
			CS_TRY(read_uid(optarg, &out->uid_base));
			break;
		case 'h':
		case 'v':
			*done = true;
			fputs(c == 'h' ? help : "certspand " CERTSPAN_VERSION "\n", stdout);
			return CS_OK;
		default:
			fprintf(stderr, "next: certspand --help\n");
			return CS_EUSAGE;
		}
	}
	if (optind < argc)
		return usage("takes options only");
	return out->config != NULL ? CS_OK : usage("--config FILE is missing");
}

static enum cs_err explain(enum cs_err rc, struct cs_buf *complaint, const char *next)
{
	fprintf(stderr, "certspand: %s\n%s",
	        complaint->n > 0 ? cs_buf_text(complaint) : cs_err_text(rc), next);
	return rc;
}

static enum cs_err run(const struct options *options)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(8192);
	struct wire_config config;

	CS_TRY(wire_self_check());
	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	enum cs_err rc = config_read(options->config, arena, &config, &complaint);
	if (rc != CS_OK) /* also a file that is not there: a node without one is misconfigured */
		return explain(rc == CS_ENOMEM ? rc : CS_ECONFIG, &complaint,
		        "next: certspan config example prints a file that works\n");
	if (options->check_only) {
		printf("%s: fine\n", config.config_file);
		return CS_OK;
	}
	const struct supervisor_setup setup = { options->libexec, options->uid_base, &config };
	rc = supervisor_run(&setup, &complaint);
	return rc == CS_OK ? rc : explain(rc, &complaint, "");
}

int main(int argc, char **argv)
{
	struct options options;
	bool done = false;

	cs_log_setup("supervisor", "", CS_LOG_TEXT, CS_LOG_INFO);
	const enum cs_err rc = read_options(argc, argv, &options, &done);
	if (rc != CS_OK || done)
		return cs_err_exit(rc);
	return cs_err_exit(run(&options));
}
