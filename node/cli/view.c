#include "node/cli/view.h"
#include <ctype.h>
#include <string.h>
#include <time.h>
#include "node/cli/api.h"
#include "proto/base/clock.h"

#define WORD_MAX 64

static char *buffer(void)
{
	static char buffers[16][WORD_MAX];
	static unsigned turn;

	return buffers[turn++ % CS_COUNT(buffers)];
}

const char *view_word(const char *word, bool shout)
{
	char *out = buffer();

	snprintf(out, WORD_MAX, "%s", word != NULL && word[0] != '\0' ? word : "unknown");
	for (char *c = out; *c != '\0'; c++)
		*c = *c == '-' ? ' ' : shout ? (char)toupper((unsigned char)*c) : *c;
	return out;
}

int64_t view_days(const char *text)
{
	struct tm tm = { .tm_sec = 0 };

	if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return INT64_MAX;
	const int64_t left = (int64_t)timegm(&tm) - cs_clock_wall_s();
	return left >= 0 ? left / 86400 : -1 - (-left - 1) / 86400;
}

const char *view_left(const char *text)
{
	char *out = buffer();
	const int64_t days = view_days(text);

	if (days == INT64_MAX)
		return "-";
	if (days < 0)
		return "EXPIRED";
	snprintf(out, WORD_MAX, "%lld d", (long long)days);
	return out;
}

