/* node/import/upload.h: what the files of one upload hold, ready to be told. */
#pragma once
#include "proto/wire/control.h"
#include "store/pki/intake.h"

struct upload {
	struct intake *intake;
	struct cs_arena *arena;
	enum cs_err err; /* why nothing can be taken; CS_OK otherwise */
	const char *reason; /* a sentence then */
	const struct intake_pair *pairs;
	size_t pair_count, key_count; /* key_count: pairs that have a key */
	const struct wire_finding *findings;
	size_t finding_count;
};

/* Reads the files of DOOR, which must outlive *OUT. CS_OK also when the content is refused: see
 * err. Free *OUT in every case. */
CS_MUST enum cs_err upload_read(const struct wire_door *door, struct upload *out);
/* CA certificates that are not in the chain of PAIR (NULL: all), at most MAX_BYTES together; in the
 * arena. */
CS_MUST enum cs_err upload_cas(const struct upload *self, const struct intake_pair *pair,
        size_t max_bytes, struct wire_blobs *out);
void upload_free(struct upload *self);
