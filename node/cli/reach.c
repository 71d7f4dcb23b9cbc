#include "node/cli/reach.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/config/config.h"
#include "proto/base/limits.h"

#define SYSTEM_FILE "/etc/certspan/certspan.yaml"
#define LOCAL_FILE "./certspan.yaml"
#define ARENA_MAX (1u << 20)

const char *reach_config(const struct cli *cli)
{
	const char *from_environment = getenv("CERTSPAN_CONFIG");

	if (cli->config_file != NULL)
		return cli->config_file;
	if (from_environment != NULL && from_environment[0] != '\0')
		return from_environment;
	return access(LOCAL_FILE, F_OK) == 0 ? LOCAL_FILE : SYSTEM_FILE;
}

int reach_read(struct cli *cli, const char *file, struct cs_arena **arena, struct wire_config *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4 * CS_TEXT_MAX);

	*arena = NULL;
	enum cs_err rc = cs_arena_new(ARENA_MAX, arena);
	if (rc == CS_OK)
		rc = config_read(file, *arena, out, &complaint);
	if (rc == CS_OK)
		return 0;
	const char *said = cs_buf_text(&complaint);
	const bool absent = rc == CS_ENOTFOUND;
	return cli_fail(cli, absent ? CS_ECONFIG : rc,
	        absent ? "name it by --config FILE, or make one: certspan init (a first primary), "
	                 "certspan join (a further node)"
	               : "mend that line; `certspan config example` shows every key",
	        "%s%s", said[0] != '\0' ? said : file,
	        said[0] != '\0' ? ""
	        : absent        ? ": no such file"
	                        : ": cannot be read");
}

int reach_socket(struct cli *cli, const char *name, char *out, size_t size)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_config config;
	const char *folder = cli->runtime_dir;

	if (folder == NULL) {
		const int rc = reach_read(cli, reach_config(cli), &arena, &config);
		if (rc != 0)
			return rc;
		folder = config.runtime_dir;
	}
	if (snprintf(out, size, "%s/%s", folder, name) < (int)size && strlen(out) < 108)
		return 0;
	return cli_fail(cli, CS_ECONFIG, "choose a shorter runtime folder",
	        "%.300s: too long for a socket's path", folder);
}

enum cs_err reach_program(const char *name, char *out, size_t size)
{
	static const char *const places[] = { "", "../libexec/certspan/", "../sbin/" };
	char self[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return cs_err_errno(errno);
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	slash[1] = '\0';
	for (size_t i = 0; i < CS_COUNT(places); i++)
		if (snprintf(out, size, "%s%s%s", self, places[i], name) < (int)size &&
		        access(out, X_OK) == 0)
			return CS_OK;
	return CS_ENOTFOUND;
}