const char *view_age(int64_t s)
{
	char *out = buffer();

	if (s < 120)
		snprintf(out, WORD_MAX, "%lld s", (long long)s);
	else if (s < 7200)
		snprintf(out, WORD_MAX, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
	else if (s < 172800)
		snprintf(out, WORD_MAX, "%lld h", (long long)(s / 3600));
	else
		snprintf(out, WORD_MAX, "%lld d", (long long)(s / 86400));
	return out;
}

int view_severity(const json_t *doc)
{
	size_t i;
	json_t *problem;
	int worst = 0;

	json_array_foreach(json_object_get(doc, "problems"), i, problem)
	{
		const char *severity = text_at(problem, "severity");
		if (strcmp(severity, "critical") == 0)
			return 2;
		if (strcmp(severity, "warning") == 0)
			worst = 1;
	}
	return worst;
}

/* Results from harmless to bad. */
static int rank(const char *result)
{
	static const char *const order[] = { "match", "unknown", "default", "old", "wrong",
		"down" };

	for (size_t i = 0; i < CS_COUNT(order); i++)
		if (strcmp(order[i], result) == 0)
			return (int)i;
	return 1;
}

const char *view_served_kind(const json_t *node, const char *kind)
{
	const char *worst = NULL;
	size_t i;
	json_t *probe;

	json_array_foreach(json_object_get(node, "served"), i, probe)
	{
		const char *result = text_at(probe, "result");
		if (strcmp(text_at(probe, "kind"), kind) == 0 &&
		        (worst == NULL || rank(result) > rank(worst)))
			worst = result;
	}
	return worst != NULL ? worst : "-";
}

const char *view_served(const json_t *node, enum table_tint *tint)
{
	const json_t *served = json_object_get(node, "served");
	const char *worst = "match";
	size_t i, matches = 0;
	int64_t age = 0;
	json_t *probe;
	char *out = buffer();

	*tint = TABLE_PLAIN;
	if (json_array_size(served) == 0)
		return "not yet";
	json_array_foreach(served, i, probe)
	{
		const char *result = text_at(probe, "result");
		matches += rank(result) == 0;
		worst = rank(result) > rank(worst) ? result : worst;
		age = int_at(probe, "age_s") > age ? int_at(probe, "age_s") : age;
	}
	*tint = rank(worst) == 0 ? TABLE_GOOD : rank(worst) <= 2 ? TABLE_WARN : TABLE_BAD;
	snprintf(out, WORD_MAX, "%s %zu/%zu, %s ago", view_word(worst, rank(worst) > 2), matches,
	        json_array_size(served), view_age(age));
	return out;
}

size_t view_covered(const json_t *node, size_t *total)
{
	size_t i, covered = 0;
	json_t *host;

	json_array_foreach(json_object_get(node, "hosts"), i, host) covered +=
	        true_at(host, "covered");
	*total = json_array_size(json_object_get(node, "hosts"));
	return covered;
}

static const char *hosts(const json_t *node)
{
	char *out = buffer();
	size_t total = 0;
	const size_t covered = view_covered(node, &total);

	snprintf(out, WORD_MAX, "%zu/%zu%s", covered, total, covered < total ? " UNCOVERED" : "");
	return out;
}

static const char *default_of(const json_t *node)
{
	const char *name = text_at(node, "default_name"), *id = text_at(node, "default");
	char *out = buffer();

	snprintf(out, WORD_MAX, "%.18s", name[0] != '\0' ? name : id[0] != '\0' ? id : "-");
	return out;
}

static const char *lag_of(const json_t *node)
{
	char *out = buffer();

	if (int_at(node, "lag_commits") == 0)
		return "-";
	snprintf(out, WORD_MAX, "%lld, %s", (long long)int_at(node, "lag_commits"),
	        view_age(int_at(node, "lag_s")));
	return out;
}

static bool calm(const char *state)
{
	return strcmp(state, "in-sync") == 0 || strcmp(state, "standalone") == 0;
}

static void node_row(struct table *table, const json_t *node)
{
	const char *state = text_at(node, "state");
	enum table_tint tint = TABLE_PLAIN;
	const char *served = view_served(node, &tint);

	if (!calm(state))
		tint = TABLE_BAD;
	table_row(table, tint, "%s %s|%s|%s|%lld|%lld|%s|%s|%s|%s|%s|%s|%s|%s|%s",
	        true_at(node, "self") ? "*" : " ", table_safe(text_at(node, "name")),
	        table_safe(text_at(node, "role")), view_word(state, !calm(state)),
	        (long long)int_at(node, "generation"), (long long)int_at(node, "stored_seq"),
	        lag_of(node), table_safe(default_of(node)), view_left(text_at(node, "not_after")),
	        hosts(node), served, view_served_kind(node, "sni"),
	        view_served_kind(node, "no-sni"), view_served_kind(node, "unmatched-sni"),
	        table_safe(text_at(node, "version")));
}

static void head(const json_t *doc)
{
	size_t i;
	json_t *host;
	const char *state = text_at(doc, "state");

	json_array_foreach(json_object_get(doc, "site_hostnames"), i, host)
	        printf("%s%s", i > 0 ? ", " : "", table_safe(json_string_value(host)));
	printf("   epoch %lld   generation %lld   primary %s   %s\n",
	        (long long)int_at(doc, "epoch"), (long long)int_at(doc, "generation"),
	        table_safe(text_at(doc, "primary")), view_word(state, !calm(state)));
	if (text_at(doc, "action")[0] != '\0')
		printf("%s\n", table_safe(text_at(doc, "action")));
	if (strcmp(text_at(doc, "source"), "summary") == 0)
		printf("as the primary said %s ago\n", view_age(int_at(doc, "age_s")));
	putchar('\n');
}

static void problems(const json_t *doc)
{
	static const char *const marks[] = { "  ", "! ", "!!" };
	size_t i;
	json_t *p;

	json_array_foreach(json_object_get(doc, "problems"), i, p)
	{
		const char *severity = text_at(p, "severity"), *node = text_at(p, "node");
		const int level = strcmp(severity, "critical") == 0  ? 2
		                  : strcmp(severity, "warning") == 0 ? 1
		                                                     : 0;
		printf("%s%s %s%s%s\n", i == 0 ? "\n" : "", marks[level],
		        node[0] != '\0' ? table_safe(node) : "", node[0] != '\0' ? "  " : "",
		        table_safe(text_at(p, "text")));
		if (text_at(p, "next")[0] != '\0')
			printf("   next: %s\n", table_safe(text_at(p, "next")));
	}
	json_array_foreach(json_object_get(doc, "warnings"), i, p)
	        printf("%s!  %s\n", i == 0 ? "\n" : "", table_safe(text_at(p, "text")));
}

void view_status(struct cli *cli, const json_t *doc)
{
	CS_AUTO(table_free)
	struct table *table =
	        table_new("  NODE|ROLE|SYNC|GEN|+SEQ|LAG|DEFAULT|EXPIRES|HOSTS|SERVED "
	                  "(handshakes)|+SNI|+NO SNI|+UNMATCHED|+VERSION",
	                cli->output == CLI_WIDE);
	size_t i;
	json_t *node;

	head(doc);
	json_array_foreach(json_object_get(doc, "nodes"), i, node) node_row(table, node);
	table_print(table, stdout, cli_color(cli));
	problems(doc);
}
