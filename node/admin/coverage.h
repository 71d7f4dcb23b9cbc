/* node/admin/coverage.h: every host name of the site and of the nodes against what would be served:
 * by SNI and as default. Pure. */
#pragma once
#include "node/admin/scene.h"
#include "store/pki/names.h"

enum cover_kind { COVER_SITE, COVER_PUBLIC, COVER_INTERNAL, COVER_EXTRA, COVER_ASKED };
const char *cover_kind_name(enum cover_kind kind); /* "site" */

struct cover_by {
	enum pki_cover cover;
	const char *by; /* the SAN, "" */
	const struct scene_cert *cert; /* what would be served; NULL: nothing */
};
struct cover_row {
	const char *host;
	const struct scene_node *node; /* NULL: the site, or a name that was asked about */
	enum cover_kind kind;
	struct cover_by sni; /* cert NULL when no Active certificate has the name */
	struct cover_by fallback; /* the default, for a client that sends no SNI */
};

/* What an Active certificate says about HOST, found by its name, by the choice that every edge
 * makes. */
struct cover_by cover_sni(const struct scene *scene, const char *host);
/* A row for every host name, site first, then node by node; ASKED ones last. An internal address
 * that is an IP is left out. */
CS_MUST enum cs_err cover_rows(const struct scene *scene, struct wire_texts asked,
        struct cs_arena *arena, const struct cover_row **out, size_t *count);
/* The host of "host:port" or "[v6]:port" when it is a name, in ARENA; NULL otherwise. */
const char *cover_endpoint_host(const char *endpoint, struct cs_arena *arena);
