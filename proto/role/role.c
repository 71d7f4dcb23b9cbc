#include "proto/role/role.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/role/channel.h"

#define START_WAIT_MS 10000

static enum cs_err harden(void)
{
	const struct rlimit none = { 0, 0 };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's ^C is for the supervisor */
	signal(SIGHUP, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
	        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return cs_err_errno(errno);
	return CS_OK;
}

static void log_from(const char *name, const struct wire_config *config)
{
	cs_log_setup(name, config->name, (enum cs_log_format)config->log_format,
	        (enum cs_log_level)config->log_level);
}

/* Started by descriptor a process would be called after its number. */
static void take_name(const char *name)
{
	char full[16];

	snprintf(full, sizeof(full), "certspan-%s", name);
	(void)prctl(PR_SET_NAME, full);
}

enum cs_err role_begin(const char *name, struct role *out)
{
	*out = (struct role){ .control = ROLE_CONTROL_FD };
	if (fcntl(ROLE_CONTROL_FD, F_SETFD, FD_CLOEXEC) != 0) {
		fprintf(stderr,
		        "certspan-%s: started by hand\nnext: start certspand --config FILE; it "
		        "starts this role\n",
		        name);
		return CS_EUSAGE;
	}
	take_name(name);
	CS_TRY(harden());
	CS_TRY(wire_self_check());
	CS_TRY(channel_receive_wait(
	        out->control, cs_clock_mono_ms() + START_WAIT_MS, &out->start, NULL));
	const struct wire_start *start = out->start.body;
	if (out->start.id != PACKET_start || start->config == NULL) {
		wire_packet_free(&out->start);
		return CS_EMALFORMED;
	}
	out->config = start->config;
	log_from(name, out->config);
	return CS_OK;
}

enum cs_err role_ready(const struct role *self, const char *note)
{
	char text[256];

	snprintf(text, sizeof(text), "not-dumpable no-core no-new-privs%s%s",
	        note[0] != '\0' ? " " : "", note);
	const struct wire_ready ready = { .note = text };
	return channel_send(self->control, PACKET_ready, &ready, -1);
}

void role_reconfigure(struct role *self, struct wire_packet *packet)
{
	wire_packet_free(&self->newest);
	self->newest = *packet;
	*packet = (struct wire_packet){ 0 };
	self->config = self->newest.body;
	const struct wire_start *start = self->start.body;
	log_from(start->role, self->config);
}

void role_end(struct role *self)
{
	wire_packet_free(&self->newest);
	wire_packet_free(&self->start);
}
