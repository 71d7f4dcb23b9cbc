/* Whom a follower may dial, in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "replicator/driver/own.h"

static void add_upstream(
        struct replicator *self, const char *address, const char *name, struct cs_bytes key)
{
	struct upstream *v = realloc(self->upstreams, (self->upstream_count + 1) * sizeof(*v));

	if (v == NULL) {
		self->fatal = CS_ENOMEM;
		return;
	}
	self->upstreams = v;
	struct upstream *u = &v[self->upstream_count++];
	*u = (struct upstream){ .name = "" };
	snprintf(u->address, sizeof(u->address), "%s", address);
	snprintf(u->name, sizeof(u->name), "%s", name);
	memcpy(u->key, key.p, 32);
}

/* "HOST:PORT KEY" of the configuration. */
static void add_configured(struct replicator *self, const char *text)
{
	char address[CS_ENDPOINT_MAX + 1];
	uint8_t key[32];
	const char *blank = strchr(text, ' ');
	const size_t n = blank != NULL ? (size_t)(blank - text) : 0;

	if (n == 0 || n > CS_ENDPOINT_MAX || cs_unhex(blank + 1, key, 32) != CS_OK) {
		cs_warning(
		        "upstream \"%s\" of the configuration is not HOST:PORT KEY; it is left out",
		        text);
		return;
	}
	snprintf(address, sizeof(address), "%.*s", (int)n, text);
	add_upstream(self, address, address, (struct cs_bytes){ key, 32 });
}

/* The leader of the allegiance, the other pair members, then what the configuration adds. */
void follow_upstreams(struct replicator *self)
{
	self->upstream_count = 0;
	for (int others = 0; others < 2; others++)
		for (size_t i = 0; i < registry_count(self->registry); i++) {
			const struct wire_node *n = registry_at(self->registry, i);
			if (node_of_pair(n) && n->internal[0] != '\0' && n->curve_key.n == 32 &&
			        n->revoked_at == 0 && strcmp(n->name, self->name) != 0 &&
			        (strcmp(n->name, self->reign.leader) != 0) == others)
				add_upstream(self, n->internal, n->name, n->curve_key);
		}
	const struct wire_texts *extra = &self->role.config->upstreams;
	for (size_t i = 0; i < extra->n; i++)
		add_configured(self, extra->v[i]);
	const bool known = self->upstream_count != 0 &&
	                   strcmp(self->upstreams[0].name, self->reign.leader) == 0;
	follow(self, (struct follower_event){ .kind = FOLLOWER_UPSTREAMS,
	                     .count = self->upstream_count,
	                     .leader = known ? 0 : self->upstream_count });
}
