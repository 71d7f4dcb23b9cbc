#include "node/admin/verdict.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "proto/base/text.h"
#include "store/pki/change.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const words[] = { "first", "renewal", "re-key", "re-issue",
		"replacement", "additional", "same", "twin", "intermediate-change" };

	return words[verdict];
}

static bool covered_by_any(const struct scene *scene, const char *name)
{
	char host[CS_NAME_MAX + 32];

	if (strncmp(name, "*.", 2) == 0)
		snprintf(host, sizeof(host), "certspan-probe.%s", name + 2);
	else
		snprintf(host, sizeof(host), "%s", name);
	return cover_sni(scene, host).cert != NULL;
}

static bool ip_covered(const struct scene *scene, struct cs_bytes ip)
{
	char text[INET6_ADDRSTRLEN];

	return inet_ntop(ip.n == 4 ? AF_INET : AF_INET6, ip.p, text, sizeof(text)) != NULL &&
	       covered_by_any(scene, text);
}

static bool all_new(const struct scene *scene, const struct pki_cert *leaf)
{
	for (size_t i = 0; i < leaf->dns_count; i++)
		if (covered_by_any(scene, leaf->dns[i]))
			return false;
	for (size_t i = 0; i < leaf->ip_count; i++)
		if (ip_covered(scene, leaf->ip[i]))
			return false;
	return true;
}

/* How strongly LEAF is a successor of an Active one: the kind first, then how many names stay. */
static unsigned kinship(enum pki_change change, unsigned overlap)
{
	static const unsigned weight[] = { [PKI_CHANGE_FIRST] = 0,
		[PKI_CHANGE_RENEWAL] = 4,
		[PKI_CHANGE_REKEY] = 3,
		[PKI_CHANGE_REISSUE] = 2,
		[PKI_CHANGE_REPLACEMENT] = 1,
		[PKI_CHANGE_SAME] = 5,
		[PKI_CHANGE_INTERMEDIATE] = 5 };

	return overlap == 0 ? 0 : weight[change] * 1000 + overlap;
}

static enum verdict of_change(enum pki_change change)
{
	static const enum verdict verdicts[] = { [PKI_CHANGE_FIRST] = VERDICT_FIRST,
		[PKI_CHANGE_RENEWAL] = VERDICT_RENEWAL,
		[PKI_CHANGE_REKEY] = VERDICT_REKEY,
		[PKI_CHANGE_REISSUE] = VERDICT_REISSUE,
		[PKI_CHANGE_REPLACEMENT] = VERDICT_REPLACEMENT,
		[PKI_CHANGE_SAME] = VERDICT_SAME,
		[PKI_CHANGE_INTERMEDIATE] = VERDICT_INTERMEDIATE };

	return verdicts[change];
}

/* The nearest Active relative of a new certificate among those of one sort. */
struct kin {
	const struct scene_cert *cert;
	enum pki_change change;
	unsigned weight;
};

/* Among equals the youngest: that one is in use. */
static void nearer(const struct scene_cert *cert, const struct pki_cert *leaf, struct kin *best)
{
	const enum pki_change change = pki_change_of(cert->leaf, leaf);
	const unsigned weight = kinship(change, pki_change_overlap(cert->leaf, leaf));

	if (weight == 0 || weight < best->weight)
		return;
	if (weight == best->weight && best->cert != NULL &&
	        cert->leaf->not_before <= best->cert->leaf->not_before)
		return;
	*best = (struct kin){ cert, change, weight };
}

static void ask_owners(const struct scene *scene, const char *name, const struct pki_cert *leaf,
        struct kin *same_type, struct kin *other_type)
{
	const struct scene_cert *cert;

	for (size_t at = 0; (cert = scene_next_owner(scene, name, &at)) != NULL;)
		if (cert->state == CERT_ACTIVE)
			nearer(cert, leaf,
			        pki_change_key_family(cert->leaf, leaf) ? same_type : other_type);
}

