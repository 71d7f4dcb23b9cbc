/* node/admin/views.h: the documents about one certificate, one node, coverage (README: CERT,
 * DETAILS, NODE, COVER). Pure. */
#pragma once
#include <jansson.h>
#include "node/admin/coverage.h"
#include "node/admin/gate.h"
#include "node/admin/mirror.h"
#include "store/pki/warnings.h"

const char *view_validity(const struct pki_cert *leaf,
        int64_t now); /* "valid", "expiring", "expired", "not-yet-valid" */
/* CERT. LIFE: its record. All return NULL when memory is out. */
json_t *view_cert(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life);
/* CERT of a CA certificate of the pool: OBJECT is an OBJECT_CA. */
json_t *view_ca(const struct mirror_object *object, int64_t now);
/* What the other certificates of SCENE make of CERT, Active or about to be; where its path ends is
 * for chains_trust to say. */
struct pki_surroundings view_around(const struct scene *scene, const struct scene_cert *cert);
/* All warnings that CERT deserves now: [{code, severity, text, next}]. */
json_t *view_warnings(
        const struct scene *scene, const struct scene_cert *cert, struct wire_blobs chain);
/* Their codes: as the import saw them, what follows from the clock and from the others anew. */
json_t *view_warning(const struct pki_warning *warning); /* WARNING of the contract */
json_t *view_warning_codes(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life);
/* CERT with DETAILS. */
json_t *view_cert_details(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life, const struct wire_bundle *bundle,
        struct cs_arena *arena);
json_t *view_ca_details(const struct mirror_object *object, int64_t now);
json_t *view_chain(struct wire_blobs chain); /* [{sha256, subject, issuer, ...}] */
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
