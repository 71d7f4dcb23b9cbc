#include "proto/base/log.h"
#include "tls-edge/conn/conn.h"

#define HOLDS_MAX 256 /* held downloads of a worker */
#define READS_MAX 4 /* of one turn: a pipeline of requests must not keep the others waiting */

static void on_hold(void *data);

void answer_end(struct conn *self)
{
	loop_cancel(self->home->parts.loop, &self->hold);
	if (self->hold_left > 0)
		self->home->holds--;
	self->hold_left = 0;
}

static enum cs_err next_line(struct conn *self)
{
	return loop_after(self->home->parts.loop, PAGE_HOLD_MS, on_hold, self, &self->hold);
}

static enum cs_err hold_line(struct conn *self)
{
	const bool last = self->hold_left == 1;
	CS_AUTO(cs_buf_free) struct cs_buf line = cs_buf_new(64);

	conn_enqueue(self, &self->home->idle);
	if (self->out.n == 0) { /* a slow reader misses lines instead of memory */
		CS_TRY(page_write_line(last, &line));
		CS_TRY(conn_write(self, line.p, line.n));
		self->hold_left--;
	}
	if (self->hold_left > 0)
		return next_line(self);
	self->home->holds--;
	return answer_run(self);
}

static void on_hold(void *data)
{
	struct conn *self = data;

	self->hold = NULL;
	if (hold_line(self) != CS_OK)
		conn_close(self);
}

static struct page_facts facts_of(struct conn *self)
{
	struct select_choice *choice = &self->choice;

	if (!choice->made) /* resumed: no choice was needed, so say what there would be */
		(void)(select_look(self->home->parts.select, self->ssl, choice) == CS_OK);
	return (struct page_facts){
		.node = self->home->node,
		.protocol = SSL_get_version(self->ssl),
		.cipher = SSL_get_cipher_name(self->ssl),
		.resumed = SSL_session_reused(self->ssl) == 1,
		.sni_sent = choice->sni.sent,
		.sni = { choice->sni.name, choice->sni.n },
		.picked = choice->made,
		.pick = &choice->pick,
	};
}

static enum cs_err answer(struct conn *self, struct page_request *request)
{
	CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(PAGE_ANSWER_MAX * 2);
	const struct page_facts facts = facts_of(self);
	const bool hold = request->status == 200 && request->hold_s > 0 && !request->head;

	request->close |= self->home->draining;
	self->in_end = request->close;
	conn_enqueue(self, &self->home->idle);
	if (hold && self->home->holds >= HOLDS_MAX) {
		self->in_end = true;
		CS_TRY(page_write_error(503, &out));
		return conn_write(self, out.p, out.n);
	}
	CS_TRY(page_write(request, &facts, &out));
	CS_TRY(conn_write(self, out.p, out.n));
	if (!hold)
		return CS_OK;
	self->home->holds++;
	self->hold_left = request->hold_s * 1000 / PAGE_HOLD_MS;
	return next_line(self);
}

/* The next request of self->in. CS_EAGAIN: it is not whole. */
static enum cs_err serve(struct conn *self)
{
	struct page_request request;
	size_t used;
	const enum cs_err rc = page_read(cs_buf_view(&self->in), &request, &used);

	if (rc == CS_ETOOBIG) {
		CS_AUTO(cs_buf_free) struct cs_buf out = cs_buf_new(PAGE_ANSWER_MAX);
		self->in_end = true;
		CS_TRY(page_write_error(431, &out));
		return conn_write(self, out.p, out.n);
	}
	CS_TRY(rc);
	cs_buf_consume(&self->in, used);
	if (self->in.n == 0)
		cs_buf_free(&self->in);
	return answer(self, &request);
}

static enum cs_err wait_client(struct conn *self)
{
	if (self->out.n > 0 || self->write_first)
		return conn_want(self, &self->client, EPOLLOUT);
	return conn_want(self, &self->client, self->hold_left > 0 ? 0 : EPOLLIN);
}

enum cs_err answer_run(struct conn *self)
{
	int reads = 0;

	CS_TRY(conn_flush(self));
	while (self->out.n == 0 && self->hold_left == 0) {
		if (self->in_end)
			return conn_linger(self);
		enum cs_err rc = serve(self);
		if (rc == CS_OK)
			continue;
		size_t n = 0;
		if (rc == CS_EAGAIN)
			rc = reads++ < READS_MAX ? conn_read(self, &n) : CS_EAGAIN;
		if (rc == CS_EAGAIN)
			break;
		self->in_end = rc == CS_ECLOSED; /* the client said goodbye: so do we */
		if (rc != CS_ECLOSED)
			CS_TRY(rc);
		CS_TRY(cs_buf_add(&self->in, self->home->scratch, n));
	}
	return wait_client(self);
}
