#include "node/admin/draft.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "node/admin/coverage.h"
#include "node/admin/routes.h"
#include "proto/base/text.h"
#include "store/pki/hostin.h"

#define MINT_WAIT_MS 60000 /* RSA of 4,096 bits, behind others */
#define SAN_ROOM (3 * CS_NAMES_MAX)
#define BACKDATE_S 300 /* clients whose clock is a little behind */

static enum cs_err note(struct draft *self, const char *code, const char *text)
{
	if (text == NULL)
		return CS_ENOMEM;
	if (self->note_count == DRAFT_NOTES_MAX)
		return CS_OK;
	self->notes[self->note_count++] = (struct draft_note){ code, text };
	return CS_OK;
}

/* Names while they are gathered. */
struct gather {
	struct call *call;
	struct draft *draft;
	const char **dns;
	struct cs_bytes *ip;
	bool copied, allow_ip;
};

static enum cs_err add_dns(struct gather *g, const char *name, bool first)
{
	struct pki_fields *fields = &g->draft->fields;

	for (size_t i = 0; i < fields->dns_count; i++) {
		if (strcmp(g->dns[i], name) != 0)
			continue;
		for (; first && i > 0; i--)
			g->dns[i] = g->dns[i - 1];
		if (first)
			g->dns[0] = name;
		return CS_OK;
	}
	if (fields->dns_count == SAN_ROOM)
		return CS_ETOOBIG;
	for (size_t i = fields->dns_count++; i > 0; i--) {
		g->dns[i] = first ? g->dns[i - 1] : name;
		if (!first)
			return CS_OK;
	}
	g->dns[0] = name;
	return CS_OK;
}

static enum cs_err add_ip(struct gather *g, struct cs_bytes ip)
{
	struct pki_fields *fields = &g->draft->fields;

	for (size_t i = 0; i < fields->ip_count; i++)
		if (cs_bytes_equal(g->ip[i], ip))
			return CS_OK;
	if (fields->ip_count == SAN_ROOM)
		return CS_ETOOBIG;
	char *copy = cs_arena_text(g->call->arena, (const char *)ip.p, ip.n);
	if (copy == NULL)
		return CS_ENOMEM;
	g->ip[fields->ip_count++] = (struct cs_bytes){ (const uint8_t *)copy, ip.n };
	return CS_OK;
}

/* 4 or 16 when TEXT is an address ("[::1]" too), else 0. */
static size_t address(const char *text, uint8_t out[16])
{
	char bare[INET6_ADDRSTRLEN + 2];
	const size_t n = strlen(text);

	if (n >= sizeof(bare))
		return 0;
	const bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
	snprintf(bare, sizeof(bare), "%.*s", (int)(brackets ? n - 2 : n), text + brackets);
	if (inet_pton(AF_INET, bare, out) == 1)
		return 4;
	return inet_pton(AF_INET6, bare, out) == 1 ? 16 : 0;
}

static enum cs_err suffix_note(struct gather *g, const char *name)
{
	const enum pki_suffix suffix = pki_hostin_suffix(name);

	if (suffix == PKI_SUFFIX_NONE)
		return CS_OK;
	return note(g->draft, "public-suffix",
	        cs_arena_printf(g->call->arena,
	                suffix == PKI_SUFFIX_PUBLIC
	                        ? "%s stands under a public suffix: no CA signs it"
	                        : "%s stands under a suffix of many owners: a CA may refuse it",
	                name));
}

static enum cs_err add_name(struct gather *g, const char *text, bool first)
{
	char name[CS_NAME_MAX + 1], reason[256];

	const enum cs_err rc = pki_hostin(text, name, reason, sizeof(reason));
	if (rc == CS_EMALFORMED && g->copied)
		return note(g->draft, "not-copied",
		        cs_arena_printf(g->call->arena, "not copied: %s", reason));
	if (rc == CS_EMALFORMED)
		return reply_fail(&g->call->reply, CS_EMALFORMED, "", "san: %s", reason);
	CS_TRY(rc);
	const char *own = cs_arena_text(g->call->arena, name, strlen(name));
	if (own == NULL)
		return CS_ENOMEM;
	CS_TRY(suffix_note(g, own));
	return add_dns(g, own, first);
}

