#include "node/cli/place.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sodium.h>
#include "node/cli/file.h"
#include "node/cli/reach.h"
#include "node/config/config.h"

#define LISTENS_MAX 32
#define STATE_MODE                                                                                 \
	0711 /* roles of other users reach what is theirs below; the supervisor sets owners */

void place_bindable(const char *endpoint, char *out)
{
	char host[CS_ENDPOINT_MAX];
	struct in6_addr any;
	const char *colon = strrchr(endpoint, ':');

	snprintf(host, sizeof(host), "%.*s", (int)(colon - endpoint), endpoint);
	if (endpoint[0] == '[' || inet_pton(AF_INET, host, &any) == 1)
		snprintf(out, CS_ENDPOINT_MAX, "%s", endpoint);
	else
		snprintf(out, CS_ENDPOINT_MAX, "0.0.0.0%.8s", colon);
}

static int write_config(struct place *self)
{
	CS_AUTO(cs_buf_free) struct cs_buf complaint = cs_buf_new(4 * CS_TEXT_MAX);
	const char *listens[LISTENS_MAX + 1] = { NULL },
	                                  *upstream = cli_value(self->cli, "upstream"),
	                                  *state = cli_value(self->cli, "state");
	char state_dir[CS_TEXT_MAX] = "", runtime[CS_TEXT_MAX] = "";
	size_t n = 0, at = 0;

	for (const char *v;
	        n < LISTENS_MAX && (v = cli_next_value(self->cli, "edge-listen", &at)) != NULL;)
		listens[n++] = v;
	if ((state != NULL && file_absolute(state, state_dir, sizeof(state_dir)) != CS_OK) ||
	        (self->cli->runtime_dir != NULL &&
	                file_absolute(self->cli->runtime_dir, runtime, sizeof(runtime)) != CS_OK))
		return cli_fail(self->cli, CS_EUSAGE, "choose a shorter path",
		        "--state or --runtime is too long");
	const struct config_choice choice = { .name = self->name,
		.state_dir = state != NULL ? state_dir : NULL,
		.runtime_dir = self->cli->runtime_dir != NULL ? runtime : NULL,
		.edge_listen = n > 0 ? listens : NULL,
		.upstream = upstream,
		.replication_listen = self->listen[0] != '\0' ? self->listen : NULL };
	const enum cs_err rc = config_write_new(self->config_file, &choice, &complaint);
	self->made_config = rc == CS_OK;
	if (rc == CS_OK)
		return 0;
	const char *said = cs_buf_text(&complaint);
	return cli_fail(self->cli, rc == CS_ECONFIG ? CS_EUSAGE : rc,
	        rc == CS_ECONFIG ? "mend that option" : "choose another place by --config FILE",
	        "cannot write %.300s: %s", self->config_file,
	        said[0] != '\0' ? said : cs_err_text(rc));
}

static enum cs_err make_parent(const char *file)
{
	char folder[CS_TEXT_MAX];
	const char *slash = strrchr(file, '/');

	if (slash == NULL || slash == file)
		return CS_OK;
	if (snprintf(folder, sizeof(folder), "%.*s", (int)(slash - file), file) >=
	        (int)sizeof(folder))
		return CS_ETOOBIG;
	return file_mkdirs(folder, 0755);
}

static int configure(struct place *self)
{
	if (access(self->config_file, F_OK) != 0) {
		const enum cs_err made = make_parent(self->config_file);
		if (made != CS_OK)
			return cli_fail(self->cli, made,
			        "choose another place by --config FILE, or run it as root",
			        "cannot make the folder of %.300s: %s", self->config_file,
			        cs_err_text(made));
		const int rc = write_config(self);
		if (rc != 0)
			return rc;
	}
	const int rc = reach_read(self->cli, self->config_file, &self->arena, &self->config);
	if (rc != 0)
		return rc;
	if (strcmp(self->config.name, self->name) != 0)
		return cli_fail(self->cli, CS_ECONFIG,
		        "name another file by --config FILE, or this node by that name",
		        "%.300s is of node %s, not %s", self->config_file, self->config.name,
		        self->name);
	if (self->config.replication_listen[0] == '\0' && self->listen[0] != '\0')
		return cli_fail(self->cli, CS_ECONFIG, "set replication.listen there",
		        "%.300s has no replication address", self->config_file);
	return 0;
}

static bool folder_in_use(const char *path)
{
	DIR *dir = opendir(path);
	bool any = false;

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
		any = any || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0);
	if (dir != NULL)
		closedir(dir);
	return any;
}

static int make_folder(struct place *self)
{
	if (folder_in_use(self->state_store) || access(self->replicator_key, F_OK) == 0 ||
	        access(self->keyd_key, F_OK) == 0)
		return cli_fail(self->cli, CS_EEXISTS,
		        "start it: certspand; or choose another --state and --config",
		        "%.300s holds a node already", self->state_dir);
	const bool was_there = access(self->state_dir, F_OK) == 0;
	const enum cs_err rc = file_mkdirs(self->state_dir, STATE_MODE);
	self->made_dir = !was_there && rc == CS_OK;
	if (rc != CS_OK)
		return cli_fail(self->cli, rc,
		        "choose another place by --state DIR, or run it as root",
		        "cannot make %.300s: %s", self->state_dir, cs_err_text(rc));
	if (access(self->state_dir, W_OK) != 0)
		return cli_fail(self->cli, CS_EDENIED,
		        "choose another place by --state DIR, or run it as root",
		        "%.300s is not writable", self->state_dir);
	return 0;
}

static int make_keys(struct place *self)
{
	replicator_key_make(&self->replicator);
	keyd_key_make(&self->keyd);
	enum cs_err rc = replicator_key_write(self->replicator_key, &self->replicator);
	if (rc == CS_OK) {
		self->made_keys = true;
		rc = keyd_key_write(self->keyd_key, &self->keyd);
	}
	if (rc == CS_OK)
		return 0;
	return cli_fail(self->cli, rc,
	        rc == CS_EFULL ? "make room, then repeat it" : "check the folder",
	        "cannot write the keys in %.300s: %s", self->state_dir, cs_err_text(rc));
}

int place_make(struct place *self)
{
	self->config_file = reach_config(self->cli);
	int rc = configure(self);
	if (rc != 0)
		return rc;
	snprintf(self->state_dir, sizeof(self->state_dir), "%s", self->config.state_dir);
	snprintf(self->state_store, sizeof(self->state_store), "%s/state", self->state_dir);
	snprintf(self->replicator_key, sizeof(self->replicator_key), "%s/replicator.key",
	        self->state_dir);
	snprintf(self->keyd_key, sizeof(self->keyd_key), "%s/keyd.key", self->state_dir);
	rc = make_folder(self);
	return rc != 0 ? rc : make_keys(self);
}

int place_rewrite(struct place *self)
{
	if (!self->made_config)
		return 0;
	unlink(self->config_file);
	return write_config(self);
}

static void remove_store(const char *folder)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	char path[CS_TEXT_MAX + 64];

	for (size_t i = 0; i < CS_COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

void place_end(struct place *self, bool keep)
{
	if (!keep && self->made_keys) {
		unlink(self->replicator_key);
		unlink(self->keyd_key);
		remove_store(self->state_store); /* the keys were not there before, so the store is
		                                    ours too */
	}
	if (!keep && self->made_dir)
		rmdir(self->state_dir);
	if (!keep && self->made_config)
		unlink(self->config_file);
	cs_arena_free(&self->arena);
	sodium_memzero(&self->replicator, sizeof(self->replicator));
	sodium_memzero(&self->keyd, sizeof(self->keyd));
}
