/* certspan(1) in mdoc, from the command table. */
#include <string.h>
#include "node/cli/cli.h"

/* Text that roff takes as it is: no control line, no escape; words apart from punctuation. */
static void text(FILE *out, const char *s)
{
	char before = ' ';

	if (*s == '.' || *s == '\'')
		fputs("\\&", out);
	for (; *s != '\0'; before = *s++)
		switch (*s) {
		case '\\':
			fputs("\\e", out);
			break;
		case '-':
			fputs("\\-", out);
			break;
		case ' ':
			fputc(before == '.' ? '\n' : ' ', out); /* a sentence, a line */
			break;
		default:
			fputc(*s, out);
		}
}

static void sentence(FILE *out, const char *s)
{
	text(out, s);
	fputs(s[0] != '\0' && s[strlen(s) - 1] == '.' ? "\n" : ".\n", out);
}

static void options(FILE *out, const struct cli_option *list)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (const struct cli_option *o = list; o->name != NULL; o++) {
		fputs(".It ", out);
		if (o->letter != 0)
			fprintf(out, "Fl %c , ", o->letter);
		fprintf(out, "Fl Fl %s", o->name);
		if (o->value != NULL) {
			fputs(" Ar ", out);
			text(out, o->value);
		}
		fputs("\n", out);
		sentence(out, o->help);
	}
	fputs(".El\n", out);
}

static void command(FILE *out, const struct cli_command *c)
{
	fputs(".Ss ", out);
	text(out, c->name);
	if (c->operands[0] != '\0') {
		fputs(" ", out);
		text(out, c->operands);
	}
	fputs("\n", out);
	sentence(out, c->summary);
	if (c->text != NULL)
		sentence(out, c->text);
	if (c->options != NULL && c->options[0].name != NULL)
		options(out, c->options);
}

void cli_man(FILE *out)
{
	fputs(".Dd November 24, 2026\n.Dt CERTSPAN 1\n.Os\n"
	      ".Sh NAME\n.Nm certspan\n.Nd certificates of a cluster: identical, complete and "
	      "really served\n"
	      ".Sh SYNOPSIS\n.Nm\n.Op Ar option ...\n.Ar command\n.Op Ar operand ...\n"
	      ".Sh DESCRIPTION\n"
	      ".Nm\ntalks to\n.Xr certspand 8\nof this host.\n"
	      "Standard output is data, standard error is talk; every error says what to do "
	      "next.\n"
	      ".Sh OPTIONS\nThese are understood by all commands:\n",
	        out);
	options(out, cli_globals);
	fputs(".Sh COMMANDS\n", out);
	for (size_t i = 0; i < cli_command_count; i++)
		command(out, &cli_commands[i]);
	fputs(".Sh EXIT STATUS\n"
	      "0 done, 10 done here but not yet where asked, 64 usage, 65 bad data or refused, 66 "
	      "not found, 69 no daemon, 70 our bug, 73 exists, 74 disk, 75 try again, 77 not "
	      "permitted, 78 configuration.\n"
	      ".Sh SEE ALSO\n.Xr certspan.yaml 5 ,\n.Xr certspand 8\n",
	        out);
}
