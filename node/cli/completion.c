/* certspan completion: what may come next on a command line, from the command table and, for ids
 * and names, from the daemon if it answers. The shells' scripts ask this program each time. */
#include <string.h>
#include "node/cli/api.h"

#define PLAIN_MAX 8

static const char bash_script[] =
        "_certspan() {\n"
        "\tlocal cur=${COMP_WORDS[COMP_CWORD]} IFS=$'\\n'\n"
        "\tCOMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" completion candidates -- "
        "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\" -- \"$cur\"))\n"
        "}\n"
        "complete -o default -F _certspan certspan\n";
static const char zsh_script[] =
        "#compdef certspan\n"
        "_certspan() {\n"
        "\tlocal -a found\n"
        "\tfound=(${(f)\"$(\"${words[1]}\" completion candidates -- "
        "\"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
        "\tif (( $#found )); then compadd -a found; else _files; fi\n"
        "}\n"
        "if (( $+functions[compdef] )); then compdef _certspan certspan; fi\n";

/* Values that an option takes, when they are a closed list. */
static const struct {
	const char *option, *values;
} enums[] = { { "output", "table wide json" }, { "ack", "local backup nodes= all" },
	{ "role", "backup traffic" }, { "client", "any ecdsa rsa" }, { "for", "backup nodes= all" },
	{ "allow", "replacement name-loss" }, { "compat", "modern legacy" },
	{ "key", "P-256 P-384 RSA-2048 RSA-3072 RSA-4096 Ed25519" },
	{ "state", "staged verified active retired rejected expiring expired not-yet-valid" } };

/* Where names come from: the API's list and the field of its rows. */
struct source {
	const char *path, *list, *field;
};
static const struct source certs = { "/v1/certs?limit=1000", "certs", "id" },
                           nodes = { "/v1/nodes", "nodes", "name" },
                           settings = { "/v1/settings", "settings", "name" };

static void words(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		putchar(*c == ' ' ? '\n' : *c);
	putchar('\n');
}

static void from(struct cli *cli, const struct source *source)
{
	json_t *doc = NULL, *row;
	size_t i;

	if (api_try(cli, &doc, source->path) != 0)
		return;
	json_array_foreach(json_object_get(doc, source->list), i, row)
	        printf("%s\n", text_at(row, source->field));
	json_decref(doc);
}

static const struct cli_option *option_in(const struct cli_option *list, const char *word)
{
	for (const struct cli_option *o = list; o != NULL && o->name != NULL; o++)
		if ((word[1] == '-' && strcmp(o->name, word + 2) == 0) ||
		        (word[1] != '-' && word[1] == o->letter && word[2] == '\0' &&
		                o->letter != 0))
			return o;
	return NULL;
}

/* The option that WORD names, of COMMAND or of all; NULL for any other word. */
static const struct cli_option *option_of(const struct cli_command *command, const char *word)
{
	const struct cli_option *found = NULL;

	if (word[0] != '-' || word[1] == '\0')
		return NULL;
	found = option_in(cli_globals, word);
	return found != NULL || command == NULL ? found : option_in(command->options, word);
}

static bool takes_value(const struct cli_option *option)
{
	return option != NULL && option->value != NULL && option->value[0] != '[';
}

struct line {
	const char *plain[PLAIN_MAX]; /* words that are neither options nor their values */
	size_t plain_count;
	const struct cli_command *command; /* the longest that fits; NULL */
	size_t command_words;
	const struct cli_option *open; /* whose value comes next; NULL */
};

/* How many of the words of NAME the plain words begin with; *WHOLE: all of them. */
static size_t common(const struct line *line, const char *name, bool *whole)
{
	size_t n = 0;

	for (*whole = false; n < line->plain_count; n++) {
		const size_t len = strcspn(name, " ");
		if (strlen(line->plain[n]) != len || strncmp(line->plain[n], name, len) != 0)
			return n;
		name += len;
		if (*name == '\0') {
			*whole = true;
			return n + 1;
		}
		name++;
	}
	return n;
}

static void find_command(struct line *line)
{
	for (size_t i = 0; i < cli_command_count; i++) {
		bool whole;
		const size_t n = common(line, cli_commands[i].name, &whole);
		if (whole && n > line->command_words) {
			line->command = &cli_commands[i];
			line->command_words = n;
		}
	}
}

