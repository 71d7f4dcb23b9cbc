#include "node/cli/args.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/text.h"

#define WORD_MAX 64

static bool nearer(const char *word, const char *candidate, size_t *best)
{
	const size_t d = cs_distance(word, candidate);

	if (d > 3 || d * 2 > strlen(candidate) || d >= *best)
		return false;
	*best = d;
	return true;
}

const char *cli_near_command(const char *word)
{
	const char *near = NULL;
	size_t best = WORD_MAX;

	for (size_t i = 0; i < cli_command_count; i++) {
		const char *name = cli_commands[i].name;
		char noun[WORD_MAX];
		snprintf(noun, sizeof(noun), "%.*s", (int)strcspn(name, " "), name);
		if (nearer(word, name, &best) || nearer(word, noun, &best))
			near = name;
	}
	return near;
}

static enum cs_err usage(struct args_error *error, const char *next, const char *fmt, ...)
        CS_PRINTF(3, 4);
static enum cs_err usage(struct args_error *error, const char *next, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	snprintf(error->next, sizeof(error->next), "%s", next);
	return CS_EUSAGE;
}

static const struct cli_option *find(
        const struct cli_option *list, const char *name, size_t len, char letter)
{
	for (const struct cli_option *o = list; o != NULL && o->name != NULL; o++)
		if (letter != 0 ? o->letter == letter
		                : strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static void near_option(
        const struct cli_option *list, const char *name, const char **near, size_t *best)
{
	for (const struct cli_option *o = list; o != NULL && o->name != NULL; o++)
		if (nearer(name, o->name, best))
			*near = o->name;
}

static enum cs_err unknown_option(
        const struct cli *self, const char *word, struct args_error *error)
{
	const struct cli_option *own = self->command != NULL ? self->command->options : NULL;
	const char *near = NULL;
	size_t best = WORD_MAX;
	char name[WORD_MAX], next[128];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + strspn(word, "-"), "="),
	        word + strspn(word, "-"));
	near_option(own, name, &near, &best);
	near_option(cli_globals, name, &near, &best);
	snprintf(next, sizeof(next), "certspan help%s%s", self->command != NULL ? " " : "",
	        self->command != NULL ? self->command->name : "");
	if (near != NULL)
		return usage(error, next, "unknown option %.100s; did you mean --%s?", word, near);
	if (self->command == NULL)
		return usage(error, next,
		        "unknown option %.100s (a command's own options come after its name)",
		        word);
	return usage(
	        error, next, "unknown option %.100s of `certspan %s`", word, self->command->name);
}

static enum cs_err output_of(struct cli *self, const char *value, struct args_error *error)
{
	static const char *const words[] = {
		[CLI_TABLE] = "table", [CLI_WIDE] = "wide", [CLI_JSON] = "json"
	};

	for (size_t i = 0; i < CS_COUNT(words); i++)
		if (strcmp(value, words[i]) == 0) {
			self->output = (enum cli_output)i;
			return CS_OK;
		}
	return usage(
	        error, "give -o table, -o wide or -o json", "unknown output form: %.100s", value);
}

static enum cs_err timeout_of(struct cli *self, const char *value, struct args_error *error)
{
	int64_t s = 0;

	if (!cli_seconds(value, 1, &s) || s < 1 || s > 86400)
		return usage(
		        error, "give seconds, as --timeout 30", "no time: --timeout %.100s", value);
	self->timeout_s = (int)s;
	return CS_OK;
}

/* Where a global option's value goes. */
static const struct {
	const char *name;
	size_t flag, text; /* offset of a bool, or of a const char * */
} places[] = {
	{ .name = "config", .text = offsetof(struct cli, config_file) },
	{ .name = "runtime", .text = offsetof(struct cli, runtime_dir) },
	{ .name = "ack", .text = offsetof(struct cli, ack) },
	{ .name = "request", .text = offsetof(struct cli, request) },
	{ .name = "yes", .flag = offsetof(struct cli, yes) },
	{ .name = "dry-run", .flag = offsetof(struct cli, dry_run) },
	{ .name = "no-color", .flag = offsetof(struct cli, no_color) },
	{ .name = "quiet", .flag = offsetof(struct cli, quiet) },
	{ .name = "help", .flag = offsetof(struct cli, help) },
};

static enum cs_err take_global(
        struct cli *self, const struct cli_option *o, const char *value, struct args_error *error)
{
	if (strcmp(o->name, "output") == 0)
		return output_of(self, value, error);
	if (strcmp(o->name, "timeout") == 0)
		return timeout_of(self, value, error);
	for (size_t i = 0; i < CS_COUNT(places); i++) {
		if (strcmp(places[i].name, o->name) != 0)
			continue;
		if (o->value != NULL)
			*(const char **)((char *)self + places[i].text) = value;
		else
			*(bool *)((char *)self + places[i].flag) = true;
		return CS_OK;
	}
	return CS_EBUG;
}

static enum cs_err take(struct cli *self, const struct cli_option *o, bool global,
        const char *value, struct args_error *error)
{
	if (global)
		return take_global(self, o, value, error);
	if (self->given_count == CLI_GIVEN_MAX)
		return usage(error, "give fewer", "more than %d options", CLI_GIVEN_MAX);
	self->given[self->given_count++] = (struct cli_given){ o, value };
	return CS_OK;
}

