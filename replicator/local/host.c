#include "replicator/local/host.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sodium.h>
#include "proto/base/clock.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define WORD 64
#define SANDBOX_AGE_S 5
#define DMI "/sys/class/dmi/id/"

struct host {
	char model[WORD], hypervisor[WORD], firmware[WORD], firmware_date[WORD], serial[WORD];
	char system_id[33], kernel[WORD], arch[WORD], zone[WORD];
	char sandbox[200];
	int64_t sandbox_at;
	char text[CS_FACTS_MAX + 1];
};

/* The first line of a file of the kernel, as it may stand in JSON: printable ASCII, no quote, no
 * backslash. */
static void first_line(const char *path, char *out, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t got = fd >= 0 ? read(fd, out, size - 1) : -1;
	size_t n = got > 0 ? (size_t)got : 0;

	if (fd >= 0)
		close(fd);
	out[n] = '\0';
	n = strcspn(out, "\n");
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	for (char *c = out; *c != '\0'; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
}

static void cut(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%.*s", (int)size - 1, text);
	for (char *c = out; *c != '\0'; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
}

static bool cpu_says_hypervisor(void)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(1u << 16);
	const int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, part, sizeof(part))) > 0)
		if (cs_buf_add(&buf, part, (size_t)n) != CS_OK)
			break;
	if (fd >= 0)
		close(fd);
	return strstr(cs_buf_text(&buf), " hypervisor") != NULL;
}

/* What the maker's and the product's name say; else what the processor says. */
static void find_hypervisor(struct host *self)
{
	static const struct {
		const char *word, *name;
	} known[] = { { "VMware", "VMware" }, { "innotek", "VirtualBox" },
		{ "VirtualBox", "VirtualBox" }, { "QEMU", "QEMU/KVM" }, { "KVM", "KVM" },
		{ "Xen", "Xen" }, { "Microsoft", "Hyper-V" }, { "Amazon EC2", "Amazon EC2" },
		{ "Google", "Google Compute Engine" }, { "Parallels", "Parallels" } };
	const bool virtual = cpu_says_hypervisor();

	first_line("/sys/hypervisor/type", self->hypervisor, sizeof(self->hypervisor));
	if (self->hypervisor[0] != '\0')
		return;
	for (size_t i = 0; virtual && i < CS_COUNT(known); i++)
		if (strstr(self->model, known[i].word) != NULL) {
			cut(self->hypervisor, WORD, known[i].name);
			return;
		}
	cut(self->hypervisor, WORD, virtual ? "yes, of an unknown kind" : "none");
}

/* An identity of the machine that does not give away /etc/machine-id itself (machine-id(5)). */
static void find_system_id(struct host *self)
{
	static const char salt[] = "certspan.system-id/1";
	char id[WORD];
	uint8_t hash[16];

	first_line("/etc/machine-id", id, sizeof(id));
	if (id[0] == '\0')
		return;
	crypto_generichash(hash, sizeof(hash), (const uint8_t *)id, strlen(id),
	        (const uint8_t *)salt, sizeof(salt) - 1);
	cs_hex(hash, sizeof(hash), self->system_id);
}

