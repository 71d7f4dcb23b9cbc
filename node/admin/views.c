#include "node/admin/views.h"
#include <arpa/inet.h>
#include <string.h>
#include "node/admin/problems.h"
#include "node/admin/prune.h"
#include "node/admin/reply.h"

const char *view_validity(const struct pki_cert *leaf, int64_t now)
{
	if (leaf->not_after < now)
		return "expired";
	if (leaf->not_before > now)
		return "not-yet-valid";
	return leaf->not_after < now + EXPIRY_WARNING_DAYS * 86400 ? "expiring" : "valid";
}

json_t *view_texts(struct wire_texts texts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts.n; i++)
		json_array_append_new(list, json_show(texts.v[i]));
	return list;
}

static json_t *ips(const struct pki_cert *leaf)
{
	json_t *list = json_array();
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < leaf->ip_count; i++)
		if (inet_ntop(leaf->ip[i].n == 4 ? AF_INET : AF_INET6, leaf->ip[i].p, text,
		            sizeof(text)) != NULL)
			json_array_append_new(list, json_string(text));
	return list;
}

static json_t *default_for(const struct scene *scene, const char *id)
{
	json_t *list = json_array();

	if (strcmp(scene->cluster_default, id) == 0)
		json_array_append_new(list, json_string("*"));
	for (size_t i = 0; i < scene->node_count; i++)
		if (strcmp(scene->nodes[i].own_default, id) == 0)
			json_array_append_new(list, json_string(scene->nodes[i].name));
	return list;
}

/* The name that people read first: the common name, else the first host name, else all of it. */
static const char *title(const char *cn, const char *const *dns, size_t dns_count, const char *all)
{
	return cn[0] != '\0' ? cn : dns_count > 0 ? dns[0] : all;
}

/* What the guide's table has of every certificate, with a key or without. */
static void add_titles(json_t *doc, const struct pki_cert *leaf, const char *kind)
{
	json_object_set_new(doc, "kind", json_string(kind));
	json_object_set_new(doc, "issued_to",
	        json_show(title(leaf->subject_cn, leaf->dns, leaf->dns_count, leaf->subject)));
	json_object_set_new(
	        doc, "issued_by", json_show(title(leaf->issuer_cn, NULL, 0, leaf->issuer)));
}

json_t *view_ca(const struct mirror_object *object, int64_t now)
{
	const struct pki_cert *cert = object->leaf;
	const struct wire_ca *ca = object->body;
	struct pki_warning found[PKI_WARNINGS_MAX];
	json_t *codes = json_array();

	for (size_t i = 0, n = pki_warnings_now(cert, now, found, PKI_WARNINGS_MAX); i < n; i++)
		json_array_append_new(codes, json_string(found[i].code));
	json_t *doc = json_pack("{s:s, s:o, s:n, s:s, s:o, s:o, s:[], s:[], s:s, s:i, s:b, s:o, "
	                        "s:o, s:I, s:[], s:n, s:n, s:n, s:n, s:o}",
	        "id", object->id, "name", json_show(ca->name), "state", "validity",
	        view_validity(cert, now), "subject", json_show(cert->subject), "issuer",
	        json_show(cert->issuer), "dns_names", "ip_addresses", "key",
	        pki_key_name(cert->key), "key_bits", (int)cert->key_bits, "has_key", 0,
	        "not_before", json_time((uint64_t)cert->not_before), "not_after",
	        json_time((uint64_t)cert->not_after), "days_left",
	        (json_int_t)((cert->not_after - now) / 86400), "default_for", "generation",
	        "verdict", "replaces", "replaced_by", "warnings", codes);
	if (doc != NULL) {
		add_titles(doc, cert, cert->self_signed ? "root" : "intermediate");
		json_object_set_new(doc, "goes_at", json_null());
	}
	return doc;
}

/* Not before so many generations have passed, too. */
static json_t *goes_at(const struct wire_certificate *life)
{
	return life->state == CERT_RETIRED ? json_time(life->retired_at + PRUNE_AFTER_DAYS * 86400u)
	                                   : json_null();
}

