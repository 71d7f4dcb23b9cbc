/* tls-edge/select/source.h: where certificates come from: the serving environment, or a test.
 * Contracts as in store/serving/serving.h. */
#pragma once
#include "store/serving/serving.h"

struct source {
	void *self;
	enum cs_err (*pick)(void *self, const struct cs_bytes *sni, unsigned can_verify,
	        int64_t now, struct serving_pick *out);
	enum cs_err (*cert)(
	        void *self, const char *id, struct cs_arena *arena, struct serving_cert *out);
};