enum verdict verdict_of(const struct scene *scene, const struct pki_cert *leaf, bool key_type,
        const struct scene_cert **kin)
{
	struct kin same_type = { .cert = NULL }, other_type = { .cert = NULL };
	const size_t names = leaf->dns_count + leaf->ip_count;

	for (size_t i = 0; i < names; i++)
		ask_owners(scene,
		        i < leaf->dns_count ? leaf->dns[i] : leaf->ip_text[i - leaf->dns_count],
		        leaf, &same_type, &other_type);
	const bool twin = same_type.cert == NULL && other_type.cert != NULL;
	*kin = twin ? other_type.cert : same_type.cert;
	if (twin)
		return key_type ? of_change(other_type.change) : VERDICT_TWIN;
	if (*kin != NULL)
		return of_change(same_type.change);
	return all_new(scene, leaf) ? VERDICT_FIRST : VERDICT_ADDITIONAL;
}

static enum cs_err stay(struct decision *self, enum cs_err err, const char *text, const char *next)
{
	if (text == NULL || next == NULL)
		return CS_ENOMEM;
	self->err = err;
	self->text = text;
	self->next = next;
	return CS_OK;
}

static const char *moved(const char *id, const struct decision *d, const struct scene_cert *cert)
{
	return d->replaces != NULL && strcmp(id, d->replaces->id) == 0 ? cert->id : id;
}

static enum cs_err scene_after(const struct scene *scene, const struct scene_cert *cert,
        struct cs_arena *arena, struct decision *d)
{
	CS_TRY(scene_copy(scene, arena, &d->after));
	struct scene_cert *in = scene_find(&d->after, cert->id);
	if (in == NULL)
		in = &d->after.certs[d->after.cert_count++];
	*in = *cert;
	in->state = CERT_ACTIVE;
	if (d->replaces == NULL)
		return CS_OK;
	scene_find(&d->after, d->replaces->id)->state = CERT_RETIRED;
	d->after.cluster_default = moved(d->after.cluster_default, d, cert);
	for (size_t i = 0; i < d->after.node_count; i++)
		d->after.nodes[i].own_default = moved(d->after.nodes[i].own_default, d, cert);
	return CS_OK;
}

static enum cs_err check_time(const struct scene *scene, const struct scene_cert *cert,
        struct cs_arena *arena, struct decision *d)
{
	char when[32];

	if (cert->leaf->not_after < scene->now)
		return stay(d, CS_EEXPIRED,
		        cs_arena_printf(arena, "expired on %s",
		                cs_time_text(cert->leaf->not_after, when, sizeof(when))),
		        "import a certificate that is valid now");
	if (cert->leaf->not_before > scene->now)
		return stay(d, CS_ENOTYET,
		        cs_arena_printf(arena, "not yet valid: only from %s",
		                cs_time_text(cert->leaf->not_before, when, sizeof(when))),
		        cs_arena_printf(
		                arena, "certspan activate %s (from that time on)", cert->id));
	return CS_OK;
}

/* "a.example.com, b.example.com and 3 more" */
static const char *list_names(struct wire_texts names, struct cs_arena *arena)
{
	char out[CS_TEXT_MAX / 2];
	size_t n = 0;

	for (size_t i = 0; i < names.n; i++) {
		char shown[96];
		if (i == 4) {
			snprintf(out + n, sizeof(out) - n, " and %zu more", names.n - i);
			break;
		}
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", i > 0 ? ", " : "",
		        cs_show(names.v[i], shown, sizeof(shown)));
	}
	return cs_arena_text(arena, out, strlen(out));
}

