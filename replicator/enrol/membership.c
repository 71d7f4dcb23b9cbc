#include "replicator/enrol/membership.h"
#include <stdio.h>
#include <stdlib.h>
#include "proto/base/clock.h"
#include "replicator/driver/own.h"

#define ENROLMENT_S (365 * 86400LL)

struct drafts {
	struct state_change changes[64];
	char ids[64][CS_ID_MAX + 1];
	struct cs_buf payloads[64];
	size_t n;
};

static enum cs_err draft(struct drafts *d, uint32_t kind, const char *id,
        const struct wire_type *type, const void *body)
{
	if (d->n == CS_COUNT(d->changes))
		return CS_ETOOBIG;
	d->payloads[d->n] = cs_buf_new(CS_OBJECT_MAX);
	snprintf(d->ids[d->n], sizeof(d->ids[0]), "%s", id);
	d->n++;
	CS_TRY(wire_encode(type, body, &d->payloads[d->n - 1]));
	d->changes[d->n - 1] = (struct state_change){ kind, d->ids[d->n - 1], false,
		cs_buf_view(&d->payloads[d->n - 1]) };
	return CS_OK;
}

static enum cs_err draft_all(struct replicator *self, struct drafts *d, const struct wire_enrol *e,
        const struct wire_resealed *resealed)
{
	const struct wire_node *known = registry_find(self->registry, e->name);
	struct wire_node node =
	        known != NULL
	                ? *known
	                : (struct wire_node){ .name = e->name, .public_host = "", .internal = "" };
	char id[CS_ID_MAX + 1];

	node.role = e->role;
	node.curve_key = e->curve_key;
	node.sign_key = e->sign_key;
	node.seal_key = e->seal_key;
	node.enrolled_at = (uint64_t)cs_clock_wall_s();
	node.expires_at = node.enrolled_at + ENROLMENT_S;
	node.revoked_at = 0;
	CS_TRY(draft(d, OBJECT_NODE, e->name, &wire_node_type, &node));
	for (size_t i = 0; i < resealed->secrets.n; i++) {
		const struct wire_secret *s = &resealed->secrets.v[i];
		snprintf(id, sizeof(id), "%u.%s", s->epoch, e->name);
		CS_TRY(draft(d, OBJECT_SECRET, id, &wire_secret_type, s));
	}
	return CS_OK;
}

enum cs_err membership_commit(
        struct replicator *self, const struct wire_enrol *e, const struct wire_resealed *resealed)
{
	struct drafts *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return CS_ENOMEM;
	enum cs_err rc = draft_all(self, d, e, resealed);
	const struct state_write write = { .changes = d->changes,
		.count = d->n,
		.epoch = self->reign.epoch,
		.at_ms = (uint64_t)cs_clock_wall_ms(),
		.actor = "join" };
	if (rc == CS_OK)
		rc = replicator_commit(self, &write, 1);
	for (size_t i = 0; i < d->n; i++)
		cs_buf_free(&d->payloads[i]);
	free(d);
	return rc;
}
