#include "store/pki/warnings.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <libpsl.h>
#include "proto/base/text.h"
#include "store/pki/names.h"

#define DAY 86400
#define TOGETHER 3600 /* issuers that end within an hour of it end with it */
#define RSA_MIN 2048
#define SCTS_MIN 2 /* Chrome and Apple want two logs, or three of a long-lived one */
#define PRIVATE_NOTE                                                                               \
	"mobile and Linux clients refuse this until their software is updated with a copy of it"
#define BUY "have a public CA issue one: certspan csr create"

struct list {
	struct pki_warning *out;
	size_t max, n;
};

static struct pki_warning *CS_PRINTF(4, 5)
        warn(struct list *list, const char *code, const char *remedy, const char *fmt, ...)
{
	static struct pki_warning beyond; /* what has no room is written nowhere that is read */
	va_list args;

	if (list->n == list->max)
		return &beyond;
	struct pki_warning *w = &list->out[list->n++];
	*w = (struct pki_warning){ .code = code, .remedy = remedy };
	va_start(args, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, args);
	va_end(args);
	return w;
}

int64_t pki_renewal_window(const struct pki_cert *leaf)
{
	const int64_t lifetime = leaf->not_after - leaf->not_before;

	if (lifetime < 10 * DAY)
		return lifetime / 2;
	return lifetime / 3 < 30 * DAY ? lifetime / 3 : 30 * DAY;
}

int pki_lifetime_limit(int64_t not_before)
{
	static const struct {
		int64_t from;
		int days;
	} limits[] = {
		{ 1868227200, 47 }, /* 2029-03-15 */
		{ 1805068800, 100 }, /* 2027-03-15 */
		{ 1773532800, 200 }, /* 2026-03-15 */
	};

	for (size_t i = 0; i < CS_COUNT(limits); i++)
		if (not_before >= limits[i].from)
			return limits[i].days;
	return 398;
}

bool pki_warning_by_clock(const char *code)
{
	static const char *const codes[] = { "expired", "not-yet-valid", "expires-soon" };

	for (size_t i = 0; i < CS_COUNT(codes); i++)
		if (strcmp(codes[i], code) == 0)
			return true;
	return false;
}

static void validity(struct list *list, const struct pki_cert *leaf, int64_t now)
{
	char when[32];

	if (now < leaf->not_before)
		warn(list, "not-yet-valid", "activate it from that time on; check the clock",
		        "valid only from %s", cs_time_text(leaf->not_before, when, sizeof(when)));
	cs_time_text(leaf->not_after, when, sizeof(when));
	if (now > leaf->not_after)
		warn(list, "expired", "import its renewal: certspan cert import FILE",
		        "expired at %s", when);
	else if (leaf->not_after - now < pki_renewal_window(leaf))
		warn(list, "expires-soon", "import its renewal: certspan cert import FILE",
		        "ends at %s, in %lld days", when,
		        (long long)((leaf->not_after - now) / DAY));
}

size_t pki_warnings_now(
        const struct pki_cert *leaf, int64_t now, struct pki_warning *out, size_t max)
{
	struct list list = { out, max, 0 };

	validity(&list, leaf, now);
	return list.n;
}

static void lifetime(
        struct list *list, const struct pki_cert *leaf, const struct pki_surroundings *around)
{
	/* Both ends count: a certificate of a day ends at 23:59:59 (RFC 5280, 4.1.2.5). */
	const int64_t seconds = leaf->not_after - leaf->not_before + 1;
	const int limit = pki_lifetime_limit(leaf->not_before);

	if (leaf->is_ca || seconds <= (int64_t)limit * DAY)
		return;
	const bool public = around->trust == PKI_TRUST_PUBLIC;
	warn(list, "long-lifetime", "ask the CA for one of at most that many days",
	        "lives for %lld days; %s%d", (long long)(seconds / DAY),
	        public ? "clients refuse more than "
	               : "of a public CA clients would refuse more than ",
	        limit)
	        ->info = !public;
}

static void strength(struct list *list, const struct pki_cert *leaf)
{
	const char *again = "have it issued again for a P-256 or RSA-2048 key, signed with SHA-256";

	if (leaf->key == PKI_KEY_RSA && leaf->key_bits < RSA_MIN)
		warn(list, "weak-key", again,
		        "an RSA key of %u bits; %d is the least that clients accept",
		        leaf->key_bits, RSA_MIN);
	if (leaf->key == PKI_KEY_OTHER)
		warn(list, "weak-key", again, "a key of a type that TLS clients do not accept");
	if (leaf->weak_hash)
		warn(list, "weak-hash", again, "signed with %s, which clients refuse",
		        leaf->signature);
}

static void purpose(struct list *list, const struct pki_cert *leaf)
{
	if (leaf->is_ca)
		warn(list, "is-ca", "import the server's own certificate",
		        "a CA certificate, not one of a server");
	if (!leaf->server_auth)
		warn(list, "no-server-auth", "have it issued with the usage serverAuth",
		        "its extended key usage does not allow TLS servers");
	if (leaf->must_staple)
		warn(list, "must-staple", "have it issued without the TLS feature extension",
		        "it demands a stapled OCSP answer; clients refuse it without one");
}

/* A common name that looks like a host's. */
static bool names_a_host(const char *cn)
{
	return strchr(cn, '.') != NULL && pki_hostname_ok(strncmp(cn, "*.", 2) == 0 ? cn + 2 : cn);
}

static bool has_name(const struct pki_cert *leaf, const char *name)
{
	for (size_t i = 0; i < leaf->dns_count; i++)
		if (pki_name_match(leaf->dns[i], cs_bytes_of(name)) != PKI_COVER_NONE ||
		        strcmp(leaf->dns[i], name) == 0)
			return true;
	return false;
}

