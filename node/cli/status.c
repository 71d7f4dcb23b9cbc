/* certspan status, certspan check: the cluster for people, and for a monitoring system. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/cli/api.h"
#include "node/cli/view.h"

#define WATCH_S 2

static int severity_exit(const struct cli *cli, int severity)
{
	return cli_flag(cli, "exit-code") ? severity : 0;
}

static int once(struct cli *cli, bool watched)
{
	json_t *doc = NULL;
	const bool redraw = watched && cli->output != CLI_JSON && isatty(STDOUT_FILENO) == 1;
	const int rc = api_get(cli, &doc, "/v1/status%s", cli_flag(cli, "local") ? "?local=1" : "");

	if (rc != 0)
		return cli_flag(cli, "exit-code") ? 3 : rc;
	const int severity = view_severity(doc);
	if (redraw)
		printf("\x1b[H\x1b[J");
	if (cli->output == CLI_JSON && !watched)
		return cli_print(cli, doc, severity_exit(cli, severity));
	if (cli->output == CLI_JSON) {
		json_dumpf(doc, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		view_status(cli, doc);
	}
	json_decref(doc);
	return fflush(stdout) == 0 ? severity_exit(cli, severity) : cs_err_exit(CS_EIO);
}

int cli_status(struct cli *cli)
{
	const char *watch = cli_value(cli, "watch");
	int64_t s = WATCH_S;

	if (watch == NULL)
		return once(cli, false);
	if (watch[0] != '\0' && (!cli_seconds(watch, 1, &s) || s < 1 || s > 86400))
		return cli_fail(cli, CS_EUSAGE, "certspan status --watch=2",
		        "no time: --watch=%.40s", watch);
	for (;;) {
		const int rc = once(cli, true);
		if (ferror(stdout) != 0)
			return rc;
		sleep((unsigned)s);
	}
}

struct figures {
	size_t nodes, uncovered, problems[3];
	int64_t days, lag_s, warn_days, critical_days, lag_limit;
	const char *first_text, *default_name;
};

static void count_nodes(const json_t *doc, struct figures *f)
{
	size_t i, total = 0;
	json_t *node;

	f->days = INT64_MAX;
	json_array_foreach(json_object_get(doc, "nodes"), i, node)
	{
		const int64_t days = view_days(text_at(node, "not_after"));
		f->nodes++;
		f->days = days < f->days ? days : f->days;
		f->lag_s = int_at(node, "lag_s") > f->lag_s ? int_at(node, "lag_s") : f->lag_s;
		const size_t covered = view_covered(node, &total);
		f->uncovered += total - covered;
	}
}

static int judge(const json_t *doc, const struct figures *f)
{
	const int told = view_severity(doc);

	if (told == 2 || f->days < f->critical_days || f->lag_s > f->lag_limit)
		return 2;
	return told == 1 || f->days < f->warn_days ? 1 : 0;
}

/* The worst problems in words, else what a calm cluster looks like. */
static void sentence(const json_t *doc, const struct figures *f, char *out, size_t size)
{
	size_t i, n = 0, said = 0;
	json_t *p;

	out[0] = '\0';
	json_array_foreach(json_object_get(doc, "problems"), i, p)
	{
		if (said == 3 || strcmp(text_at(p, "severity"), "info") == 0)
			break;
		n += (size_t)snprintf(out + n, size - n, "%s%s%s%.200s", said++ > 0 ? "; " : "",
		        text_at(p, "node"), text_at(p, "node")[0] != '\0' ? ": " : "",
		        text_at(p, "text"));
	}
	if (said == 0 && f->days < f->warn_days)
		snprintf(out, size, "a served certificate ends in %lld days", (long long)f->days);
	else if (said == 0 && f->lag_s > f->lag_limit)
		snprintf(out, size, "a node is behind for %lld s", (long long)f->lag_s);
	else if (said == 0)
		snprintf(out, size, "%zu node%s %s, generation %lld", f->nodes,
		        f->nodes == 1 ? "" : "s", view_word(text_at(doc, "state"), false),
		        (long long)int_at(doc, "generation"));
}

static int plugin_line(struct cli *cli, int state, const char *text, const char *perfdata)
{
	static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	if (cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:s, s:i, s:s, s:s}", "schema", "certspan.check/1",
		                "state", words[state], "exit", state, "text", text, "perfdata",
		                perfdata),
		        state);
	printf("CERTSPAN %s - ", words[state]);
	for (const char *c = text; *c != '\0'; c++)
		putchar(*c == '|' || *c == '\n' ? ' ' : *c); /* '|' begins the performance data */
	printf("%s%s\n", perfdata[0] != '\0' ? " | " : "", perfdata);
	return state;
}

static bool limits(struct cli *cli, struct figures *f)
{
	const char *w = cli_value(cli, "warning"), *c = cli_value(cli, "critical"),
	           *lag = cli_value(cli, "lag");
	int64_t warn = 25 * 86400, critical = 7 * 86400;

	f->lag_limit = 300;
	if ((w != NULL && !cli_seconds(w, 86400, &warn)) ||
	        (c != NULL && !cli_seconds(c, 86400, &critical)) ||
	        (lag != NULL && !cli_seconds(lag, 1, &f->lag_limit)))
		return false;
	f->warn_days = warn / 86400;
	f->critical_days = critical / 86400;
	return true;
}

int cli_check(struct cli *cli)
{
	struct figures f = { .nodes = 0 };
	char text[1024], perfdata[256], days[32] = "U"; /* the plugin format's word for unknown */
	json_t *doc = NULL;

	if (!limits(cli, &f))
		return cli_fail(cli, CS_EUSAGE, "certspan check -w 25d -c 7d --lag 5m",
		        "no time in -w, -c or --lag");
	const int rc = api_try(cli, &doc, "/v1/status");
	if (rc != 0)
		return plugin_line(cli, 3,
		        rc == API_ABSENT ? "no daemon answers; is certspand running?"
		                         : "the daemon gave no status",
		        "");
	count_nodes(doc, &f);
	const int state = judge(doc, &f);
	sentence(doc, &f, text, sizeof(text));
	if (f.days != INT64_MAX)
		snprintf(days, sizeof(days), "%lld", (long long)f.days);
	snprintf(perfdata, sizeof(perfdata),
	        "uncovered=%zu;;0 lag=%llds;;%lld;0 days=%s;%lld:;%lld: nodes=%zu", f.uncovered,
	        (long long)f.lag_s, (long long)f.lag_limit, days, (long long)f.warn_days,
	        (long long)f.critical_days, f.nodes);
	json_decref(doc);
	return plugin_line(cli, state, text, perfdata);
}