static enum cs_err add_san(struct gather *g, const char *text)
{
	uint8_t ip[16];
	const size_t n = address(text, ip);

	if (n == 0)
		return add_name(g, text, false);
	if (!g->allow_ip)
		return reply_fail(&g->call->reply, CS_EREFUSED,
		        "repeat it with --allow-ip, if your CA signs addresses",
		        "%s is an address: most CAs refuse to sign one", text);
	return add_ip(g, (struct cs_bytes){ ip, n });
}

static enum cs_err copy_names(struct gather *g, const struct pki_cert *leaf)
{
	g->copied = true;
	for (size_t i = 0; i < leaf->dns_count; i++)
		CS_TRY(add_name(g, leaf->dns[i], false));
	for (size_t i = 0; i < leaf->ip_count; i++)
		CS_TRY(add_ip(g, leaf->ip[i]));
	g->copied = false;
	return CS_OK;
}

static enum cs_err ask_names(struct gather *g, const char *field)
{
	struct wire_texts list;

	CS_TRY(arg_list(g->call->args, field, g->call->arena, &list));
	for (size_t i = 0; i < list.n; i++)
		CS_TRY(add_san(g, list.v[i]));
	return CS_OK;
}

/* The guide: a common name that is a host name must be repeated as the first alternative name. */
static enum cs_err common_name_first(struct gather *g)
{
	const char *cn = g->draft->fields.subject.common_name;
	char name[CS_NAME_MAX + 1], reason[256];

	if (strchr(cn, '.') == NULL || pki_hostin(cn, name, reason, sizeof(reason)) != CS_OK)
		return CS_OK; /* a title for people */
	const bool there = g->draft->fields.dns_count > 0 && strcmp(g->dns[0], name) == 0;
	CS_TRY(add_name(g, cn, true));
	if (there)
		return CS_OK;
	return note(g->draft, "cn-first",
	        cs_arena_printf(g->call->arena,
	                "the common name is a host name: %s is the first alternative name too",
	                name));
}

static enum cs_err read_names(struct call *call, const struct pki_cert *from, struct draft *out)
{
	struct gather g = { call, out, cs_arena_take(call->arena, SAN_ROOM * sizeof(const char *)),
		cs_arena_take(call->arena, SAN_ROOM * sizeof(struct cs_bytes)), false,
		arg_flag(call->args, "allow_ip") };

	if (g.dns == NULL || g.ip == NULL)
		return CS_ENOMEM;
	if (from != NULL && !arg_has(call->args, "san"))
		CS_TRY(copy_names(&g, from));
	CS_TRY(ask_names(&g, "san"));
	CS_TRY(ask_names(&g, "add_san"));
	CS_TRY(common_name_first(&g));
	out->fields.dns = g.dns;
	out->fields.ip = g.ip;
	return CS_OK;
}

static enum cs_err read_subject(struct call *call, const struct pki_cert *from, struct draft *out)
{
	struct pki_subject *s = &out->fields.subject;
	char country[8];
	bool others = false;

