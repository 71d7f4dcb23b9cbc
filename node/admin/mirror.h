/* node/admin/mirror.h: the replicated objects in memory, decoded, certificates parsed: what every
 * answer and decision is made from. Kept up by CHANGES since the last seq. Sealed bundles never
 * come here. Not locked: the owner does that. */
#pragma once
#include "node/admin/scene.h"
#include "proto/wire/control.h"

struct mirror;
struct mirror_object {
	uint32_t kind;
	const char *id;
	uint64_t seq;
	const void *body; /* struct wire_bundle, wire_certificate ... of the kind */
	const struct pki_cert *leaf; /* of a bundle that can be read, or a CA; else NULL */
};

CS_MUST enum cs_err mirror_new(struct mirror **out);
void mirror_free(struct mirror **self);
/* Takes in one packet of changes. What cannot be decoded is logged and left out. */
CS_MUST enum cs_err mirror_apply(struct mirror *self, const struct wire_changes *changes);
/* Which bundles have a name or a key, of any state. */
const struct owners *mirror_owners(const struct mirror *self);
uint64_t mirror_seq(const struct mirror *self);
uint64_t mirror_version(
        const struct mirror *self, uint32_t kind); /* another one after any change */

/* NULL when there is none. All pointers live until the next mirror_apply. */
const struct mirror_object *mirror_get(const struct mirror *self, uint32_t kind, const char *id);
/* All of KIND in order of id; N may be 0. */
const struct mirror_object *const *mirror_all(struct mirror *self, uint32_t kind, size_t *n);

const struct wire_certificate *mirror_certificate(
        const struct mirror *self, const char *id); /* NULL */
const struct wire_node *mirror_node(
        const struct mirror *self, const char *name); /* NULL, also when it was removed */
const char *mirror_setting(const struct mirror *self, const char *name, const char *fallback);
uint64_t mirror_generation(const struct mirror *self);
const char *mirror_default(const struct mirror *self,
        const char *node); /* id of the object: NULL node: cluster's; "" */
/* A bundle by id, unique prefix (4 or more hex digits) or friendly name that is unique, or unique
 * among those that are not Retired. CS_ENOTFOUND, CS_EREFUSED: several fit. */
CS_MUST enum cs_err mirror_find_cert(
        struct mirror *self, const char *text, const struct mirror_object **out);
/* The same of the CA certificates of the pool. */
CS_MUST enum cs_err mirror_find_ca(
        struct mirror *self, const char *text, const struct mirror_object **out);
/* Every bundle with the record of its life, in order of id; N may be 0. Until the next
 * mirror_apply. */
CS_MUST enum cs_err mirror_certs(struct mirror *self, const struct scene_cert **out, size_t *n);
/* The scene of now, in ARENA; its certificates are the mirror's own: scene_copy before any change.
 */
CS_MUST enum cs_err mirror_scene(
        struct mirror *self, int64_t now, struct cs_arena *arena, struct scene *out);
/* TEXT cut at commas and blanks. */
CS_MUST enum cs_err mirror_words(const char *text, struct cs_arena *arena, struct wire_texts *out);
