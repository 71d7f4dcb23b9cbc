#include <string.h>
#include "node/cli/cli.h"

static void options(FILE *out, const struct cli_option *list)
{
	for (const struct cli_option *o = list; o != NULL && o->name != NULL; o++) {
		char left[64];
		const char *gap = o->value != NULL && o->value[0] != '[' ? " " : "";
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter != 0 ? "-" : " ",
		        o->letter != 0 ? o->letter : ' ', o->letter != 0 ? ", " : "  ", o->name,
		        gap, o->value != NULL ? o->value : "");
		fprintf(out, "  %-31s %s\n", left, o->help);
	}
}

static void one(FILE *out, const struct cli_command *c)
{
	fprintf(out, "certspan %s%s%s%s\n\n%s.\n", c->name,
	        c->options != NULL ? " [OPTION]..." : "", c->operands[0] != '\0' ? " " : "",
	        c->operands, c->summary);
	if (c->text != NULL)
		fprintf(out, "%s\n", c->text);
	if (c->options != NULL) {
		fprintf(out, "\nOptions:\n");
		options(out, c->options);
	}
	fprintf(out, "\nEverywhere:\n");
	options(out, cli_globals);
}

static void line(FILE *out, const struct cli_command *c)
{
	char left[64];

	snprintf(left, sizeof(left), "%s %s", c->name, c->operands);
	fprintf(out, "  %-26s %s\n", left, c->summary);
}

static void all(FILE *out)
{
	fprintf(out, "certspan keeps the TLS certificates of a cluster identical, complete and "
	             "really served.\n\n"
	             "certspan [OPTION]... COMMAND\n\n");
	for (size_t i = 0; i < cli_command_count; i++)
		line(out, &cli_commands[i]);
	fprintf(out, "\nOptions, anywhere before --:\n");
	options(out, cli_globals);
	fprintf(out, "\nExit: 0 done, 10 done here but not yet where asked, 64 usage, 65 bad data "
	             "or refused, 66 not found,\n"
	             "69 no daemon, 70 our bug, 73 exists, 74 disk, 75 try again, 77 not "
	             "permitted, 78 configuration.\n"
	             "First steps: certspan demo; certspan help init\n");
}

int cli_help_for(const struct cli *self, const char *const *words, size_t count, FILE *out)
{
	char name[128] = "";
	size_t shown = 0;

	(void)self;
	for (size_t i = 0; i < count; i++)
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%.30s",
		        i > 0 ? " " : "", words[i]);
	if (name[0] == '\0') {
		all(out);
		return 0;
	}
	for (size_t i = 0; i < cli_command_count; i++)
		if (strcmp(cli_commands[i].name, name) == 0) {
			one(out, &cli_commands[i]);
			return 0;
		}
	for (size_t i = 0; i < cli_command_count; i++)
		if (strncmp(cli_commands[i].name, name, strlen(name)) == 0 &&
		        cli_commands[i].name[strlen(name)] == ' ') {
			line(out, &cli_commands[i]);
			shown++;
		}
	return shown > 0 ? 0 : CLI_USAGE;
}

int cli_help(struct cli *self)
{
	if (cli_flag(self, "man")) {
		cli_man(stdout);
		return 0;
	}
	if (cli_help_for(self, self->operands, self->operand_count, stdout) == 0)
		return 0;
	const char *near = cli_near_command(self->operands[0]);
	return cli_fail(self, CS_EUSAGE, "certspan help",
	        near != NULL ? "no such command: %.100s; did you mean `%s`?"
	                     : "no such command: %.100s",
	        self->operands[0], near);
}