	*s = (struct pki_subject){ "", "", "", "", "", "" };
	if (from != NULL)
		CS_TRY(pki_subject_read(from->subject_der, call->arena, s, &others));
	if (others)
		CS_TRY(note(out, "not-copied",
		        "the subject has fields that a request of ours cannot carry; they are left "
		        "out"));
	s->country = arg_text(call->args, "country", s->country);
	s->state = arg_text(call->args, "state", s->state);
	s->locality = arg_text(call->args, "locality", s->locality);
	s->organization = arg_text(call->args, "organization", s->organization);
	s->unit = arg_text(call->args, "unit", s->unit);
	s->common_name = arg_text(call->args, "common_name", s->common_name);
	if (strlen(s->country) != 2)
		return CS_OK;
	for (size_t i = 0; i < 3; i++)
		country[i] = (char)(s->country[i] >= 'a' && s->country[i] <= 'z'
		                            ? s->country[i] - 'a' + 'A'
		                            : s->country[i]);
	s->country = cs_arena_text(call->arena, country, 2);
	return s->country != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err read_key(struct call *call, const struct pki_cert *from, struct draft *out)
{
	const char *key = arg_text(call->args, "key", "");

	if (out->same_key[0] != '\0' && key[0] != '\0')
		return reply_fail(&call->reply, CS_EUSAGE, "",
		        "key and same_key: a new key or that of a certificate, not both");
	if (out->same_key[0] != '\0')
		return CS_OK;
	out->spec = pki_keyspec_of(key);
	if (key[0] == '\0' && from != NULL)
		out->spec = pki_keyspec_like(from->key, from->key_bits);
	if (out->spec == NULL && key[0] == '\0')
		out->spec = &pki_keyspecs[0];
	if (out->spec != NULL)
		return CS_OK;
	if (strcasecmp(key, "ed25519") == 0)
		return reply_fail(&call->reply, CS_EUNSUPPORTED, "take P-256: as fast, and known",
		        "Ed25519: no browser takes such a certificate, and the edge does not offer "
		        "it");
	return reply_fail(&call->reply, CS_EUSAGE, "",
	        "key: P-256, P-384, RSA-2048, RSA-3072 or RSA-4096 is wanted");
}

static enum cs_err read_name(struct call *call, const struct mirror_object *from, struct draft *out)
{
	const struct wire_certificate *life =
	        from != NULL ? mirror_certificate(call->mirror, from->id) : NULL;
	const struct pki_fields *fields = &out->fields;
	char month[24];

	out->name = arg_text(call->args, "name", "");
	if (!cs_text_ok(out->name, CS_FRIENDLY_MAX))
		return reply_fail(&call->reply, CS_EMALFORMED, "",
		        "name: at most %d bytes of text without control characters are allowed",
		        CS_FRIENDLY_MAX);
	if (out->name[0] != '\0')
		return CS_OK;
	cs_time_text(call->now, month, sizeof(month));
	if (life != NULL && life->name[0] != '\0') /* a re-key gets a name of its own: the guide */
		out->name = cs_arena_printf(
		        call->arena, "%.*s %.7s", CS_FRIENDLY_MAX - 8, life->name, month);
	else if (fields->subject.common_name[0] != '\0')
		out->name = fields->subject.common_name;
	else
		out->name = fields->dns_count > 0 ? fields->dns[0] : "request";
	if (out->name != NULL && !cs_text_ok(out->name, CS_FRIENDLY_MAX))
		out->name =
		        cs_arena_printf(call->arena, "%.7s", month); /* cut within a character */
	return out->name != NULL ? CS_OK : CS_ENOMEM;
}

static enum cs_err find_sources(
        struct call *call, struct draft *out, const struct mirror_object **from)
{
	const char *copy = arg_text(call->args, "from", ""),
	           *key = arg_text(call->args, "same_key", "");
	const struct mirror_object *owner = NULL;

	*from = NULL;
	out->same_key = "";
	if (copy[0] != '\0')
		CS_TRY(route_find_cert(call, copy, from));
	if (key[0] == '\0')
		return CS_OK;
	CS_TRY(route_find_cert(call, key, &owner));
	out->same_key = cs_arena_text(call->arena, owner->id, strlen(owner->id));
	if (*from == NULL && !arg_has(call->args, "san") && !arg_has(call->args, "common_name"))
		*from = owner; /* the same key and nothing else said: the same fields */
	return out->same_key != NULL ? CS_OK : CS_ENOMEM;
}

enum cs_err draft_read(struct call *call, struct draft *out)
{
	const struct mirror_object *source;
	char reason[512] = "";

