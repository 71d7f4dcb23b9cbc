#include "node/cli/demo/script.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include "node/cli/api.h"
#include "node/cli/view.h"
#include "proto/base/clock.h"

#define WAIT_MS 20000
#define TURN_US 15000

void script_tell(struct script *self, const char *fmt, ...)
{
	va_list args;

	fprintf(self->demo.talk, "%6.2f s  ",
	        (double)(cs_clock_mono_ms() - self->demo.began_ms) / 1000.0);
	va_start(args, fmt);
	vfprintf(self->demo.talk, fmt, args);
	va_end(args);
	fputc('\n', self->demo.talk);
	fflush(self->demo.talk);
}

void script_phase(struct script *self, const char *name, const char *what)
{
	const int64_t now = cs_clock_mono_ms(), took = now - self->phase_ms;

	if (self->phase_count < SCRIPT_PHASES) {
		self->phases[self->phase_count].name = name;
		self->phases[self->phase_count++].ms = took;
	}
	self->phase_ms = now;
	script_tell(self, "-- %s: %.2f s", what, (double)took / 1000.0);
}

enum cs_err script_until(struct script *self, script_ready *ready, const char *what)
{
	const int64_t end = cs_clock_mono_ms() + WAIT_MS;

	while (!ready(self)) {
		if (demo_interrupted())
			return demo_fail(&self->demo, CS_EAGAIN, "interrupted");
		if (cs_clock_mono_ms() > end)
			return demo_fail(&self->demo, CS_ETIMEOUT, "%s: not within %d s", what,
			        WAIT_MS / 1000);
		for (size_t i = 0; i < DEMO_NODES; i++)
			if (demo_ended(&self->demo.nodes[i]))
				return demo_fail(&self->demo, CS_ECLOSED, "%s ended by itself",
				        self->demo.nodes[i].name);
		usleep(TURN_US);
	}
	return CS_OK;
}

static bool answers(struct demo *demo, const struct demo_node *node)
{
	json_t *doc = demo_status(demo, node);

	json_decref(doc);
	return doc != NULL;
}

bool script_primary_answers(struct script *self)
{
	return answers(&self->demo, &self->demo.nodes[0]);
}

bool script_in_sync(struct script *self)
{
	json_t *doc = demo_status(&self->demo, &self->demo.nodes[0]), *node;
	size_t i, good = 0;

	json_array_foreach(json_object_get(doc, "nodes"), i, node) good +=
	        strcmp(text_at(node, "state"), "in-sync") == 0;
	const bool all = good == DEMO_NODES && strcmp(text_at(doc, "state"), "in-sync") == 0;
	json_decref(doc);
	return all;
}

const struct script_question script_questions[SCRIPT_QUESTIONS] = {
	{ PROBE_SNI, DEMO_SITE },
	{ PROBE_NO_SNI, "" },
	{ PROBE_UNMATCHED, DEMO_UNMATCHED },
};

static bool serves(struct script *self, const struct demo_node *node)
{
	uint32_t us = 0;

	for (size_t i = 0; i < CS_COUNT(script_questions); i++)
		if (demo_handshake(node, script_questions[i].kind, script_questions[i].sni,
		            self->leaf, &us) != CS_OK)
			return false;
	return demo_handshake(node, PROBE_SNI, node->public_host, self->leaf, &us) == CS_OK;
}

bool script_all_serve(struct script *self)
{
	for (size_t i = 0; i < DEMO_NODES; i++)
		if (self->demo.nodes[i].pid != 0 && !serves(self, &self->demo.nodes[i]))
			return false;
	return true;
}

bool script_proven(struct script *self)
{
	json_t *doc = demo_status(&self->demo, &self->demo.nodes[0]), *node;
	size_t i, good = 0;

	json_array_foreach(json_object_get(doc, "nodes"), i, node) good +=
	        strcmp(view_served_kind(node, "sni"), "match") == 0 &&
	        strcmp(view_served_kind(node, "no-sni"), "match") == 0 &&
	        strcmp(view_served_kind(node, "unmatched-sni"), "match") == 0;
	json_decref(doc);
	return good == DEMO_NODES;
}
