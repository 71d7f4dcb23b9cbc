/* The one commented text of a configuration file: `config example`, deploy/certspan.yaml and what
 * init and join write. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/config/config.h"
#include "proto/base/text.h"

#define TEXT_MAX 16384

static const char part_node[] = "# certspan: what is local to this host. Certificates, nodes and "
                                "the settings of the cluster live in the replicated state\n"
                                "# (`certspan node`, `certspan setting`), never here. Every key "
                                "but node.name may be left out; what stands here is its\n"
                                "# default. `certspan config check` reads this file as the daemon "
                                "would; `systemctl reload certspan` (SIGHUP) applies a\n"
                                "# change, except for listen addresses, store and "
                                "runtime-directory, which need a restart.\n"
                                "schema: 1\n"
                                "\n"
                                "node:\n"
                                "  # This node's name in the cluster: 1 to 32 of a-z, 0-9 and "
                                "inner '-'. It never changes after init or join.\n";
static const char part_store[] = "\n"
                                 "store:\n"
                                 "  # Keys and databases; private to certspan. A relative path "
                                 "counts from this file's folder.\n";
static const char part_map[] = "  # Address space of each database, not disk space: leave it, "
                               "unless the host limits address space.\n"
                               "  map-size: 32GiB\n"
                               "\n"
                               "# api.sock (the HTTP API) and door.sock (the way in for keys).\n";
static const char part_listen[] = "\n"
                                  "edge:\n"
                                  "  # Where TLS clients connect. Add \"[::]:443\" for IPv6.\n"
                                  "  listen:\n";
static const char part_upstream[] =
        "  # Where the decrypted bytes go: \"tcp:HOST:PORT\" or \"unix:PATH\". Empty: a small page "
        "that names node and certificate.\n";
static const char part_workers[] =
        "  # Processes that accept: auto is one for each CPU; or a number of 1 to 64.\n";
static const char part_replication[] = "  # A client that has not finished its handshake by then "
                                       "is dropped; so is a connection on which nothing moved.\n"
                                       "  handshake-timeout-s: 10\n"
                                       "  idle-timeout-s: 300\n"
                                       "\n"
                                       "replication:\n"
                                       "  # Primary and backup: the one inbound port of the "
                                       "cluster. Empty on traffic nodes, which only dial out.\n";
static const char part_rest[] =
        "  # Further places to dial, beyond the registry: \"HOST:PORT KEY\", KEY being that node's "
        "public key in hex.\n"
        "  upstreams: []\n"
        "\n"
        "probe:\n"
        "  # How often this node shakes hands with itself to see what is really served.\n"
        "  interval-s: 60\n"
        "\n"
        "log:\n"
        "  # On stderr. auto: text, with priorities for journald when it is not a terminal; json: "
        "one object a line.\n"
        "  format: auto\n"
        "  # error, warning, notice, info or debug\n"
        "  level: info\n";

/* A double-quoted YAML scalar: the two special bytes are escaped, others that need it are refused
 * before (config_parse). */
static enum cs_err quoted(struct cs_buf *out, const char *before, const char *value)
{
	CS_TRY(cs_buf_printf(out, "%s\"", before));
	for (const char *c = value; *c != '\0'; c++) {
		const char escaped[2] = { '\\', *c };
		const bool special = *c == '"' || *c == '\\';
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			CS_TRY(cs_buf_printf(out, "\\x%02x", (unsigned char)*c));
		else
			CS_TRY(cs_buf_add(out, special ? escaped : c, special ? 2 : 1));
	}
	return cs_buf_add(out, "\"\n", 2);
}

static enum cs_err line(struct cs_buf *out, const char *part, const char *key, const char *value,
        const char *fallback)
{
	CS_TRY(cs_buf_printf(out, "%s%s: ", part, key));
	return quoted(out, "", value != NULL ? value : fallback);
}

static enum cs_err listens(struct cs_buf *out, const char *const *v)
{
	static const char *const fallback[] = { "0.0.0.0:443", NULL };

	CS_TRY(cs_buf_printf(out, "%s", part_listen));
	for (v = v != NULL ? v : fallback; *v != NULL; v++)
		CS_TRY(quoted(out, "    - ", *v));
	return CS_OK;
}

enum cs_err config_text(const struct config_choice *c, struct cs_buf *out)
{
	const char *workers = c->workers != NULL ? c->workers : "auto";

	CS_TRY(line(out, part_node, "  name", c->name, ""));
	CS_TRY(line(out, part_store, "  directory", c->state_dir, "/var/lib/certspan"));
	CS_TRY(line(out, part_map, "runtime-directory", c->runtime_dir, "/run/certspan"));
	CS_TRY(listens(out, c->edge_listen));
	CS_TRY(line(out, part_upstream, "  upstream", c->upstream, ""));
	CS_TRY(cs_buf_printf(out, "%s  workers: %s\n", part_workers, workers));
	CS_TRY(line(out, part_replication, "  listen", c->replication_listen, ""));
	return cs_buf_printf(out, "%s", part_rest);
}

enum cs_err config_example(struct cs_buf *out)
{
	const struct config_choice choice = { .name = "p1", .replication_listen = "0.0.0.0:7443" };

	return config_text(&choice, out);
}

/* FILE need not exist yet, so realpath of its folder. */
static enum cs_err full_path(const char *file, char out[PATH_MAX])
{
	char copy[PATH_MAX], folder[PATH_MAX];
	const char *slash = strrchr(file, '/');

	if (strlen(file) >= sizeof(copy))
		return CS_ETOOBIG;
	snprintf(copy, sizeof(copy), "%s", file);
	if (realpath(dirname(copy), folder) == NULL)
		return cs_err_errno(errno);
	const int n = snprintf(out, PATH_MAX, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
	        slash != NULL ? slash + 1 : file);
	return n < PATH_MAX ? CS_OK : CS_ETOOBIG;
}

static enum cs_err check(const char *full, struct cs_bytes text, struct cs_buf *complaint)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	struct wire_config parsed;

	CS_TRY(cs_arena_new(CS_UNPACK_MAX, &arena));
	return config_parse(full, text, arena, &parsed, complaint);
}

static enum cs_err fill(int fd, struct cs_bytes text)
{
	while (text.n > 0) {
		const ssize_t n = write(fd, text.p, text.n);
		if (n < 0 && errno != EINTR)
			return cs_err_errno(errno);
		text = n > 0 ? (struct cs_bytes){ text.p + n, text.n - (size_t)n } : text;
	}
	return fsync(fd) == 0 ? CS_OK : cs_err_errno(errno);
}

static enum cs_err create(const char *full, struct cs_bytes text)
{
	const int fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return cs_err_errno(errno);
	const enum cs_err rc = fill(fd, text);
	close(fd);
	if (rc != CS_OK)
		unlink(full); /* never half a file */
	return rc;
}

enum cs_err config_write_new(
        const char *file, const struct config_choice *choice, struct cs_buf *complaint)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(TEXT_MAX);
	char full[PATH_MAX] = "";

	CS_TRY(config_text(choice, &text));
	enum cs_err rc = full_path(file, full);
	if (rc == CS_OK) {
		rc = check(full, cs_buf_view(&text), complaint);
		if (rc != CS_OK)
			return rc;
		rc = create(full, cs_buf_view(&text));
	}
	if (rc != CS_OK)
		CS_TRY(cs_buf_printf(complaint, "%s: %s", file, cs_err_text(rc)));
	return rc;
}