static void names(struct list *list, const struct pki_cert *leaf)
{
	char shown[128];
	const psl_ctx_t *psl = psl_builtin();

	cs_show(leaf->subject_cn, shown, sizeof(shown));
	if (leaf->dns_count + leaf->ip_count == 0)
		warn(list, "no-san", "have it issued with its host names as alternative names",
		        "no subject alternative name: it covers no host name (the common name %s "
		        "does not count)",
		        shown);
	else if (names_a_host(leaf->subject_cn) && !has_name(leaf, leaf->subject_cn))
		warn(list, "cn-without-san", "repeat it as the first alternative name",
		        "the common name %s is not among the alternative names: no client looks at "
		        "it",
		        shown);
	for (size_t i = 0; i < leaf->dns_count; i++) {
		if (strncmp(leaf->dns[i], "*.", 2) != 0 || psl == NULL ||
		        psl_is_public_suffix(psl, leaf->dns[i] + 2) == 0)
			continue;
		cs_show(leaf->dns[i], shown, sizeof(shown));
		warn(list, "public-suffix-wildcard", "name the hosts, or *.DOMAIN of your own",
		        "%s stands for everybody's domains: clients refuse it", shown);
		return;
	}
}

static void anchor(
        struct list *list, const struct pki_cert *leaf, const struct pki_surroundings *around)
{
	if (!leaf->self_signed && around->trust == PKI_TRUST_PRIVATE)
		warn(list, "private-ca", BUY,
		        "its path does not end in the trust store of this system: " PRIVATE_NOTE);
	if (around->trust == PKI_TRUST_PUBLIC && leaf->sct_count < SCTS_MIN)
		warn(list, "no-scts", "have the CA issue it with embedded SCTs",
		        "%zu signed certificate timestamps inside; browsers want %d of a public CA",
		        leaf->sct_count, SCTS_MIN);
}

size_t pki_warnings_of_trust(
        const struct pki_cert *leaf, enum pki_trust trust, struct pki_warning *out, size_t max)
{
	const struct pki_surroundings around = { .trust = trust };
	struct list list = { out, max, 0 };

	lifetime(&list, leaf, &around);
	anchor(&list, leaf, &around);
	return list.n;
}

bool pki_warning_by_trust(const char *code)
{
	return strcmp(code, "long-lifetime") == 0 || strcmp(code, "private-ca") == 0 ||
	       strcmp(code, "no-scts") == 0;
}

static void others(struct list *list, const struct pki_surroundings *around)
{
	if (around->same_names != NULL)
		warn(list, "duplicate", "certspan explain HOST, then delete one of them",
		        "the Active certificate %s has the same names", around->same_names);
	if (around->same_key != NULL)
		warn(list, "shared-key", "give each certificate a key of its own",
		        "%s, of other names, has the same private key", around->same_key);
}

/* Each certificate is issued, by name, by the one after it. *ENDS: one of them ends before the
 * leaf does. */
static bool links_up(
        const struct pki_cert *leaf, const struct cs_bytes *chain, size_t n, struct pki_cert **ends)
{
	CS_AUTO(pki_cert_free) struct pki_cert *below = NULL;

	for (size_t i = 0; i < n; i++) {
		CS_AUTO(pki_cert_free) struct pki_cert *above = NULL;
		if (pki_cert_read(chain[i], &above) != CS_OK)
			return false;
		if (!cs_bytes_equal((below != NULL ? below : leaf)->issuer_der, above->subject_der))
			return false;
		pki_cert_free(&below);
		below = CS_STEAL(above);
		if (*ends == NULL && below->not_after < leaf->not_after - TOGETHER)
			*ends = CS_STEAL(below);
		if (below == NULL && pki_cert_read(chain[i], &below) != CS_OK)
			return false;
	}
	return n > 0;
}

static void path(
        struct list *list, const struct pki_cert *leaf, const struct cs_bytes *chain, size_t n)
{
	CS_AUTO(pki_cert_free) struct pki_cert *ends = NULL;
	char when[32], shown[96];

	if (!leaf->self_signed && !links_up(leaf, chain, n, &ends))
		warn(list, "chain-incomplete", "import the CA's intermediate certificates", "%s",
		        n == 0 ? "no issuer certificate came with it; clients may not find a way "
		                 "to a root"
		               : "the chain does not lead up from the leaf in order");
	if (ends != NULL)
		warn(list, "chain-ends-first", "import the CA's newer intermediate certificate",
		        "%s in its chain ends at %s, before the certificate itself",
		        cs_show(ends->subject_cn, shown, sizeof(shown)),
		        cs_time_text(ends->not_after, when, sizeof(when)));
}

size_t pki_warnings_among(const struct pki_cert *leaf, const struct cs_bytes *chain,
        size_t chain_count, int64_t now, const struct pki_surroundings *around,
        struct pki_warning *out, size_t max)
{
	struct list list = { out, max, 0 };

	validity(&list, leaf, now);
	lifetime(&list, leaf, around);
	strength(&list, leaf);
	names(&list, leaf);
	purpose(&list, leaf);
	if (leaf->self_signed)
		warn(&list, "self-signed", BUY, "self-signed: browsers warn; " PRIVATE_NOTE);
	anchor(&list, leaf, around);
	path(&list, leaf, chain, chain_count);
	others(&list, around);
	return list.n;
}

size_t pki_cert_warnings(const struct pki_cert *leaf, const struct cs_bytes *chain,
        size_t chain_count, int64_t now, struct pki_warning *out, size_t max)
{
	const struct pki_surroundings alone = { .trust = PKI_TRUST_UNKNOWN };

	return pki_warnings_among(leaf, chain, chain_count, now, &alone, out, max);
}
