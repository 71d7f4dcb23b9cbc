/* node/admin/routes.h: the route table (README.md, contract). A handler answers by call->reply; its
 * return code is the error. */
#pragma once
#include "node/admin/admin.h"
#include "node/admin/gate.h"

typedef enum cs_err route_fn(struct call *call);
struct route {
	const char *method, *path; /* "*" stands for one segment */
	route_fn *fn;
	const struct arg_field *fields;
	bool write; /* takes args_write too */
};
/* The route of METHOD and PATH. NULL: *ALLOW is the list of methods that this path has, "" when
 * there is no such path. The segment for "*" is copied into NAME. */
const struct route *route_find(
        const char *method, const char *path, char name[CS_FRIENDLY_MAX + 1], char allow[64]);

route_fn route_version, route_status, route_coverage, route_explain, route_sync;
route_fn route_certs, route_cert, route_cert_delete, route_cert_activate;
route_fn route_default, route_default_set, route_default_clear;
route_fn route_nodes, route_node, route_node_set, route_node_remove, route_token;
route_fn route_settings, route_setting, route_setting_set;
route_fn route_sync_wait, route_probe;
route_fn route_export, route_exports, route_key;
route_fn route_cert_rename, route_certs_delete, route_certs_retire;
route_fn route_cert_create, route_requests, route_request, route_request_create,
        route_request_cancel;
route_fn route_chain, route_chain_set;

extern const struct arg_field fields_status[], fields_certs[], fields_cert_delete[],
        fields_activate[], fields_default_set[], fields_node_name[], fields_coverage[],
        fields_explain[], fields_node_set[], fields_token[], fields_setting_set[], fields_wait[],
        fields_probe[], fields_export_public[], fields_exports[], fields_rename[],
        fields_certs_delete[], fields_cert_create[], fields_request_create[], fields_chain_set[];

/* Shared by the handlers. */
CS_MUST enum cs_err route_scene(struct call *call, struct scene *out); /* of the locked mirror */
/* CERT by id, prefix or name, with the reason in the reply. */
CS_MUST enum cs_err route_find_cert(
        struct call *call, const char *text, const struct mirror_object **out);
/* The same, or a CA certificate of the pool. */
CS_MUST enum cs_err route_find_any(
        struct call *call, const char *text, const struct mirror_object **out);
/* Whether ID is the default of the cluster or of a node. */
bool route_is_default(const struct scene *scene, const char *id);
/* An open request by fingerprint, a unique prefix of it (4 or more hex digits) or a unique name,
 * with the reason in the reply. */
CS_MUST enum cs_err route_find_request(
        struct call *call, const char *text, const struct mirror_object **out);
struct draft;
CS_MUST enum cs_err route_draft(struct call *call, struct draft *out); /* on a primary */
/* CS_EEXISTS when OBJECT is not there after a write: a request id that comes twice answers for the
 * first write, and what was made for the second is not stored. */
CS_MUST enum cs_err route_stored(struct call *call, uint32_t kind, const char *id);
/* A refusal that lists what it would leave uncovered. */
CS_MUST enum cs_err route_refuse(
        struct call *call, const struct gate *gate, const char *what, const char *command);
/* The warnings about chains in LIST become what holds for LEAF with ISSUERS; mirror locked. */
CS_MUST enum cs_err route_chain_warnings(
        struct call *call, const struct pki_cert *leaf, struct wire_blobs issuers, json_t *list);
struct status_input;
/* Facts must have been asked, the mirror locked. */
CS_MUST enum cs_err route_status_input(
        struct call *call, struct scene *scene, struct status_input *out);
