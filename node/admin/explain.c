#include "node/admin/explain.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "node/admin/reply.h"
#include "store/pki/choice.h"

struct candidates {
	const struct scene_cert **cert;
	struct choice_candidate *choice;
	const char **by;
	size_t count;
};

static enum cs_err collect(
        const struct scene *scene, const char *host, struct cs_arena *arena, struct candidates *out)
{
	const size_t room = scene->cert_count + 1;

	*out = (struct candidates){ cs_arena_take(arena, room * sizeof(*out->cert)),
		cs_arena_take(arena, room * sizeof(*out->choice)),
		cs_arena_take(arena, room * sizeof(*out->by)), 0 };
	if (out->cert == NULL || out->choice == NULL || out->by == NULL)
		return CS_ENOMEM;
	for (size_t i = 0; i < scene->cert_count; i++) {
		const struct scene_cert *c = &scene->certs[i];
		const char *by = "";
		const enum pki_cover cover = pki_cert_covers(c->leaf, cs_bytes_of(host), &by);
		if (c->state != CERT_ACTIVE || cover == PKI_COVER_NONE)
			continue;
		out->cert[out->count] = c;
		out->by[out->count] = by;
		out->choice[out->count++] = (struct choice_candidate){ c->id, c->leaf->key, cover,
			c->leaf->not_before, c->leaf->not_after };
	}
	return CS_OK;
}

static json_t *candidate_json(const struct scene_cert *cert, enum pki_cover cover, const char *by,
        int64_t now, const char *text)
{
	const struct pki_cert *leaf = cert->leaf;

	return json_pack("{s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:b, s:o}", "cert", cert->id, "name",
	        json_show(cert->name), "cover", pki_cover_name(cover), "by", json_show(by), "key",
	        pki_key_name(leaf->key), "not_before", json_time((uint64_t)leaf->not_before),
	        "not_after", json_time((uint64_t)leaf->not_after), "valid_now",
	        leaf->not_before <= now && now <= leaf->not_after, "text", json_show(text));
}

static void sentence(json_t *list, const char *fmt, ...) CS_PRINTF(2, 3);
static void sentence(json_t *list, const char *fmt, ...)
{
	char text[CS_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(list, json_show(text));
}

static void list_candidates(
        const struct candidates *c, size_t best, unsigned can_verify, int64_t now, json_t *doc)
{
	json_t *list = json_object_get(doc, "candidates"), *text = json_object_get(doc, "text");

	for (size_t i = 0; i < c->count; i++) {
		char why[256];
		if (i == best)
			snprintf(why, sizeof(why), "chosen%s",
			        c->count == 1 ? ": the only one" : "");
		else
			snprintf(why, sizeof(why), "loses to %s: %s", c->choice[best].id,
			        choice_reason(&c->choice[best], &c->choice[i], can_verify, now));
		json_t *one = candidate_json(c->cert[i], c->choice[i].cover, c->by[i], now, why);
		if (i == best)
			json_object_set(doc, "chosen", one);
		json_array_append_new(list, one);
		sentence(text, "%s (%s by %s): %s", c->cert[i]->id,
		        pki_cover_name(c->choice[i].cover), c->by[i], why);
	}
}

/* Certificates that have the name but do not serve: what an admin looks for first. */
static void list_others(const struct scene *scene, const char *host, json_t *doc)
{
	json_t *list = json_object_get(doc, "others");

	for (size_t i = 0; i < scene->cert_count; i++) {
		const struct scene_cert *c = &scene->certs[i];
		char why[128];
		if (c->state == CERT_ACTIVE ||
		        pki_cert_covers(c->leaf, cs_bytes_of(host), NULL) == PKI_COVER_NONE)
			continue;
		snprintf(why, sizeof(why), "has the name, but is %s", cert_state_name(c->state));
		json_array_append_new(list,
		        json_pack("{s:s, s:o, s:s, s:s}", "cert", c->id, "name", json_show(c->name),
		                "state", cert_state_name(c->state), "text", why));
	}
}

static void fall_back(const struct scene *scene, const struct scene_node *node, const char *host,
        bool no_sni, json_t *doc)
{
	json_t *text = json_object_get(doc, "text");
	const struct scene_cert *cert = scene_default(scene, node);
	const char *whose = node != NULL && node->own_default[0] != '\0' ? "the node's own default"
	                                                                 : "the cluster's default";

	if (no_sni)
		sentence(text, "the client sends no SNI: it gets the default certificate");
	else
		sentence(text,
		        "no Active certificate has the name %s: the client gets the default "
		        "certificate",
		        host);
	if (cert == NULL) {
		sentence(text, "no default is set: the handshake is refused; next: certspan "
		               "default set ID");
		return;
	}
	sentence(text, "%s is %s", whose, cert->id);
	json_object_set_new(
	        doc, "chosen", candidate_json(cert, PKI_COVER_NONE, "", scene->now, whose));
}

json_t *explain(const struct scene *scene, const struct scene_node *node, const char *host,
        unsigned can_verify, struct cs_arena *arena)
{
	struct candidates c;
	const bool no_sni = host[0] == '\0';

	if (collect(scene, host, arena, &c) != CS_OK)
		return NULL;
	json_t *doc = json_pack("{s:s, s:o, s:o, s:s, s:n, s:[], s:[], s:[]}", "schema",
	        "certspan.explain/1", "host", json_show(host), "node",
	        node != NULL ? json_string(node->name) : json_null(), "reason",
	        no_sni        ? "no-sni"
	        : c.count > 0 ? "name"
	                      : "unmatched-sni",
	        "chosen", "candidates", "others", "text");
	if (doc == NULL)
		return NULL;
	if (!no_sni && c.count > 0)
		list_candidates(&c, choice_pick(c.choice, c.count, can_verify, scene->now),
		        can_verify, scene->now, doc);
	else
		fall_back(scene, node, host, no_sni, doc);
	if (!no_sni)
		list_others(scene, host, doc);
	return doc;
}