static void find_zone(struct host *self)
{
	char path[256], offset[16] = "";
	const time_t now = (time_t)cs_clock_wall_s();
	struct tm tm;
	const ssize_t n = readlink("/etc/localtime", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	const char *name = strstr(path, "zoneinfo/");
	if (localtime_r(&now, &tm) != NULL)
		strftime(offset, sizeof(offset), "%z", &tm);
	const char *shown = name != NULL ? name + strlen("zoneinfo/") : "UTC";
	char text[300];
	snprintf(text, sizeof(text), "%.40s (%s)", shown, offset);
	cut(self->zone, WORD, text);
}

enum cs_err host_new(struct host **out)
{
	struct host *self = calloc(1, sizeof(*self));
	struct utsname kernel;
	char vendor[WORD], product[WORD], both[2 * WORD + 1];

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	first_line(DMI "sys_vendor", vendor, sizeof(vendor));
	first_line(DMI "product_name", product, sizeof(product));
	snprintf(both, sizeof(both), "%s%s%s", vendor, vendor[0] != '\0' ? " " : "", product);
	cut(self->model, WORD, both);
	first_line(DMI "bios_version", self->firmware, WORD);
	first_line(DMI "bios_date", self->firmware_date, WORD);
	first_line(DMI "product_serial", self->serial, WORD); /* root's alone, mostly */
	find_hypervisor(self);
	find_system_id(self);
	find_zone(self);
	if (uname(&kernel) == 0) {
		cut(self->kernel, WORD, kernel.release);
		cut(self->arch, WORD, kernel.machine);
	}
	return CS_OK;
}

void host_free(struct host **self)
{
	free(*self);
	*self = NULL;
}

/* "seccomp" when the process is filtered, "no-new-privs" when it cannot gain any, else "none". */
static const char *layers_of(long pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return "unknown";
	text[n] = '\0';
	if (strstr(text, "\nSeccomp:\t2") != NULL)
		return "seccomp";
	return strstr(text, "\nNoNewPrivs:\t1") != NULL ? "no-new-privs" : "none";
}

static void add_role(struct host *self, long pid)
{
	char path[64], name[32], one[64];

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	first_line(path, name, sizeof(name));
	const char *role = strncmp(name, "certspan-", 9) == 0 ? name + 9 : name;
	if (strcmp(role, "replic") == 0) /* the kernel keeps 15 letters */
		role = "replicator";
	snprintf(one, sizeof(one), "%s: %s", role, layers_of(pid));
	const size_t n = strlen(self->sandbox);
	if (strstr(self->sandbox, one) == NULL && n + strlen(one) + 3 < sizeof(self->sandbox))
		snprintf(self->sandbox + n, sizeof(self->sandbox) - n, "%s%s", n > 0 ? ", " : "",
		        one);
}

/* What the kernel says of each process of this node: the supervisor's children. */
static void look_at_roles(struct host *self)
{
	char path[96], pids[1024];

	self->sandbox[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)getppid(),
	        (long)getppid());
	first_line(path, pids, sizeof(pids));
	for (char *at = pids, *end = NULL;; at = end) {
		const long pid = strtol(at, &end, 10);
		if (end == at || pid <= 0)
			return;
		add_role(self, pid);
	}
}

const char *host_facts(struct host *self, int64_t now_s)
{
	struct sysinfo info = { 0 };
	char time_text[32], running[160] = "";

	if (now_s - self->sandbox_at >= SANDBOX_AGE_S || now_s < self->sandbox_at) {
		look_at_roles(self);
		self->sandbox_at = now_s;
	}
	if (sysinfo(&info) == 0)
		snprintf(running, sizeof(running), ",\"uptime_s\":%ld,\"load\":[%.2f,%.2f,%.2f]",
		        info.uptime, (double)info.loads[0] / 65536.0,
		        (double)info.loads[1] / 65536.0, (double)info.loads[2] / 65536.0);
	const int n = snprintf(self->text, sizeof(self->text),
	        "{\"model\":\"%s\",\"hypervisor\":\"%s\",\"firmware\":\"%s\",\"firmware_date\":\"%"
	        "s\","
	        "\"serial\":\"%s\",\"system_id\":\"%s\",\"version\":\"%s\",\"kernel\":\"%s\","
	        "\"arch\":\"%s\",\"zone\":\"%s\",\"time\":\"%s\",\"sandbox\":\"%s\"%s}",
	        self->model, self->hypervisor, self->firmware, self->firmware_date, self->serial,
	        self->system_id, CERTSPAN_VERSION, self->kernel, self->arch, self->zone,
	        cs_time_text(now_s, time_text, sizeof(time_text)), self->sandbox, running);
	return n > 0 && n < (int)sizeof(self->text) ? self->text : "{}";
}
