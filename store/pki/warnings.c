#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "proto/base/text.h"
#include "store/pki/cert.h"

#define DAY 86400
#define RSA_MIN 2048

struct list {
	struct pki_warning *out;
	size_t max, n;
};

static void CS_PRINTF(3, 4) warn(struct list *list, const char *code, const char *fmt, ...)
{
	va_list args;

	if (list->n == list->max)
		return;
	struct pki_warning *w = &list->out[list->n++];
	w->code = code;
	va_start(args, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, args);
	va_end(args);
}

/* How long before the end a renewal is due: a third of the lifetime, at most 30 days, half of a
 * short one (notes/security.md section 9). */
static int64_t window(const struct pki_cert *leaf)
{
	const int64_t lifetime = leaf->not_after - leaf->not_before;

	if (lifetime < 10 * DAY)
		return lifetime / 2;
	return lifetime / 3 < 30 * DAY ? lifetime / 3 : 30 * DAY;
}

static void validity(struct list *list, const struct pki_cert *leaf, int64_t now)
{
	char when[32];

	if (now < leaf->not_before)
		warn(list, "not-yet-valid", "valid only from %s",
		        cs_time_text(leaf->not_before, when, sizeof(when)));
	cs_time_text(leaf->not_after, when, sizeof(when));
	if (now > leaf->not_after)
		warn(list, "expired", "expired at %s", when);
	else if (leaf->not_after - now < window(leaf))
		warn(list, "expires-soon", "ends at %s", when);
}

static void strength(struct list *list, const struct pki_cert *leaf)
{
	if (leaf->key == PKI_KEY_RSA && leaf->key_bits < RSA_MIN)
		warn(list, "weak-key", "an RSA key of %u bits; %d is the least that clients accept",
		        leaf->key_bits, RSA_MIN);
	if (leaf->key == PKI_KEY_OTHER)
		warn(list, "weak-key", "a key of a type that TLS clients do not accept");
	if (leaf->weak_hash)
		warn(list, "weak-hash", "signed with %s, which clients refuse", leaf->signature);
}

static void purpose(struct list *list, const struct pki_cert *leaf)
{
	if (leaf->dns_count + leaf->ip_count == 0)
		warn(list, "no-san",
		        "no subject alternative name: it covers no host name (the common name does "
		        "not count)");
	if (leaf->is_ca)
		warn(list, "is-ca", "a CA certificate, not one of a server");
	if (!leaf->server_auth)
		warn(list, "no-server-auth", "its extended key usage does not allow TLS servers");
	if (leaf->self_signed)
		warn(list, "self-signed",
		        "self-signed: browsers warn unless they were told to trust it");
}

/* Each certificate is issued, by name, by the one after it. */
static bool links_up(const struct pki_cert *leaf, const struct cs_bytes *chain, size_t n)
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
	}
	return n > 0;
}

size_t pki_cert_warnings(const struct pki_cert *leaf, const struct cs_bytes *chain,
        size_t chain_count, int64_t now, struct pki_warning *out, size_t max)
{
	struct list list = { out, max, 0 };

	validity(&list, leaf, now);
	strength(&list, leaf);
	purpose(&list, leaf);
	if (!leaf->self_signed && !links_up(leaf, chain, chain_count))
		warn(&list, "chain-incomplete", "%s",
		        chain_count == 0 ? "no issuer certificate came with it; clients may not "
		                           "find a way to a root"
		                         : "the chain does not lead up from the leaf in order");
	return list.n;
}
