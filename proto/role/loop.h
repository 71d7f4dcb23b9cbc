/* proto/role/loop.h: one epoll loop of one thread: descriptors and timers. Callbacks run on the
 * loop's thread and may add and drop any descriptor or timer, their own too. */
#pragma once
#include <sys/epoll.h>
#include "proto/base/cs.h"

struct loop;
struct loop_timer;
typedef void loop_fd_fn(
        void *data, int fd, uint32_t events); /* events: EPOLLIN, EPOLLOUT, EPOLLHUP ... */
typedef void loop_timer_fn(void *data);

CS_MUST enum cs_err loop_new(struct loop **out);
/* Watches FD; level-triggered. The loop never closes it. */
CS_MUST enum cs_err loop_watch(
        struct loop *self, int fd, uint32_t events, loop_fd_fn *fn, void *data);
CS_MUST enum cs_err loop_change(struct loop *self, int fd, uint32_t events);
void loop_unwatch(struct loop *self, int fd); /* before close(fd) */
/* Fires once after DELAY ms. The timer is gone when it has fired. */
CS_MUST enum cs_err loop_after(struct loop *self, int64_t delay_ms, loop_timer_fn *fn, void *data,
        struct loop_timer **out);
void loop_cancel(struct loop *self, struct loop_timer **timer); /* NULL-safe; leaves *TIMER NULL */
/* Runs until loop_stop. One turn: due timers, then descriptors. */
CS_MUST enum cs_err loop_run(struct loop *self);
/* One turn that waits at most MAX_MS (-1: until something happens). */
CS_MUST enum cs_err loop_turn(struct loop *self, int64_t max_ms);
void loop_stop(struct loop *self);
void loop_free(struct loop **self);
