/* certspan-replicator: the single writer of the stores and the only process that talks to other
 * nodes. Started by certspand; `certspan-replicator enrol ...` is the one shot that `certspan join`
 * runs. */
#include <string.h>
#include <sodium.h>
#include "proto/base/log.h"
#include "proto/role/role.h"
#include "replicator/driver/loop.h"
#include "replicator/enrol/join.h"

int main(int argc, char **argv)
{
	struct role role;

	if (argc > 1 && strcmp(argv[1], "enrol") == 0)
		return join_main(argc - 1, argv + 1);
	if (sodium_init() < 0)
		return 70;
	const enum cs_err rc = role_begin("replicator", &role);
	if (rc != CS_OK)
		return cs_err_exit(rc);
	const int code = replicator_run(&role);
	role_end(&role);
	return code;
}
