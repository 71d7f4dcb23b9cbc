/* node/cli/support/archive.h: the members of a support bundle and its ZIP form. Equal members make
 * equal bytes: fixed times, in the order in which they were added. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

#define ARCHIVE_BYTES_MAX (64u << 20)
#define ARCHIVE_MEMBERS_MAX 4096

struct archive;
CS_MUST enum cs_err archive_new(struct archive **out);
void archive_free(struct archive **self);
/* A copy of BYTES as NAME ("certs/ID.cer"). CS_ETOOBIG, CS_EEXISTS, CS_ENOMEM. */
CS_MUST enum cs_err archive_add(struct archive *self, const char *name, struct cs_bytes bytes);
size_t archive_count(const struct archive *self);
const char *archive_member(const struct archive *self, size_t i, struct cs_bytes *bytes);

/* Appends the ZIP file to OUT. */
CS_MUST enum cs_err archive_pack(const struct archive *self, struct cs_buf *out);
/* Reads a ZIP file back, every member and name of it, and looks for keys. CS_EREFUSED: *MEMBER and
 * *WHAT say where and what (MEMBER lives in ARENA); CS_EMALFORMED: it cannot be read back. */
CS_MUST enum cs_err archive_inspect(
        struct cs_bytes zip, struct cs_arena *arena, const char **member, const char **what);