/* One word that starts with '-'; may take the next one as its value. */
static enum cs_err option(
        struct cli *self, int argc, char *const *argv, int *at, struct args_error *error)
{
	const char *word = argv[*at], *value = NULL;
	const bool is_long = word[1] == '-';
	const size_t len = is_long ? strcspn(word + 2, "=") : 1;
	const char letter = is_long ? '\0' : word[1];
	const struct cli_option *own = self->command != NULL ? self->command->options : NULL;
	const struct cli_option *o = find(own, word + 2, len, letter);
	const bool global = o == NULL;

	if (global)
		o = find(cli_globals, word + 2, len, letter);
	if (o == NULL)
		return unknown_option(self, word, error);
	if (is_long ? word[2 + len] == '=' : word[2] != '\0')
		value = word + (is_long ? 3 + len : 2);
	if (o->value == NULL && value != NULL)
		return usage(error, "leave the value away", "--%s takes no value", o->name);
	if (o->value != NULL && value == NULL && o->value[0] != '[') {
		if (*at + 1 >= argc)
			return usage(error, "see `certspan help`", "--%s needs a value: %s",
			        o->name, o->value);
		value = argv[++*at];
	}
	return take(self, o, global, value, error);
}

/* The command whose name is the words so far; *MORE: some command's name goes on after them. */
static const struct cli_command *command_of(const char *words, bool *more)
{
	const size_t n = strlen(words);
	const struct cli_command *found = NULL;

	*more = false;
	for (size_t i = 0; i < cli_command_count; i++) {
		const char *name = cli_commands[i].name;
		if (strcmp(name, words) == 0)
			found = &cli_commands[i];
		*more = *more || (strncmp(name, words, n) == 0 && name[n] == ' ');
	}
	return found;
}

static enum cs_err word_of_command(
        struct cli *self, char *words, size_t size, const char *word, struct args_error *error)
{
	const size_t n = strlen(words);
	bool more = false;

	snprintf(words + n, size - n, "%s%.40s", n > 0 ? " " : "", word);
	self->command = command_of(words, &more);
	if (self->command != NULL || more)
		return CS_OK;
	const char *near = cli_near_command(words);
	if (near != NULL)
		return usage(error, "certspan help",
		        "unknown command: %s; did you mean `certspan %s`?", words, near);
	return usage(error, "certspan help", "unknown command: %s", words);
}

static enum cs_err operand(struct cli *self, const char *word, struct args_error *error)
{
	if (self->operand_count == CLI_OPERANDS_MAX)
		return usage(
		        error, "give fewer at once", "more than %d operands", CLI_OPERANDS_MAX);
	self->operands[self->operand_count++] = word;
	return CS_OK;
}

static enum cs_err check_operands(
        const struct cli *self, const char *words, struct args_error *error)
{
	char next[128];

	if (self->help)
		return CS_OK;
	if (self->command == NULL && words[0] != '\0') {
		snprintf(next, sizeof(next), "certspan help %.60s", words);
		return usage(error, next, "`certspan %s` needs a verb", words);
	}
	if (self->command == NULL)
		return CS_OK;
	const struct cli_command *c = self->command;
	snprintf(next, sizeof(next), "certspan help %s", c->name);
	if (self->operand_count < c->least)
		return usage(error, next, "`certspan %s` needs: %s", c->name, c->operands);
	if (self->operand_count > c->most)
		return usage(error, next, "`certspan %s` takes no \"%.100s\"", c->name,
		        self->operands[c->most]);
	return CS_OK;
}

enum cs_err args_parse(struct cli *self, int argc, char *const *argv, struct args_error *error)
{
	char words[256] = "";
	bool rest = false;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (!rest && strcmp(word, "--") == 0)
			rest = true;
		else if (!rest && word[0] == '-' && word[1] != '\0')
			CS_TRY(option(self, argc, argv, &i, error));
		else if (self->command == NULL && !rest)
			CS_TRY(word_of_command(self, words, sizeof(words), word, error));
		else
			CS_TRY(operand(self, word, error));
	}
	return check_operands(self, words, error);
}

const char *cli_value(const struct cli *self, const char *name)
{
	for (size_t i = self->given_count; i > 0; i--)
		if (strcmp(self->given[i - 1].option->name, name) == 0)
			return self->given[i - 1].value != NULL ? self->given[i - 1].value : "";
	return NULL;
}

bool cli_flag(const struct cli *self, const char *name)
{
	return cli_value(self, name) != NULL;
}

const char *cli_next_value(const struct cli *self, const char *name, size_t *at)
{
	while (*at < self->given_count) {
		const struct cli_given *g = &self->given[(*at)++];
		if (strcmp(g->option->name, name) == 0)
			return g->value;
	}
	return NULL;
}

bool cli_seconds(const char *text, int64_t unit, int64_t *out)
{
	static const struct {
		char letter;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9' || strlen(text) > 12)
		return false;
	const int64_t n = strtoll(text, &end, 10);
	if (*end == '\0') {
		*out = n * unit;
		return true;
	}
	for (size_t i = 0; i < CS_COUNT(units); i++)
		if (*end == units[i].letter && end[1] == '\0') {
			*out = n * units[i].s;
			return n <= INT64_MAX / units[i].s;
		}
	return false;
}