static void read_line(struct cli *cli, const char *const *given, size_t count, struct line *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct cli_option *option = option_of(out->command, given[i]);
		if (out->open != NULL) {
			if (strcmp(out->open->name, "config") == 0)
				cli->config_file = given[i];
			out->open = NULL;
		} else if (takes_value(option)) {
			out->open = option;
		} else if (strncmp(given[i], "--config=", 9) == 0) {
			cli->config_file = given[i] + 9;
		} else if (given[i][0] != '-' && out->plain_count < PLAIN_MAX) {
			out->plain[out->plain_count++] = given[i];
			find_command(out);
		}
	}
}

static void value_of(struct cli *cli, const struct cli_option *option)
{
	for (size_t i = 0; i < CS_COUNT(enums); i++)
		if (strcmp(enums[i].option, option->name) == 0 && option->value[0] != '[')
			words(enums[i].values);
	if (strcmp(option->name, "node") == 0)
		from(cli, &nodes);
	if (strcmp(option->name, "against") == 0 || strcmp(option->name, "from") == 0)
		from(cli, &certs);
}

static void options_of(const struct cli_option *list)
{
	for (const struct cli_option *o = list; o != NULL && o->name != NULL; o++)
		printf("--%s\n", o->name);
}

static void operand_of(struct cli *cli, const struct cli_command *c)
{
	if (strncmp(c->operands, "ID", 2) == 0)
		from(cli, &certs);
	if (strncmp(c->name, "node ", 5) == 0 && strncmp(c->operands, "NAME", 4) == 0)
		from(cli, &nodes);
	if (strncmp(c->name, "setting ", 8) == 0 && strncmp(c->operands, "NAME", 4) == 0)
		from(cli, &settings);
	if (strcmp(c->operands, "SHELL") == 0)
		words("bash zsh");
}

/* The word of command I that comes after the plain words; false when it has none. */
static bool next_word(const struct line *line, size_t i, char word[64])
{
	const char *name = cli_commands[i].name;
	bool whole;

	if (common(line, name, &whole) != line->plain_count || whole)
		return false;
	for (size_t k = 0; k < line->plain_count; k++)
		name += strcspn(name, " ") + 1;
	snprintf(word, 64, "%.*s", (int)strcspn(name, " "), name);
	return true;
}

/* Each once. */
static void next_words(const struct line *line)
{
	char word[64], earlier[64];

	for (size_t i = 0; i < cli_command_count; i++) {
		bool again = !next_word(line, i, word);
		for (size_t k = 0; k < i && !again; k++)
			again = next_word(line, k, earlier) && strcmp(word, earlier) == 0;
		if (!again)
			printf("%s\n", word);
	}
}

static void candidates(struct cli *cli, const char *const *given, size_t count)
{
	struct line line = { .plain_count = 0 };
	const char *current = count > 0 ? given[count - 1] : "";

	read_line(cli, given, count > 0 ? count - 1 : 0, &line);
	if (line.open != NULL) {
		value_of(cli, line.open);
	} else if (current[0] == '-') {
		options_of(line.command != NULL ? line.command->options : NULL);
		options_of(cli_globals);
	} else if (line.command != NULL && line.command->run == cli_help) {
		line = (struct line){ .plain_count = 0 };
		read_line(cli, given + 1, count > 1 ? count - 2 : 0, &line);
		next_words(&line);
	} else {
		next_words(&line);
		if (line.command != NULL && line.command->operands[0] != '\0')
			operand_of(cli, line.command);
	}
}

int cli_completion(struct cli *cli)
{
	const char *shell = cli->operands[0];

	if (strcmp(shell, "candidates") == 0)
		candidates(cli, cli->operands + 1, cli->operand_count - 1);
	else if (strcmp(shell, "bash") == 0)
		fputs(bash_script, stdout);
	else if (strcmp(shell, "zsh") == 0)
		fputs(zsh_script, stdout);
	else
		return cli_fail(cli, CS_EUSAGE, "certspan completion bash",
		        "no completion for %.40s: bash or zsh", shell);
	return 0;
}
