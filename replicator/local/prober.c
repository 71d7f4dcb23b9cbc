#include "replicator/local/prober.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "store/pki/cert.h"
#include "store/pki/names.h"

#define NAMES (PROBER_NAMES_MAX + CS_HOSTNAMES_MAX * 2)
#define UNMATCHED "certspan-unmatched.invalid"
#define RETRY_FIRST_MS 100
#define RETRY_LAST_MS 5000
#define STUCK_MS 20000

/* One question, and the newest answer to it. Own: asked in every round of its own. */
struct name {
	char sni[CS_NAME_MAX + 1], error[129];
	uint32_t kind, result;
	bool own, due, wanted, asked;
	uint8_t want[32], got[32];
	bool has_got;
	uint64_t at_ms;
};
struct prober {
	struct name names[NAMES];
	size_t count;
	bool due, running;
	uint64_t round, seq, round_seq, served;
	unsigned failures;
	int64_t not_before, started_at;
};

enum cs_err prober_new(struct prober **out)
{
	struct prober *self = calloc(1, sizeof(*self));

	*out = self;
	if (self == NULL)
		return CS_ENOMEM;
	self->names[self->count++] = (struct name){ .kind = PROBE_NO_SNI, .own = true };
	self->names[self->count++] =
	        (struct name){ .kind = PROBE_UNMATCHED, .own = true, .sni = UNMATCHED };
	return CS_OK;
}

void prober_free(struct prober **self)
{
	free(*self);
	*self = NULL;
}

static struct name *find(struct prober *self, uint32_t kind, const char *sni)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->names[i].kind == kind && strcmp(self->names[i].sni, sni) == 0)
			return &self->names[i];
	return NULL;
}

/* Room for one more name: a change's name that was proven makes place first. */
static struct name *room(struct prober *self)
{
	if (self->count < NAMES)
		return &self->names[self->count++];
	for (size_t i = 0; i < NAMES; i++)
		if (!self->names[i].own && !self->names[i].due && !self->names[i].asked)
			return &self->names[i];
	return NULL;
}

static struct name *want(struct prober *self, const char *sni)
{
	struct name *n =
	        strlen(sni) <= CS_NAME_MAX && sni[0] != '\0' ? find(self, PROBE_SNI, sni) : NULL;

	if (n != NULL || strlen(sni) > CS_NAME_MAX || sni[0] == '\0')
		return n;
	n = room(self);
	if (n == NULL)
		return NULL;
	*n = (struct name){ .kind = PROBE_SNI };
	memcpy(n->sni, sni, strlen(sni) + 1);
	return n;
}

enum cs_err prober_base(struct prober *self, const char *const *hosts, size_t count)
{
	for (size_t i = 0; i < self->count; i++)
		self->names[i].own = self->names[i].kind != PROBE_SNI;
	for (size_t i = 0; i < count && i < CS_HOSTNAMES_MAX * 2; i++) {
		struct name *n = want(self, hosts[i]);
		if (n != NULL)
			n->own = true;
	}
	return CS_OK;
}

/* A wildcard is proven by a name that nothing else is called. */
static void probe_name(const char *dns, char out[CS_NAME_MAX + 32])
{
	if (strncmp(dns, "*.", 2) == 0)
		snprintf(out, CS_NAME_MAX + 32, "certspan-probe.%s", dns + 2);
	else
		snprintf(out, CS_NAME_MAX + 32, "%s", dns);
}

static void changed_cert(struct prober *self, struct state *state, const char *id, size_t *taken)
{
	CS_AUTO(cs_arena_free) struct cs_arena *arena = NULL;
	CS_AUTO(pki_cert_free) struct pki_cert *cert = NULL;
	struct wire_object object;
	struct wire_bundle bundle;
	char sni[CS_NAME_MAX + 32];

	/* A bundle that is gone or unreadable has no names to prove. */
	if (cs_arena_new(CS_UNPACK_MAX, &arena) != CS_OK ||
	        state_get(state, OBJECT_BUNDLE, id, arena, &object) != CS_OK ||
	        wire_decode(&wire_bundle_type, object.payload, arena, &bundle) != CS_OK ||
	        pki_cert_read(bundle.leaf, &cert) != CS_OK)
		return;
	for (size_t i = 0; i < cert->dns_count && *taken < PROBER_NAMES_MAX; i++) {
		probe_name(cert->dns[i], sni);
		struct name *n = want(self, sni);
		if (n == NULL)
			continue;
		*taken += !n->due;
		n->due = true;
	}
}

enum cs_err prober_changed(
        struct prober *self, struct state *state, struct wire_texts ids, uint64_t seq)
{
	size_t taken = 0;

	for (size_t i = 0; i < ids.n && taken < PROBER_NAMES_MAX; i++)
		changed_cert(self, state, ids.v[i], &taken);
	self->seq = seq;
	self->failures = 0;
	self->not_before = 0;
	prober_due(self);
	return CS_OK;
}