json_t *view_cert(const struct scene *scene, const struct scene_cert *cert,
        const struct wire_certificate *life)
{
	const struct pki_cert *leaf = cert->leaf;
	const struct wire_texts dns = { leaf->dns, leaf->dns_count };

	json_t *doc = json_pack(
	        "{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:i, s:b, s:o, s:o, s:I, "
	        "s:o, s:I, s:o, s:o, s:o, s:o}",
	        "id", cert->id, "name", json_show(cert->name), "state",
	        cert_state_name(cert->state), "validity", view_validity(leaf, scene->now),
	        "subject", json_show(leaf->subject), "issuer", json_show(leaf->issuer), "dns_names",
	        view_texts(dns), "ip_addresses", ips(leaf), "key", pki_key_name(leaf->key),
	        "key_bits", (int)leaf->key_bits, "has_key", 1, "not_before",
	        json_time((uint64_t)leaf->not_before), "not_after",
	        json_time((uint64_t)leaf->not_after), "days_left",
	        (json_int_t)((leaf->not_after - scene->now) / 86400), "default_for",
	        default_for(scene, cert->id), "generation", (json_int_t)life->generation, "verdict",
	        json_text_or_null(life->verdict), "replaces", json_text_or_null(life->replaces),
	        "replaced_by", json_text_or_null(life->replaced_by), "warnings",
	        view_warning_codes(scene, cert, life));
	if (doc != NULL) {
		add_titles(doc, leaf, "leaf");
		json_object_set_new(doc, "goes_at", goes_at(life));
	}
	return doc;
}

json_t *view_cover(const struct cover_by *by)
{
	return json_pack("{s:s, s:o, s:s, s:o}", "cover", pki_cover_name(by->cover), "by",
	        json_show(by->by), "cert", by->cert != NULL ? by->cert->id : "", "name",
	        json_show(by->cert != NULL ? by->cert->name : ""));
}

json_t *view_node(const struct wire_node *node)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:b, s:o, s:o, s:o}", "name",
	        node->name, "role", node_role_name(node->role), "public",
	        json_show(node->public_host), "internal", json_show(node->internal), "hostnames",
	        view_texts(node->hostnames), "enrolled",
	        node->enrolled_at != 0 || node->role == ROLE_PRIMARY, "enrolled_at",
	        json_time(node->enrolled_at), "revoked_at", json_time(node->revoked_at), "drained",
	        node->drained, "curve_key", json_hex(node->curve_key), "sign_key",
	        json_hex(node->sign_key), "seal_key", json_hex(node->seal_key));
}

json_t *view_gate(const struct gate *gate)
{
	json_t *list = json_array();

	for (size_t i = 0; i < gate->count; i++)
		json_array_append_new(list,
		        json_pack("{s:o, s:o, s:o}", "host", json_show(gate->loss[i].host), "node",
		                gate->loss[i].node != NULL ? json_show(gate->loss[i].node)
		                                           : json_null(),
		                "text", json_show(gate->loss[i].text)));
	return list;
}

static json_t *per_node(const struct cover_row *rows, size_t n, const struct scene_node *node)
{
	json_t *missing = json_array();
	int covered = 0, total = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].node != node)
			continue;
		total++;
		if (rows[i].sni.cover != PKI_COVER_NONE)
			covered++;
		else
			json_array_append_new(missing, json_show(rows[i].host));
	}
	return json_pack("{s:o, s:i, s:i, s:o}", "node",
	        node != NULL ? json_string(node->name) : json_null(), "covered", covered, "total",
	        total, "uncovered", missing);
}

json_t *view_coverage_summary(const struct scene *scene, struct cs_arena *arena)
{
	const struct cover_row *rows;
	size_t n;

	if (cover_rows(scene, (struct wire_texts){ 0 }, arena, &rows, &n) != CS_OK)
		return NULL;
	json_t *list = json_array();
	json_array_append_new(list, per_node(rows, n, NULL));
	for (size_t i = 0; i < scene->node_count; i++)
		json_array_append_new(list, per_node(rows, n, &scene->nodes[i]));
	return list;
}

json_t *view_before_after(
        const struct scene *before, const struct scene *after, struct cs_arena *arena)
{
	return json_pack("{s:o, s:o}", "before", view_coverage_summary(before, arena), "after",
	        view_coverage_summary(after, arena));
}
