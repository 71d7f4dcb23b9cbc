/* node/config/judge.h: one value of the file at a time: reads it or complains with its place. */
#pragma once
#include "node/config/raw.h"
#include "proto/base/buf.h"
#include "proto/wire/codec.h"

struct judge {
	const char *file, *text; /* the YAML, for places */
	const char *folder; /* of FILE; relative paths count from it */
	struct cs_arena *arena;
	struct cs_buf *complaint;
};

/* Appends `FILE:LINE:COL PATH: ...` and returns CS_ECONFIG. VALUE: what stands there, NULL =
 * whatever follows the key. */
CS_MUST enum cs_err judge_refuse(const struct judge *self, const char *path, const char *value,
        const char *fmt, ...) CS_PRINTF(4, 5);
/* Each: RAW NULL takes FALLBACK. */
CS_MUST enum cs_err judge_folder(const struct judge *self, const char *path, const char *raw,
        const char *fallback, const char **out);
CS_MUST enum cs_err judge_number(const struct judge *self, const char *path, const unsigned *raw,
        unsigned fallback, unsigned least, unsigned most, uint32_t *out);
CS_MUST enum cs_err judge_size(const struct judge *self, const char *path, const char *raw,
        uint64_t fallback, uint64_t *out);
/* "auto" or a number; *OUT is resolved to the CPUs of this process. */
CS_MUST enum cs_err judge_workers(
        const struct judge *self, const char *path, const char *raw, uint32_t *out);
/* "", tcp:HOST:PORT, unix:PATH (made absolute). */
CS_MUST enum cs_err judge_upstream(
        const struct judge *self, const char *path, const char *raw, const char **out);
/* An address to bind: a literal one with a port that is not 0. */
CS_MUST enum cs_err judge_listen(const struct judge *self, const char *path, const char *raw);
/* Listen addresses, no two alike. */
CS_MUST enum cs_err judge_listens(const struct judge *self, const char *path,
        const struct raw_list *raw, struct wire_texts *out);
/* "HOST:PORT KEY", KEY being 64 hex digits. */
CS_MUST enum cs_err judge_upstreams(const struct judge *self, const char *path,
        const struct raw_list *raw, struct wire_texts *out);
