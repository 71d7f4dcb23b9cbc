/* node/admin/views.h: the documents about one certificate, one node, coverage (README: CERT,
 * DETAILS, NODE, COVER). Pure. */
#pragma once
#include <jansson.h>
#include "node/admin/coverage.h"
#include "node/admin/gate.h"
#include "node/admin/mirror.h"

const char *view_validity(const struct pki_cert *leaf,
        int64_t now); /* "valid", "expiring", "expired", "not-yet-valid" */
/* CERT. LIFE: its record. All return NULL when memory is out. */
json_t *view_cert(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life);
/* CERT with DETAILS. */
json_t *view_cert_details(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life, const struct wire_bundle *bundle,
        struct cs_arena *arena);
json_t *view_node(const struct wire_node *node);
json_t *view_cover(const struct cover_by *by);
/* [PERNODE] of one scene. */
json_t *view_coverage_summary(const struct scene *scene, struct cs_arena *arena);
/* {before, after}. */
json_t *view_before_after(
        const struct scene *before, const struct scene *after, struct cs_arena *arena);
/* [{host, node, text}] */
json_t *view_gate(const struct gate *gate);
json_t *view_texts(struct wire_texts texts);
