#include "node/keyd/edges.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS_MAX 1024
#define REQUESTS_PER_TURN 32 /* then the other edges have their turn */

/* A packet is worked off from in_at to in_n; what could not be sent waits in out. While one is
 * unfinished no other is read, so an edge that does not read its replies holds up itself alone. */
struct edge {
	struct edges *all;
	unsigned index;
	int fd;
	bool writing; /* the loop waits for room, not for requests */
	size_t in_at, in_n, out_n;
	uint8_t in[SIGN_PACKET_MAX], out[SIGN_PACKET_MAX];
};

struct edges {
	struct loop *loop;
	struct signer *signer;
	size_t count;
	uint64_t served;
	struct edge *edge[WORKERS_MAX]; /* by worker */
};

enum cs_err edges_new(struct loop *loop, struct signer *signer, struct edges **out)
{
	struct edges *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->loop = loop;
	self->signer = signer;
	return CS_OK;
}

static void detach(struct edge *edge)
{
	loop_unwatch(edge->all->loop, edge->fd);
	close(edge->fd);
	edge->all->edge[edge->index] = NULL;
	edge->all->count--;
	free(edge);
}

/* CS_EAGAIN: the edge has no room; out is kept. */
static enum cs_err flush(struct edge *edge)
{
	if (edge->out_n == 0)
		return CS_OK;
	ssize_t n;
	do
		n = send(edge->fd, edge->out, edge->out_n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == ENOBUFS ? CS_EAGAIN : CS_ECLOSED;
	edge->out_n = 0;
	return CS_OK;
}

static enum cs_err reply_to(struct edge *edge, const struct sign_request *request)
{
	struct sign_reply reply;

	signer_answer(edge->all->signer, request, &reply);
	edge->all->served++;
	const size_t n = sign_reply_put(edge->out, edge->out_n, &reply);
	if (n == 0)
		return CS_EBUG; /* work keeps room for one */
	edge->out_n = n;
	return CS_OK;
}

/* The rest of a malformed packet is dropped: its requests run into the edge's own time-out. */
static enum cs_err next_request(struct edge *edge, struct sign_request *request)
{
	struct cs_bytes left = { edge->in + edge->in_at, edge->in_n - edge->in_at };
	const enum cs_err rc = sign_request_take(&left, request);

	if (rc == CS_EMALFORMED)
		signer_refuse(edge->all->signer, NULL, "a malformed request");
	edge->in_at = rc == CS_OK ? edge->in_n - left.n : edge->in_n;
	return rc;
}

static enum cs_err work(struct edge *edge)
{
	struct sign_request request;

	for (int i = 0; i < REQUESTS_PER_TURN; i++) {
		if (SIGN_PACKET_MAX - edge->out_n < sizeof(struct sign_reply))
			CS_TRY(flush(edge));
		if (next_request(edge, &request) != CS_OK)
			break;
		CS_TRY(reply_to(edge, &request));
	}
	return flush(edge);
}

/* Reads a packet, if the last one is done. */
static enum cs_err refill(struct edge *edge)
{
	if (edge->in_at < edge->in_n || edge->out_n > 0)
		return CS_OK;
	const ssize_t n = recv(edge->fd, edge->in, sizeof(edge->in), MSG_DONTWAIT | MSG_TRUNC);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return CS_ECLOSED;
	edge->in_at = 0;
	edge->in_n = n > 0 && (size_t)n <= sizeof(edge->in) ? (size_t)n : 0;
	if (n > 0 && edge->in_n == 0)
		signer_refuse(edge->all->signer, NULL, "a packet over the limit");
	return CS_OK;
}

static enum cs_err turn(struct edge *edge)
{
	CS_TRY(refill(edge));
	const enum cs_err rc = work(edge);
	if (rc != CS_OK && rc != CS_EAGAIN)
		return rc;
	const bool writing = edge->out_n > 0 || edge->in_at < edge->in_n;
	if (writing == edge->writing)
		return CS_OK;
	edge->writing = writing;
	return loop_change(edge->all->loop, edge->fd, writing ? EPOLLOUT : EPOLLIN);
}

static void on_edge(void *data, int fd, uint32_t events)
{
	struct edge *edge = data;

	(void)fd;
	(void)events; /* an end shows itself as a read of 0 or a failed send */
	if (turn(edge) != CS_OK)
		detach(edge);
}

enum cs_err edges_attach(struct edges *self, unsigned index, int fd)
{
	struct edge *edge = index < WORKERS_MAX ? malloc(sizeof(*edge)) : NULL;

	if (edge == NULL) {
		close(fd);
		return index < WORKERS_MAX ? CS_ENOMEM : CS_EMALFORMED;
	}
	if (self->edge[index] != NULL)
		detach(self->edge[index]);
	edge->all = self;
	edge->index = index;
	edge->fd = fd;
	edge->writing = false;
	edge->in_at = edge->in_n = edge->out_n = 0;
	self->edge[index] = edge;
	self->count++;
	const enum cs_err rc = loop_watch(self->loop, fd, EPOLLIN, on_edge, edge);
	if (rc != CS_OK)
		detach(edge);
	return rc;
}

size_t edges_count(const struct edges *self)
{
	return self->count;
}

uint64_t edges_served(const struct edges *self)
{
	return self->served;
}

void edges_free(struct edges **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if ((*self)->edge[i] != NULL)
			detach((*self)->edge[i]);
	free(*self);
	*self = NULL;
}
