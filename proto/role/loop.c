#include "proto/role/loop.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "proto/base/clock.h"

#define EVENTS_PER_TURN 64

struct watch {
	loop_fd_fn *fn;
	void *data;
	uint32_t generation; /* tells an event of a closed descriptor from one of its successor */
};

struct loop_timer {
	struct loop_timer *next;
	int64_t due;
	loop_timer_fn *fn;
	void *data;
};

struct loop {
	int epoll;
	struct watch *watches; /* by descriptor */
	size_t size;
	uint32_t generation;
	struct loop_timer *timers; /* earliest first */
	bool stop;
};

enum cs_err loop_new(struct loop **out)
{
	struct loop *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (self->epoll < 0) {
		free(self);
		return cs_err_errno(errno);
	}
	*out = self;
	return CS_OK;
}

static enum cs_err grow(struct loop *self, size_t fd)
{
	if (fd < self->size)
		return CS_OK;
	size_t size = self->size != 0 ? self->size : 64;
	while (size <= fd)
		size *= 2;
	struct watch *w = realloc(self->watches, size * sizeof(*w));
	if (w == NULL)
		return CS_ENOMEM;
	for (size_t i = self->size; i < size; i++)
		w[i] = (struct watch){ 0 };
	self->watches = w;
	self->size = size;
	return CS_OK;
}

static enum cs_err control(struct loop *self, int op, int fd, uint32_t events)
{
	const uint64_t key = (uint64_t)self->watches[fd].generation << 32 | (uint32_t)fd;
	struct epoll_event e = { .events = events, .data.u64 = key };

	return epoll_ctl(self->epoll, op, fd, &e) == 0 ? CS_OK : cs_err_errno(errno);
}

enum cs_err loop_watch(struct loop *self, int fd, uint32_t events, loop_fd_fn *fn, void *data)
{
	CS_TRY(grow(self, (size_t)fd));
	self->watches[fd] = (struct watch){ fn, data, ++self->generation };
	return control(self, EPOLL_CTL_ADD, fd, events);
}

enum cs_err loop_change(struct loop *self, int fd, uint32_t events)
{
	return control(self, EPOLL_CTL_MOD, fd, events);
}

void loop_unwatch(struct loop *self, int fd)
{
	if (fd < 0 || (size_t)fd >= self->size || self->watches[fd].fn == NULL)
		return;
	self->watches[fd] = (struct watch){ 0 };
	(void)epoll_ctl(self->epoll, EPOLL_CTL_DEL, fd, NULL);
}

enum cs_err loop_after(
        struct loop *self, int64_t delay_ms, loop_timer_fn *fn, void *data, struct loop_timer **out)
{
	struct loop_timer *t = malloc(sizeof(*t));

	if (t == NULL)
		return CS_ENOMEM;
	*t = (struct loop_timer){ NULL, cs_clock_mono_ms() + delay_ms, fn, data };
	struct loop_timer **at = &self->timers;
	while (*at != NULL && (*at)->due <= t->due)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	if (out != NULL)
		*out = t;
	return CS_OK;
}

void loop_cancel(struct loop *self, struct loop_timer **timer)
{
	struct loop_timer *t = CS_STEAL(*timer);

	for (struct loop_timer **at = &self->timers; t != NULL && *at != NULL; at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		free(t);
		return;
	}
}

static void fire_due(struct loop *self)
{
	const int64_t now = cs_clock_mono_ms();

	while (self->timers != NULL && self->timers->due <= now && !self->stop) {
		struct loop_timer *t = self->timers;
		self->timers = t->next;
		loop_timer_fn *fn = t->fn;
		void *data = t->data;
		free(t);
		fn(data);
	}
}

static int wait_ms(const struct loop *self, int64_t max_ms)
{
	if (self->timers == NULL)
		return (int)max_ms;
	int64_t left = self->timers->due - cs_clock_mono_ms();
	left = left < 0 ? 0 : left > 60000 ? 60000 : left;
	return (int)(max_ms >= 0 && max_ms < left ? max_ms : left);
}

enum cs_err loop_turn(struct loop *self, int64_t max_ms)
{
	struct epoll_event events[EVENTS_PER_TURN];

	const int n = epoll_wait(self->epoll, events, EVENTS_PER_TURN, wait_ms(self, max_ms));
	if (n < 0 && errno != EINTR)
		return cs_err_errno(errno);
	fire_due(self);
	for (int i = 0; i < n && !self->stop; i++) {
		const size_t fd = (uint32_t)events[i].data.u64;
		const struct watch w = self->watches[fd];
		if (w.fn != NULL && w.generation == events[i].data.u64 >> 32)
			w.fn(w.data, (int)fd, events[i].events);
	}
	return CS_OK;
}

enum cs_err loop_run(struct loop *self)
{
	self->stop = false;
	while (!self->stop)
		CS_TRY(loop_turn(self, -1));
	return CS_OK;
}

void loop_stop(struct loop *self)
{
	self->stop = true;
}

void loop_free(struct loop **self)
{
	if (*self == NULL)
		return;
	while ((*self)->timers != NULL) {
		struct loop_timer *t = (*self)->timers;
		(*self)->timers = t->next;
		free(t);
	}
	close((*self)->epoll);
	free((*self)->watches);
	free(*self);
	*self = NULL;
}
