#include "tls-edge/select/attach.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "proto/base/clock.h"
#include "proto/base/log.h"

#define LOOK_EVERY_MS 100

struct attach {
	char dir[PATH_MAX], data[PATH_MAX];
	size_t map_size;
	struct serving *serving;
	ino_t inode; /* of the data file that serving has open */
	int64_t looked;
	enum cs_err said; /* the last failure that was logged */
};

enum cs_err attach_new(const char *dir, size_t map_size, struct attach **out)
{
	struct attach *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (self == NULL)
		return CS_ENOMEM;
	self->map_size = map_size;
	const int n = snprintf(self->dir, sizeof(self->dir), "%s", dir);
	const int m = snprintf(self->data, sizeof(self->data), "%s/data.mdb", dir);
	if (n < 0 || m < 0 || (size_t)m >= sizeof(self->data)) {
		free(self);
		return CS_ETOOBIG;
	}
	*out = self;
	return CS_OK;
}

/* The old view serves until the new one is whole: the replicator may be deriving it right now. */
static void open_view(struct attach *self, ino_t inode)
{
	struct serving *fresh;
	const enum cs_err rc = serving_attach(self->dir, self->map_size, &fresh);

	if (rc == CS_OK) {
		serving_detach(&self->serving);
		self->serving = fresh;
		self->inode = inode;
		cs_info("serving environment attached");
	} else if (rc != CS_ENOTFOUND && rc != self->said) {
		cs_error(
		        "cannot open the serving environment %s: %s; tried again at each handshake",
		        self->dir, cs_err_text(rc));
	}
	self->said = rc;
}

void attach_try(struct attach *self)
{
	struct stat st;
	const int64_t now = cs_clock_mono_ms();

	if (self->looked != 0 && now - self->looked < LOOK_EVERY_MS)
		return;
	self->looked = now;
	if (stat(self->data, &st) != 0)
		return; /* an open view stays good without its name */
	if (self->serving == NULL || st.st_ino != self->inode)
		open_view(self, st.st_ino);
}

static enum cs_err why_not(const struct attach *self)
{
	return self->said == CS_OK ? CS_ENOTFOUND : self->said;
}

static enum cs_err pick(void *data, const struct cs_bytes *sni, unsigned can_verify, int64_t now,
        struct serving_pick *out)
{
	struct attach *self = data;

	attach_try(self);
	if (self->serving == NULL)
		return why_not(self);
	return serving_pick(self->serving, sni, can_verify, now, out);
}

static enum cs_err cert(
        void *data, const char *id, struct cs_arena *arena, struct serving_cert *out)
{
	struct attach *self = data;

	return self->serving != NULL ? serving_cert(self->serving, id, arena, out) : why_not(self);
}

struct source attach_source(struct attach *self)
{
	return (struct source){ self, pick, cert };
}

void attach_free(struct attach **self)
{
	if (*self == NULL)
		return;
	serving_detach(&(*self)->serving);
	free(*self);
	*self = NULL;
}
