#include "node/cli/cli.h"
int cli_demo(struct cli *cli)
{
	return cli_fail(cli, CS_EUNSUPPORTED, NULL, "not built yet");
}
