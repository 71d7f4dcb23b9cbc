#include "node/cli/support/archive.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include "store/pki/keyscan.h"

#define DOS_DATE 0x21 /* 1980-01-01: one and the same for all */
#define MODE_FILE (0100644u << 16)
#define NAME_BYTES 200
#define PART_BYTES 16384

struct member {
	char name[NAME_BYTES];
	struct cs_buf bytes;
};
struct archive {
	struct member *members;
	size_t count, total;
};

enum cs_err archive_new(struct archive **out)
{
	struct archive *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->members = calloc(ARCHIVE_MEMBERS_MAX, sizeof(*self->members));
	if (self->members != NULL)
		return CS_OK;
	archive_free(out);
	return CS_ENOMEM;
}

void archive_free(struct archive **self)
{
	if (*self == NULL)
		return;
	for (size_t i = 0; i < (*self)->count; i++)
		cs_buf_free(&(*self)->members[i].bytes);
	free((*self)->members);
	free(*self);
	*self = NULL;
}

enum cs_err archive_add(struct archive *self, const char *name, struct cs_bytes bytes)
{
	if (self->count == ARCHIVE_MEMBERS_MAX || strlen(name) >= NAME_BYTES ||
	        bytes.n > ARCHIVE_BYTES_MAX - self->total)
		return CS_ETOOBIG;
	for (size_t i = 0; i < self->count; i++)
		if (strcmp(self->members[i].name, name) == 0)
			return CS_EEXISTS;
	struct member *m = &self->members[self->count];
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->bytes = cs_buf_new(ARCHIVE_BYTES_MAX);
	CS_TRY(cs_buf_add(&m->bytes, bytes.p, bytes.n));
	self->count++;
	self->total += bytes.n;
	return CS_OK;
}

size_t archive_count(const struct archive *self)
{
	return self->count;
}

const char *archive_member(const struct archive *self, size_t i, struct cs_bytes *bytes)
{
	*bytes = cs_buf_view(&self->members[i].bytes);
	return self->members[i].name;
}

static void zip_done(zip_t **zip)
{
	if (*zip != NULL)
		zip_discard(*zip);
	*zip = NULL;
}

static void source_done(zip_source_t **source)
{
	if (*source != NULL)
		zip_source_free(*source);
	*source = NULL;
}

static enum cs_err put(zip_t *zip, const struct member *m)
{
	zip_source_t *bytes = zip_source_buffer(zip, m->bytes.p, m->bytes.n, 0);
	const zip_int64_t at =
	        bytes != NULL ? zip_file_add(zip, m->name, bytes, ZIP_FL_ENC_UTF_8) : -1;

	if (at < 0) {
		source_done(&bytes);
		return CS_ENOMEM;
	}
	if (zip_file_set_dostime(zip, (zip_uint64_t)at, 0, DOS_DATE, 0) != 0 ||
	        zip_file_set_external_attributes(
	                zip, (zip_uint64_t)at, 0, ZIP_OPSYS_UNIX, MODE_FILE) != 0 ||
	        zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_DEFLATE, 9) != 0)
		return CS_ENOMEM;
	return CS_OK;
}

static enum cs_err drain(zip_source_t *source, struct cs_buf *out)
{
	uint8_t part[PART_BYTES];
	zip_int64_t n;

	if (zip_source_open(source) != 0)
		return CS_EIO;
	while ((n = zip_source_read(source, part, sizeof(part))) > 0)
		if (cs_buf_add(out, part, (size_t)n) != CS_OK)
			break;
	zip_source_close(source);
	return n == 0 ? CS_OK : CS_EIO;
}

enum cs_err archive_pack(const struct archive *self, struct cs_buf *out)
{
	CS_AUTO(source_done) zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);

	if (source == NULL)
		return CS_ENOMEM;
	CS_AUTO(zip_done) zip_t *zip = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
	if (zip == NULL)
		return CS_ENOMEM;
	zip_source_keep(source); /* it outlives the archive: it is read below */
	for (size_t i = 0; i < self->count; i++)
		CS_TRY(put(zip, &self->members[i]));
	if (zip_close(zip) != 0)
		return CS_EIO;
	zip = NULL;
	return drain(source, out);
}

static enum cs_err read_back(zip_t *zip, zip_uint64_t i, struct cs_buf *out)
{
	uint8_t part[PART_BYTES];
	zip_int64_t n;
	zip_file_t *file = zip_fopen_index(zip, i, 0);

	if (file == NULL)
		return CS_EMALFORMED;
	while ((n = zip_fread(file, part, sizeof(part))) > 0)
		if (cs_buf_add(out, part, (size_t)n) != CS_OK)
			break;
	return zip_fclose(file) == 0 && n == 0 ? CS_OK : CS_EMALFORMED;
}

static enum cs_err inspect_one(
        zip_t *zip, zip_uint64_t i, struct cs_arena *arena, const char **member, const char **what)
{
	CS_AUTO(cs_buf_free) struct cs_buf bytes = cs_buf_new(ARCHIVE_BYTES_MAX);
	const char *name = zip_get_name(zip, i, 0);
	bool failed = false, failed_name = false;

	if (name == NULL)
		return CS_EMALFORMED;
	*member = cs_arena_text(arena, name, strlen(name));
	CS_TRY(read_back(zip, i, &bytes));
	*what = pki_keyscan(cs_bytes_of(name), &failed_name);
	if (*what == NULL)
		*what = pki_keyscan(cs_buf_view(&bytes), &failed);
	if (failed || failed_name || *member == NULL)
		return CS_ENOMEM;
	return *what == NULL ? CS_OK : CS_EREFUSED;
}

enum cs_err archive_inspect(
        struct cs_bytes bytes, struct cs_arena *arena, const char **member, const char **what)
{
	zip_source_t *source = zip_source_buffer_create(bytes.p, bytes.n, 0, NULL);

	*member = *what = "";
	if (source == NULL)
		return CS_ENOMEM;
	CS_AUTO(zip_done)
	zip_t *zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
	if (zip == NULL) {
		source_done(&source);
		return CS_EMALFORMED;
	}
	const zip_int64_t n = zip_get_num_entries(zip, 0);
	for (zip_int64_t i = 0; i < n; i++)
		CS_TRY(inspect_one(zip, (zip_uint64_t)i, arena, member, what));
	return n > 0 ? CS_OK : CS_EMALFORMED;
}
