/* node/admin/doomed.h: what would break without some certificates: defaults, hostnames, chains.
 * Pure. */
#pragma once
#include "node/admin/gate.h"

/* A CA certificate of the pool. */
struct doomed_ca {
	const char *id;
	const struct pki_cert *cert;
};
/* An Active certificate whose path leads through a CA certificate. */
struct doomed_need {
	const char *ca; /* id of the CA certificate */
	const struct scene_cert *cert;
};

/* SCENE without the certificates IDS and without the defaults that name them. In ARENA. */
CS_MUST enum cs_err doomed_scene(const struct scene *scene, struct wire_texts ids,
        struct cs_arena *arena, struct scene *out);
/* Which Active certificates of SCENE have a path that needs GONE: by name, upwards through POOL,
 * and no other member of POOL has the same subject and key. At most MAX into OUT; returns how many
 * there are. */
size_t doomed_needs(const struct scene *scene, const struct doomed_ca *pool, size_t pool_count,
        const struct doomed_ca *gone, struct doomed_need *out, size_t max);