/* What the verdict itself forbids to do unasked. */
static enum cs_err check_verdict(const struct scene_cert *cert, const struct verdict_flags *flags,
        struct cs_arena *arena, struct decision *d)
{
	if (d->verdict == VERDICT_REPLACEMENT && !flags->replacement)
		return stay(d, CS_EREFUSED,
		        cs_arena_printf(arena,
		                "it replaces %s by a certificate of another issuer (%s)",
		                d->replaces->id, cert->leaf->issuer_cn),
		        cs_arena_printf(
		                arena, "certspan activate %s --allow replacement", cert->id));
	if (d->lost.n > 0 && !flags->name_loss)
		return stay(d, CS_EREFUSED,
		        cs_arena_printf(arena, "it lacks names that %s has: %s", d->replaces->id,
		                list_names(d->lost, arena)),
		        cs_arena_printf(arena, "certspan activate %s --allow name-loss", cert->id));
	if (d->replaces != NULL && !flags->older &&
	        cert->leaf->not_before < d->replaces->leaf->not_before &&
	        d->verdict != VERDICT_REPLACEMENT)
		return stay(d, CS_EREFUSED,
		        cs_arena_printf(arena,
		                "it is older than %s, the Active one that it would replace",
		                d->replaces->id),
		        cs_arena_printf(arena, "certspan activate %s --allow older", cert->id));
	if (d->verdict == VERDICT_REISSUE && !flags->asked && !flags->name_loss)
		return stay(d, CS_EREFUSED,
		        cs_arena_printf(
		                arena, "%s: it does not serve by itself", verdict_name(d->verdict)),
		        cs_arena_printf(arena, "certspan activate %s", cert->id));
	return CS_OK;
}

static enum cs_err check_gate(const struct scene *scene, const struct scene_cert *cert,
        const struct verdict_flags *flags, struct cs_arena *arena, struct decision *d)
{
	char names[CS_TEXT_MAX];

	CS_TRY(gate_change(scene, &d->after, flags->accepted, arena, &d->gate));
	if (d->gate.count == 0)
		return CS_OK;
	gate_names(&d->gate, names, sizeof(names));
	return stay(d, CS_EREFUSED, cs_arena_printf(arena, "it would leave uncovered: %s", names),
	        cs_arena_printf(arena, "certspan activate %s --accept-uncovered %s", cert->id,
	                d->gate.loss[0].host));
}

/* Beside which one it stands, what goes with the one that it replaces. */
static enum cs_err compare(const struct scene_cert *kin, const struct scene_cert *cert,
        struct cs_arena *arena, struct decision *d)
{
	char change[80];

	d->key_change = "";
	if (d->verdict == VERDICT_TWIN)
		d->twin = kin;
	else
		d->replaces = kin;
	if (d->replaces == NULL)
		return CS_OK;
	const struct pki_cert *old = kin->leaf;
	const char **lost =
	        cs_arena_take(arena, (old->dns_count + old->ip_count + 1) * sizeof(*lost));
	pki_change_key_text(old, cert->leaf, change, sizeof(change));
	d->key_change = cs_arena_text(arena, change, strlen(change));
	if (lost == NULL || d->key_change == NULL)
		return CS_ENOMEM;
	d->lost.n = pki_change_lost(old, cert->leaf, lost, old->dns_count + old->ip_count);
	d->lost.v = lost;
	return CS_OK;
}

enum cs_err decide(const struct scene *scene, const struct scene_cert *cert,
        const struct verdict_flags *flags, struct cs_arena *arena, struct decision *out)
{
	const struct scene_cert *kin = NULL;

	*out = (struct decision){ .text = "", .next = "" };
	out->verdict = verdict_of(scene, cert->leaf, flags->key_type, &kin);
	CS_TRY(compare(kin, cert, arena, out));
	CS_TRY(scene_after(scene, cert, arena, out));
	CS_TRY(check_time(scene, cert, arena, out));
	if (out->err == CS_OK && !flags->stage)
		CS_TRY(check_verdict(cert, flags, arena, out));
	if (out->err == CS_OK)
		CS_TRY(check_gate(scene, cert, flags, arena, out));
	out->activate = out->err == CS_OK && !flags->stage;
	if (!flags->stage)
		return CS_OK;
	return stay(out, CS_OK, "staged as asked; nothing that is served changed",
	        cs_arena_printf(arena, "certspan activate %s", cert->id));
}
