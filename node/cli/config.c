/* certspan config check|show|example. */
#include "node/config/config.h"
#include "node/cli/reach.h"

#define TEXT_MAX (256u << 10)

int cli_config_check(struct cli *cli)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_config config;
	const char *file = cli->operand_count > 0 ? cli->operands[0] : reach_config(cli);
	const int rc = reach_read(cli, file, &arena, &config);

	if (rc != 0)
		return rc;
	if (cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:s, s:b, s:s}", "schema", "certspan.config-check/1",
		                "file", file, "ok", 1, "node", config.name),
		        0);
	printf("%s: in order (node %s)\n", file, config.name);
	return 0;
}

static int print_buf(struct cli *cli, enum cs_err rc, struct cs_buf *text)
{
	if (rc != CS_OK)
		return cli_fail(
		        cli, rc, NULL, "cannot write the configuration: %s", cs_err_text(rc));
	fwrite(text->p, 1, text->n, stdout);
	if (text->n > 0 && text->p[text->n - 1] != '\n')
		putchar('\n');
	return 0;
}

int cli_config_show(struct cli *cli)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(TEXT_MAX);
	struct wire_config config;
	const int rc = reach_read(cli, reach_config(cli), &arena, &config);

	if (rc != 0)
		return rc;
	return print_buf(cli,
	        cli->output == CLI_JSON ? config_show_json(&config, &text)
	                                : config_show_yaml(&config, &text),
	        &text);
}

int cli_config_example(struct cli *cli)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(TEXT_MAX);
	const enum cs_err rc = config_example(&text);

	if (rc == CS_OK && cli->output == CLI_JSON)
		return cli_print(cli,
		        json_pack("{s:s, s:s}", "schema", "certspan.config-example/1", "text",
		                cs_buf_text(&text)),
		        0);
	return print_buf(cli, rc, &text);
}