void prober_due(struct prober *self)
{
	for (size_t i = 0; i < self->count; i++)
		self->names[i].due = self->names[i].due || self->names[i].own;
	self->due = true;
}

/* What an edge would serve for N now. */
static bool look_up(struct name *n, struct serving *lookup, int64_t wall_s, struct cs_arena *arena)
{
	const struct cs_bytes sni = cs_bytes_of(n->sni);
	struct serving_pick pick;
	struct serving_cert cert;

	n->wanted = lookup != NULL &&
	            serving_pick(lookup, n->kind == PROBE_NO_SNI ? NULL : &sni, CHOICE_ANY, wall_s,
	                    &pick) == CS_OK &&
	            serving_cert(lookup, pick.id, arena, &cert) == CS_OK &&
	            crypto_hash_sha256(n->want, cert.leaf.p, cert.leaf.n) == 0;
	return n->wanted;
}

static void unasked(struct name *n)
{
	n->result = PROBE_UNKNOWN;
	n->has_got = false;
	snprintf(n->error, sizeof(n->error), "no certificate to serve");
}

enum cs_err prober_round(struct prober *self, struct serving *lookup, int64_t wall_s, int64_t now,
        struct cs_arena *arena, struct wire_probe_round *out)
{
	if (self->running && now - self->started_at >= STUCK_MS)
		prober_again(self);
	if (!self->due || self->running || now < self->not_before)
		return CS_EAGAIN;
	struct wire_probe *v = cs_arena_take(arena, NAMES * sizeof(*v));
	if (v == NULL)
		return CS_ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < self->count; i++) {
		struct name *name = &self->names[i];
		if (!name->due)
			continue;
		name->asked = look_up(name, lookup, wall_s, arena);
		if (name->asked)
			v[n++] = (struct wire_probe){ .kind = name->kind,
				.sni = name->sni,
				.want = { name->want, 32 },
				.error = "" };
		else
			unasked(name);
		name->due = false;
	}
	self->due = false;
	self->round_seq = self->seq;
	if (n == 0) {
		self->served = self->round_seq;
		return CS_ENOTFOUND;
	}
	self->running = true;
	self->started_at = now;
	*out = (struct wire_probe_round){ .round = ++self->round, .probes = { v, n } };
	return CS_OK;
}

static void take_result(struct prober *self, const struct wire_probe *p, bool *all)
{
	struct name *n = find(self, p->kind, p->sni);

	if (n == NULL || !n->asked)
		return;
	n->result = p->result;
	n->at_ms = p->at_ms;
	n->has_got = p->got.n == 32;
	if (n->has_got)
		memcpy(n->got, p->got.p, 32);
	snprintf(n->error, sizeof(n->error), "%s", p->error);
	n->asked = false;
	if (p->result != PROBE_MATCH) {
		n->due = true;
		*all = false;
	}
}

bool prober_done(struct prober *self, const struct wire_probed *probed, int64_t now)
{
	bool all = true;

	if (!self->running || probed->round != self->round)
		return false;
	self->running = false;
	for (size_t i = 0; i < probed->probes.n; i++)
		take_result(self, &probed->probes.v[i], &all);
	for (size_t i = 0; i < self->count; i++) {
		all = all && !self->names[i].asked;
		self->names[i].due = self->names[i].due || self->names[i].asked;
		self->names[i].asked = false;
	}
	if (all) {
		self->served = self->round_seq;
		self->failures = 0;
		return true;
	}
	const int64_t wait = RETRY_FIRST_MS << (self->failures < 6 ? self->failures : 6);
	self->failures++;
	self->not_before = now + (wait < RETRY_LAST_MS ? wait : RETRY_LAST_MS);
	self->due = true;
	return true;
}

void prober_again(struct prober *self)
{
	self->running = false;
	self->not_before = 0;
	for (size_t i = 0; i < self->count; i++) {
		self->names[i].due = self->names[i].due || self->names[i].asked;
		self->names[i].asked = false;
	}
	prober_due(self);
}

uint64_t prober_served(const struct prober *self)
{
	return self->served;
}

bool prober_idle(const struct prober *self)
{
	return !self->running && !self->due;
}

size_t prober_results(const struct prober *self, struct wire_probe *out, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < self->count && count < max; i++) {
		const struct name *n = &self->names[i];
		if (n->at_ms == 0 && !n->own)
			continue;
		out[count++] = (struct wire_probe){ .kind = n->kind,
			.sni = n->sni,
			.result = n->result,
			.want = { n->want, n->wanted ? 32u : 0u },
			.got = { n->got, n->has_got ? 32u : 0u },
			.at_ms = n->at_ms,
			.error = n->error };
	}
	return count;
}
