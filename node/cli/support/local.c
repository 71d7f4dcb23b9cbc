/* What this host says by itself: kernel, load, versions, sizes of the stores, configuration, log.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <zip.h>
#include "node/cli/reach.h"
#include "node/cli/support/gather.h"
#include "node/config/config.h"
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define LOG_TAIL_BYTES (256 << 10)

static void add_host(struct gather *self)
{
	struct sysinfo info = { 0 };
	struct utsname kernel = { .sysname = "" };
	char now[32], zone[64] = "";
	const time_t at = (time_t)cs_clock_wall_s();
	struct tm tm;

	sysinfo(&info);
	uname(&kernel);
	if (localtime_r(&at, &tm) != NULL)
		strftime(zone, sizeof(zone), "%Z (%z)", &tm);
	gather_json(self, "host.json",
	        json_pack("{s:s, s:s, s:s, s:I, s:[f, f, f], s:s, s:s}", "kernel", kernel.release,
	                "build", kernel.version, "arch", kernel.machine, "uptime_s",
	                (json_int_t)info.uptime, "load", (double)info.loads[0] / 65536.0,
	                (double)info.loads[1] / 65536.0, (double)info.loads[2] / 65536.0, "time",
	                cs_time_text(at, now, sizeof(now)), "zone", zone));
}

static void add_versions(struct gather *self)
{
	gather_json(self, "versions.json",
	        json_pack("{s:s, s:s, s:s, s:s, s:s}", "certspan", CERTSPAN_VERSION, "openssl",
	                OpenSSL_version(OPENSSL_VERSION_STRING), "libsodium",
	                sodium_version_string(), "libzip", zip_libzip_version(), "jansson",
	                JANSSON_VERSION));
}

static json_t *size_of(const char *folder, const char *store)
{
	char path[CS_TEXT_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/data.mdb", folder, store);
	return stat(path, &st) == 0 ? json_integer((json_int_t)st.st_blocks * 512) : json_null();
}

/* The configuration names folders and addresses, and holds no secret. */
static void add_config(struct gather *self)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(cs_buf_free)
	struct cs_buf complaint = cs_buf_new(4 * CS_TEXT_MAX), text = cs_buf_new(CONFIG_FILE_MAX);
	struct wire_config config;

	if (cs_arena_new(1u << 20, &arena) != CS_OK ||
	        config_read(reach_config(self->cli), arena, &config, &complaint) != CS_OK) {
		gather_missing(self, "config.json",
		        complaint.n > 0 ? cs_buf_text(&complaint)
		                        : "the configuration cannot be read");
		return;
	}
	if (config_show_json(&config, &text) == CS_OK)
		gather_bytes(self, "config.json", cs_buf_view(&text));
	gather_json(self, "sizes.json",
	        json_pack("{s:o, s:o}", "state_bytes", size_of(config.state_dir, "state"),
	                "serving_bytes", size_of(config.state_dir, "serving")));
}

/* The last lines, from the start of one. */
static void add_log(struct gather *self, const char *log)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(LOG_TAIL_BYTES);
	struct stat st;
	const int fd = open(log, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	        cs_buf_reserve(&text, LOG_TAIL_BYTES) != CS_OK) {
		gather_missing(self, "log.txt", "the log file cannot be read");
	} else {
		const off_t from = st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0;
		const ssize_t n = pread(fd, text.p, LOG_TAIL_BYTES, from);
		const uint8_t *start = from > 0 && n > 0 ? memchr(text.p, '\n', (size_t)n) : NULL;
		const size_t skip = start != NULL ? (size_t)(start + 1 - text.p) : 0;
		if (n > 0)
			gather_bytes(self, "log.txt",
			        (struct cs_bytes){ text.p + skip, (size_t)n - skip });
	}
	if (fd >= 0)
		close(fd);
}

void gather_local(struct gather *self, const char *log)
{
	add_host(self);
	add_versions(self);
	add_config(self);
	if (log != NULL)
		add_log(self, log);
	else
		gather_missing(self, "log.txt",
		        "no log file was named (--log FILE); see journalctl -u certspand");
}
