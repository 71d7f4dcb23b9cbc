#include "node/admin/prune.h"
#include <string.h>

bool prune_due(const struct wire_certificate *life, uint64_t retired_generation,
        uint64_t generation, int64_t now)
{
	return life->state == CERT_RETIRED && life->retired_at > 0 &&
	       (int64_t)life->retired_at + PRUNE_AFTER_DAYS * 86400 < now &&
	       retired_generation + PRUNE_AFTER_GENERATIONS < generation;
}

/* The generation that its successor began; without one all that is known is when it began itself.
 */
static uint64_t retired_by(const struct mirror *mirror, const struct wire_certificate *life)
{
	const struct wire_certificate *next =
	        life->replaced_by[0] != '\0' ? mirror_certificate(mirror, life->replaced_by) : NULL;

	return next != NULL ? next->generation : life->generation;
}

static bool in_plan(const struct plan *plan, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(plan->change[i].id, id) == 0)
			return true;
	return false;
}

static bool is_default(struct mirror *mirror, const char *id)
{
	size_t n;
	const struct mirror_object *const *all = mirror_all(mirror, OBJECT_DEFAULT, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(((const struct wire_default_choice *)all[i]->body)->bundle, id) == 0)
			return true;
	return false;
}

enum cs_err prune_plan(struct mirror *mirror, int64_t now, struct plan *plan)
{
	const size_t own = plan->count;
	const struct scene_cert *certs;
	size_t n, gone = 0;

	CS_TRY(mirror_certs(mirror, &certs, &n));
	for (size_t i = 0; i < n && gone < PRUNE_PER_COMMIT; i++) {
		if (certs[i].state != CERT_RETIRED)
			continue;
		const struct wire_certificate *life = mirror_certificate(mirror, certs[i].id);
		if (!prune_due(life, retired_by(mirror, life), plan->generation, now) ||
		        in_plan(plan, own, certs[i].id) || is_default(mirror, certs[i].id))
			continue;
		CS_TRY(plan_drop(plan, OBJECT_CERTIFICATE, certs[i].id));
		CS_TRY(plan_drop(plan, OBJECT_BUNDLE, certs[i].id));
		gone++;
	}
	return CS_OK;
}