	*out = (struct draft){ .name = "" };
	CS_TRY(find_sources(call, out, &source));
	const struct pki_cert *from = source != NULL ? source->leaf : NULL;
	CS_TRY(read_key(call, from, out));
	CS_TRY(read_subject(call, from, out));
	CS_TRY(read_names(call, from, out));
	CS_TRY(read_name(call, source, out));
	const enum cs_err rc = pki_fields_check(&out->fields, reason, sizeof(reason));
	if (rc != CS_OK && reason[0] != '\0')
		return reply_fail(&call->reply, rc,
		        out->fields.dns_count + out->fields.ip_count == 0
		                ? "give --san HOST for each name of the appliance"
		                : "",
		        "%s", reason);
	return rc;
}

static enum pki_cover best(const struct draft *self, const char *host, const char **by)
{
	enum pki_cover cover = PKI_COVER_NONE;

	*by = "";
	for (size_t i = 0; i < self->fields.dns_count; i++) {
		const enum pki_cover one = pki_name_match(self->fields.dns[i], cs_bytes_of(host));
		if (one <= cover)
			continue;
		cover = one;
		*by = self->fields.dns[i];
	}
	return cover;
}

json_t *draft_coverage(const struct draft *self, const struct scene *scene, struct cs_arena *arena)
{
	const struct cover_row *rows;
	json_t *list = json_array();
	size_t n, covered = 0;

	if (cover_rows(scene, (struct wire_texts){ 0 }, arena, &rows, &n) != CS_OK) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		const char *by;
		const enum pki_cover cover = best(self, rows[i].host, &by);
		covered += cover != PKI_COVER_NONE;
		json_array_append_new(list,
		        json_pack("{s:s, s:o, s:s, s:s, s:s}", "host", rows[i].host, "node",
		                json_text_or_null(rows[i].node != NULL ? rows[i].node->name : ""),
		                "kind", cover_kind_name(rows[i].kind), "cover",
		                pki_cover_name(cover), "by", by));
	}
	return json_pack("{s:I, s:I, s:o}", "covered", (json_int_t)covered, "total", (json_int_t)n,
	        "rows", list);
}

enum cs_err draft_warn(const struct draft *self, json_t *list)
{
	for (size_t i = 0; i < self->note_count; i++)
		CS_TRY(json_add_warning(list, self->notes[i].code, self->notes[i].text));
	return CS_OK;
}

static struct wire_mint mint_of(const struct call *call, const struct draft *self, long long days)
{
	const struct pki_subject *s = &self->fields.subject;

	return (struct wire_mint){ .self_signed = days > 0,
		.key = self->spec != NULL ? self->spec->name : "",
		.same_key = self->same_key,
		.name = self->name,
		.country = s->country,
		.state = s->state,
		.locality = s->locality,
		.organization = s->organization,
		.unit = s->unit,
		.common_name = s->common_name,
		.dns = { self->fields.dns, self->fields.dns_count },
		.ip = { self->fields.ip, self->fields.ip_count },
		.not_before = (uint64_t)(call->now - BACKDATE_S),
		.not_after = (uint64_t)(call->now - BACKDATE_S + days * 86400) };
}

enum cs_err draft_mint(
        struct call *call, const struct draft *self, long long days, struct wire_packet *out)
{
	struct wire_mint mint = mint_of(call, self, days);

	enum cs_err rc = link_ask(
	        admin_keyd(call->admin), PACKET_mint, &mint, PACKET_minted, MINT_WAIT_MS, out);
	if (rc != CS_OK)
		return reply_fail(&call->reply, rc, "certspan status",
		        "the key process did not answer: %s", cs_err_text(rc));
	const struct wire_minted *minted = out->body;
	if (minted->error[0] == '\0')
		return CS_OK;
	rc = call_err_of(minted->error);
	reply_fail(&call->reply, rc, rc == CS_EAGAIN ? "repeat the command" : "", "%s",
	        minted->reason);
	wire_packet_free(out);
	return rc;
}
