/* node/admin/gate.h: why a planned change is refused (design section 6). Pure: two scenes, before
 * and after.
 *
 * A change of the active set may not make a host name worse: one that had a certificate by SNI, or
 * was vouched for by the default, must keep it. A default choice must vouch for every host name of
 * the nodes that would present it, since a client without SNI gets nothing else. Names that the
 * admin accepts are left out. */
#pragma once
#include "node/admin/coverage.h"

struct gate_loss {
	const char *host;
	const char *node; /* NULL: the site */
	const char *text; /* a sentence */
};
struct gate {
	struct gate_loss *loss;
	size_t count;
};

/* What AFTER takes away from BEFORE. Everything lives in ARENA. */
CS_MUST enum cs_err gate_change(const struct scene *before, const struct scene *after,
        struct wire_texts accepted, struct cs_arena *arena, struct gate *out);
/* What the default of AFTER does not vouch for, on NODE, or (NULL) for the site and on every node
 * without its own choice. */
CS_MUST enum cs_err gate_default(const struct scene *after, const char *node,
        struct wire_texts accepted, struct cs_arena *arena, struct gate *out);
/* What no Active certificate vouches for, on NODE (NULL: anywhere). */
CS_MUST enum cs_err gate_uncovered(const struct scene *after, const char *node,
        struct wire_texts accepted, struct cs_arena *arena, struct gate *out);
/* "p1.example.com, b1.example.com and 3 more" into OUT. */
const char *gate_names(const struct gate *self, char *out, size_t size);
