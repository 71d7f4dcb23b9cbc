#include "node/prober/round.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/probe/probe.h"
#include "node/prober/verdict.h"
#include "proto/base/clock.h"

#define AT_ONCE 16
#define ANSWER_MS 3000
#define ROUND_MS                                                                                   \
	15000 /* a stalled edge must not hold back the next round; the rest is reported as not     \
	         asked */
#define NO_ROOM_FOR_TEXTS                                                                          \
	200 /* more results than this leave their error texts out, to fit one packet */

struct round;
struct lane {
	struct round *round;
	struct probe *probe;
	size_t which;
	struct loop_timer *deadline;
};
struct round {
	struct loop *loop;
	char address[CS_ENDPOINT_MAX + 1];
	struct wire_packet packet; /* the questions */
	const struct wire_probe_round *asked;
	struct answer {
		uint8_t got[32];
		bool has_got;
		char error[129];
		uint64_t at_ms;
	} * answers;
	size_t next, finished;
	struct lane lanes[AT_ONCE];
	struct loop_timer *kick;
	int64_t began_ms;
	round_done_fn *done;
	void *data;
};

static void fill(void *data);

static void finish(struct lane *lane, const struct probe_answer *result, const char *error)
{
	struct round *self = lane->round;
	struct answer *a = &self->answers[lane->which];

	a->at_ms = (uint64_t)cs_clock_wall_ms();
	a->has_got = result != NULL && result->err == CS_OK;
	if (a->has_got)
		memcpy(a->got, result->sha256, sizeof(a->got));
	snprintf(a->error, sizeof(a->error), "%s", result != NULL ? result->error : error);
	if (lane->probe != NULL && probe_fd(lane->probe) >= 0)
		loop_unwatch(self->loop, probe_fd(lane->probe));
	loop_cancel(self->loop, &lane->deadline);
	self->finished++;
}

static void kick(struct round *self)
{
	if (self->kick == NULL && loop_after(self->loop, 0, fill, self, &self->kick) != CS_OK)
		abort(); /* without a timer nobody would ever hear of this round; the supervisor
		            starts us again */
}

static void step(struct lane *lane)
{
	struct probe_answer answer;
	const int fd = probe_fd(lane->probe);

	const enum cs_err rc = probe_step(lane->probe, &answer);
	if (rc == CS_EAGAIN) {
		if (loop_change(lane->round->loop, fd, probe_events(lane->probe)) == CS_OK)
			return;
	}
	loop_unwatch(lane->round->loop, fd);
	finish(lane, rc == CS_OK ? &answer : NULL, cs_err_text(rc));
	if (rc == CS_OK)
		probe_answer_free(&answer);
	probe_free(&lane->probe);
	kick(lane->round);
}

static void on_ready(void *data, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	step(data);
}

static void on_deadline(void *data)
{
	struct lane *lane = data;

	lane->deadline = NULL;
	step(lane);
}

/* False: this question is answered already. */
static bool ask(struct lane *lane)
{
	struct round *self = lane->round;
	const struct wire_probe *p = &self->asked->probes.v[lane->which];
	const struct probe_question q = { self->address, (enum probe_kind)p->kind, p->sni,
		cs_clock_mono_ms() + ANSWER_MS };

	enum cs_err rc = cs_clock_mono_ms() - self->began_ms > ROUND_MS
	                         ? CS_ETIMEOUT
	                         : probe_start(&q, &lane->probe);
	if (rc == CS_OK && probe_fd(lane->probe) < 0) {
		step(lane); /* it failed at once */
		return false;
	}
	if (rc == CS_OK)
		rc = loop_watch(self->loop, probe_fd(lane->probe), probe_events(lane->probe),
		        on_ready, lane);
	if (rc == CS_OK)
		rc = loop_after(self->loop, ANSWER_MS + 1, on_deadline, lane, &lane->deadline);
	if (rc == CS_OK)
		return true;
	finish(lane, NULL, rc == CS_ETIMEOUT ? "not asked: the edge is too slow" : cs_err_text(rc));
	probe_free(&lane->probe);
	return false;
}

static struct cs_bytes fallback_of(const struct wire_probe_round *asked)
{
	for (size_t i = 0; i < asked->probes.n; i++)
		if (asked->probes.v[i].kind == PROBE_NO_SNI)
			return asked->probes.v[i].want;
	return (struct cs_bytes){ NULL, 0 };
}

static void report(struct round *self)
{
	const struct cs_bytes fallback = fallback_of(self->asked);
	const size_t n = self->asked->probes.n;
	struct wire_probe *v = calloc(n + 1, sizeof(*v));
	struct wire_probed results = { .round = self->asked->round };

	for (size_t i = 0; v != NULL && i < n; i++) {
		const struct answer *a = &self->answers[i];
		v[i] = self->asked->probes.v[i];
		v[i].got = (struct cs_bytes){ a->got, a->has_got ? sizeof(a->got) : 0 };
		v[i].result = verdict(v[i].want, v[i].got, fallback);
		v[i].at_ms = a->at_ms;
		v[i].error = n > NO_ROOM_FOR_TEXTS ? "" : a->error;
	}
	results.probes.v = v;
	results.probes.n = v != NULL ? n : 0;
	self->done(self->data, &results); /* SELF may be gone from here on */
	free(v);
}

static struct lane *idle(struct round *self)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (self->lanes[i].probe == NULL)
			return &self->lanes[i];
	return NULL;
}

static void fill(void *data)
{
	struct round *self = data;

	self->kick = NULL;
	for (struct lane *lane;
	        self->next < self->asked->probes.n && (lane = idle(self)) != NULL;) {
		lane->which = self->next++;
		(void)ask(lane);
	}
	if (self->finished == self->asked->probes.n) {
		loop_cancel(self->loop, &self->kick);
		report(self);
	}
}

enum cs_err round_start(struct loop *loop, const char *address, struct wire_packet *packet,
        round_done_fn *done, void *data, struct round **out)
{
	CS_AUTO(round_free) struct round *self = calloc(1, sizeof(*self));
	const struct wire_probe_round *asked = packet->body;

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->answers = calloc(asked->probes.n + 1, sizeof(*self->answers));
	if (self->answers == NULL)
		return CS_ENOMEM;
	self->loop = loop;
	self->asked = asked;
	self->done = done;
	self->data = data;
	self->began_ms = cs_clock_mono_ms();
	snprintf(self->address, sizeof(self->address), "%s", address);
	for (size_t i = 0; i < AT_ONCE; i++)
		self->lanes[i].round = self;
	CS_TRY(loop_after(loop, 0, fill, self, &self->kick));
	self->packet = *packet;
	*packet = (struct wire_packet){ 0 };
	*out = CS_STEAL(self);
	return CS_OK;
}

void round_free(struct round **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < AT_ONCE; i++) {
		struct lane *lane = &(*self)->lanes[i];
		if (lane->probe != NULL)
			loop_unwatch((*self)->loop, probe_fd(lane->probe));
		if ((*self)->loop != NULL)
			loop_cancel((*self)->loop, &lane->deadline);
		probe_free(&lane->probe);
	}
	if ((*self)->loop != NULL)
		loop_cancel((*self)->loop, &(*self)->kick);
	wire_packet_free(&(*self)->packet);
	free((*self)->answers);
	free(*self);
	*self = NULL;
}
