#include "node/supervisor/member.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 10000
#define LIFE_THAT_COUNTS_MS 30000

const struct member_role member_roles[] = {
	[KIND_KEYD] = { "keyd", USER_KEYD, true },
	[KIND_REPLICATOR] = { "replicator", USER_REPLICATOR, true },
	[KIND_EDGE] = { "edge", USER_EDGE, false },
	[KIND_PROBER] = { "prober", USER_PROBER, false },
	[KIND_ADMIN] = { "admin", USER_ADMIN, false },
	[KIND_IMPORT] = { "import", USER_IMPORT, false },
};

const struct member_link member_links[] = {
	{ KIND_EDGE, KIND_KEYD, "keyd", "edge" },
	{ KIND_REPLICATOR, KIND_KEYD, "keyd", "replicator" },
	{ KIND_IMPORT, KIND_KEYD, "keyd", "import" },
	{ KIND_ADMIN, KIND_REPLICATOR, "replicator", "admin" },
	{ KIND_PROBER, KIND_REPLICATOR, "replicator", "prober" },
	{ KIND_IMPORT, KIND_ADMIN, "admin", "import" },
	{ KIND_ADMIN, KIND_KEYD, "keyd", "admin" },
};
const size_t member_link_count = CS_COUNT(member_links);

const char *member_name(const struct member *self, char out[48])
{
	const char *name = member_roles[self->kind].name;
	const bool many = self->kind == KIND_EDGE || self->kind == KIND_IMPORT;

	if (many)
		snprintf(out, 48, "%s %u", name, self->index);
	else
		snprintf(out, 48, "%s", name);
	return out;
}

void member_exit_text(int status, char out[128])
{
	out[0] = '\0';
	if (WIFSIGNALED(status))
		snprintf(out, 128, "killed by signal %d (%s)", WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		snprintf(out, 128, "exit %d", WEXITSTATUS(status));
}

int64_t member_backoff(struct member *self, int64_t lived_ms)
{
	if (lived_ms >= LIFE_THAT_COUNTS_MS || self->backoff_ms == 0)
		self->backoff_ms = BACKOFF_LEAST_MS;
	const int64_t now = self->backoff_ms;
	self->backoff_ms = 2 * now < BACKOFF_MOST_MS ? 2 * now : BACKOFF_MOST_MS;
	return now;
}
