#include "node/keyd/opener.h"
#include <stdlib.h>
#include <string.h>
#include "node/keyd/numbers.h"
#include "proto/base/limits.h"
#include "proto/base/log.h"

#define QUEUE_MAX 1000000u
#define PATIENCE_MS 5000 /* for store and secret to arrive; then the answer is what is wrong */
#define PAUSE_MS 50

struct item {
	int64_t since_ms;
	char id[CS_ID_MAX + 1];
};
struct opener {
	struct keybox *box;
	struct vault *vault;
	struct item *items; /* [at, n) wait */
	size_t at, n, room;
	int64_t pause_until_ms;
	struct cs_buf wrapped;
	char answered[CS_ID_MAX + 1];
};

enum cs_err opener_new(struct keybox *box, struct vault *vault, struct opener **out)
{
	struct opener *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->box = box;
	self->vault = vault;
	self->wrapped = cs_buf_new(NUMBERS_WRAPPED_MAX);
	return CS_OK;
}

static enum cs_err make_room(struct opener *self, size_t more)
{
	if (self->at > 0) {
		memmove(self->items, self->items + self->at,
		        (self->n - self->at) * sizeof(*self->items));
		self->n -= self->at;
		self->at = 0;
	}
	if (self->n + more > QUEUE_MAX)
		return CS_ETOOBIG;
	if (self->n + more <= self->room)
		return CS_OK;
	const size_t room = 2 * (self->n + more);
	struct item *items = realloc(self->items, room * sizeof(*items));
	if (items == NULL)
		return CS_ENOMEM;
	self->items = items;
	self->room = room;
	return CS_OK;
}

enum cs_err opener_add(struct opener *self, const struct wire_open *request, int64_t now_ms)
{
	CS_TRY(make_room(self, request->bundles.n));
	for (size_t i = 0; i < request->bundles.n; i++) {
		struct item *item = &self->items[self->n++];
		item->since_ms = now_ms;
		const size_t n = strnlen(request->bundles.v[i], CS_ID_MAX);
		memcpy(item->id, request->bundles.v[i], n);
		item->id[n] = '\0';
	}
	return CS_OK;
}

bool opener_ready(const struct opener *self, int64_t now_ms)
{
	return self->at < self->n && now_ms >= self->pause_until_ms;
}

size_t opener_waiting(const struct opener *self)
{
	return self->n - self->at;
}

static enum cs_err open_one(struct opener *self, const char *id)
{
	CS_AUTO(signkey_free) struct signkey *key = NULL;

	CS_TRY(vault_open(self->vault, id, &key, &self->wrapped));
	return keybox_put(self->box, id, false, &key);
}

enum cs_err opener_next(struct opener *self, int64_t now_ms, struct wire_opened *opened)
{
	const struct item *item = &self->items[self->at];

	self->wrapped.n = 0;
	const enum cs_err rc = open_one(self, item->id);
	if ((rc == CS_ELOCKED || rc == CS_ENOTFOUND) && now_ms - item->since_ms < PATIENCE_MS) {
		self->pause_until_ms = now_ms + PAUSE_MS;
		return CS_EAGAIN;
	}
	if (rc != CS_OK)
		cs_log_with(CS_LOG_WARNING, (struct cs_log_fields){ .cert = item->id },
		        "cannot open the bundle: %s; it is not served from here until that is "
		        "mended",
		        cs_err_text(rc));
	memcpy(self->answered, item->id, sizeof(self->answered));
	self->at++;
	*opened = (struct wire_opened){ self->answered, rc == CS_OK ? "" : cs_err_name(rc),
		{ NULL, 0 } };
	if (rc == CS_OK)
		opened->wrapped = cs_buf_view(&self->wrapped);
	return CS_OK;
}

void opener_clear(struct opener *self)
{
	self->at = self->n = 0;
}

void opener_free(struct opener **self)
{
	if (*self == NULL)
		return;
	cs_buf_free(&(*self)->wrapped);
	free((*self)->items);
	free(*self);
	*self = NULL;
}
