#include "store/pki/keyscan.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RUN_MIN 40 /* digits of base64 or hex that may hide the head of a key */
#define TOKEN "certspan1."
#define SEQUENCE 0x30
#define INTEGER 0x02
#define OCTETS 0x04
#define OID 0x06

static bool has_bytes(struct cs_bytes in, const void *word, size_t n)
{
	return memmem(in.p, in.n, word, n) != NULL;
}

static bool has_word_any_case(struct cs_bytes in, const char *word)
{
	const size_t n = strlen(word);

	for (size_t i = 0; i + n <= in.n; i++)
		if (strncasecmp((const char *)in.p + i, word, n) == 0)
			return true;
	return false;
}

static int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* "certspan1." and a long word; a host may be called certspan1 too. */
static bool has_token(struct cs_bytes in)
{
	const uint8_t *at = in.p, *end = in.p + in.n;
	const size_t n = strlen(TOKEN);

	while ((at = memmem(at, (size_t)(end - at), TOKEN, n)) != NULL) {
		size_t word = 0;
		at += n;
		while (at + word < end && base64_digit(at[word]) >= 0)
			word++;
		if (word >= RUN_MIN)
			return true;
	}
	return false;
}

static const char *scan_words(struct cs_bytes in)
{
	static const struct {
		const char *word;
		bool any_case;
		const char *what;
	} words[] = { { "PRIVATE KEY", false, "a PEM private key" },
		{ "private key-----", true, "a PEM private key" },
		{ "PuTTY-User-Key-File", false, "a PuTTY private key" },
		{ "openssh-key-v1", false, "an OpenSSH private key" },
		{ "privateExponent", false, "a private key in text form" },
		{ "Private-Key:", true, "a private key in text form" },
		{ "certspan keyd key", false, "keyd's key file" },
		{ "certspan replicator key", false, "the replicator's key file" },
		{ "certspan recovery file", false, "the recovery file" },
		{ "curve-secret ", false, "the replicator's key file" },
		{ "seal-secret ", false, "keyd's key file" } };

	for (size_t i = 0; i < CS_COUNT(words); i++)
		if (words[i].any_case ? has_word_any_case(in, words[i].word)
		                      : has_bytes(in, words[i].word, strlen(words[i].word)))
			return words[i].what;
	return has_token(in) ? "a join token" : NULL;
}

/* Takes one element of TAG from *IN. Lengths beyond the end are cut: half a key is found too. */
static bool element(struct cs_bytes *in, uint8_t tag, struct cs_bytes *out)
{
	size_t head = 2, len;

	if (in->n < 2 || in->p[0] != tag)
		return false;
	len = in->p[1];
	if (len == 0x80) {
		len = in->n; /* indefinite: up to the end */
	} else if (len > 0x80) {
		const size_t digits = len & 0x7f;
		if (digits > 4 || in->n < 2 + digits)
			return false;
		len = 0;
		for (size_t i = 0; i < digits; i++)
			len = len << 8 | in->p[2 + i];
		head += digits;
	}
	if (len > in->n - head)
		len = in->n - head;
	*out = (struct cs_bytes){ in->p + head, len };
	in->p += head + len;
	in->n -= head + len;
	return true;
}

static bool small_integer(struct cs_bytes *in, uint8_t least, uint8_t most)
{
	struct cs_bytes v;

	return element(in, INTEGER, &v) && v.n == 1 && v.p[0] >= least && v.p[0] <= most;
}

/* SEQUENCE { OID ... } whose OID begins with the N bytes at PREFIX. */
static bool algorithm(struct cs_bytes *in, const uint8_t *prefix, size_t n)
{
	struct cs_bytes sequence, oid;

	return element(in, SEQUENCE, &sequence) && element(&sequence, OID, &oid) && oid.n >= n &&
	       (n == 0 || memcmp(oid.p, prefix, n) == 0);
}

static bool is_pkcs8(struct cs_bytes in)
{
	struct cs_bytes key;

	return small_integer(&in, 0, 1) && algorithm(&in, NULL, 0) && element(&in, OCTETS, &key) &&
	       key.n >= 8;
}

/* RSA and DSA: version, then numbers of the size of keys; or as many as are there of them. */
static bool is_numbers(struct cs_bytes in)
{
	struct cs_bytes a, b, c;

	if (!small_integer(&in, 0, 1) || !element(&in, INTEGER, &a) || a.n < 32)
		return false;
	if (in.n > 0 && !element(&in, INTEGER, &b))
		return false;
	return in.n == 0 || element(&in, INTEGER, &c);
}

static bool is_ec(struct cs_bytes in)
{
	struct cs_bytes key;

	return small_integer(&in, 1, 1) && element(&in, OCTETS, &key) && key.n >= 14 &&
	       key.n <= 72 && (in.n == 0 || in.p[0] == 0xa0 || in.p[0] == 0xa1);
}

static const uint8_t pkcs5[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05 },
                     pkcs12_pbe[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c },
                     pkcs7[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07 };

static bool is_encrypted(struct cs_bytes in)
{
	struct cs_bytes again = in, data;

	if (!algorithm(&in, pkcs5, sizeof(pkcs5)) &&
	        !algorithm(&again, pkcs12_pbe, sizeof(pkcs12_pbe)))
		return false;
	return element(in.n < again.n ? &in : &again, OCTETS, &data);
}

static bool is_pfx(struct cs_bytes in)
{
	return small_integer(&in, 3, 3) && algorithm(&in, pkcs7, sizeof(pkcs7));
}

static const char *scan_sequence(struct cs_bytes at)
{
	static const struct {
		bool (*is)(struct cs_bytes);
		const char *what;
	} forms[] = { { is_pkcs8, "a PKCS#8 private key" },
		{ is_numbers, "a traditional RSA or DSA private key" },
		{ is_ec, "a traditional EC private key" },
		{ is_encrypted, "an encrypted private key" },
		{ is_pfx, "a PKCS#12 file or a sealed bundle" } };
	struct cs_bytes content;

	if (!element(&at, SEQUENCE, &content))
		return NULL;
	for (size_t i = 0; i < CS_COUNT(forms); i++)
		if (forms[i].is(content))
			return forms[i].what;
	return NULL;
}

/* Key bags of PKCS#12, and CMS that hides its content: by their OIDs alone. */
static const char *scan_oids(struct cs_bytes in)
{
	static const struct {
		uint8_t oid[13];
		size_t n;
		const char *what;
	} oids[] = {
		{ "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01", 13,
		        "a key bag of PKCS#12" },
		{ "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02", 13,
		        "a key bag of PKCS#12" },
		{ "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", 11, "something encrypted" },
		{ "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 11, "something enveloped" },
		{ "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06", 11, "something encrypted" },
	};

	for (size_t i = 0; i < CS_COUNT(oids); i++)
		if (has_bytes(in, oids[i].oid, oids[i].n))
			return oids[i].what;
	return NULL;
}

static const char *scan_der(struct cs_bytes in)
{
	const char *what = scan_oids(in);
	const uint8_t *end = in.p + in.n;

	for (const uint8_t *at = in.p; what == NULL && at < end; at++) {
		at = memchr(at, SEQUENCE, (size_t)(end - at));
		if (at == NULL)
			break;
		what = scan_sequence((struct cs_bytes){ at, (size_t)(end - at) });
	}
	return what;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* A way to write bytes as text: BITS a digit; what may stand between two digits. */
struct writing {
	int (*digit)(uint8_t);
	unsigned bits, alignments;
	const char *between;
};
static const struct writing writings[] = { { base64_digit, 6, 4, " \t\r\n" },
	{ hex_digit, 4, 2, " \t\r\n:" } };

/* The digits from *AT on, as values, into OUT; *AT moves behind them. JSON's \n and \r count as
 * white space. */
static size_t run(const struct writing *w, struct cs_bytes in, size_t *at, uint8_t *out)
{
	size_t n = 0;

	for (; *at < in.n; (*at)++) {
		const uint8_t c = in.p[*at];
		const int digit = w->digit(c);
		if (digit >= 0)
			out[n++] = (uint8_t)digit;
		else if (c == '\\' && *at + 1 < in.n && strchr("nr/", in.p[*at + 1]) != NULL)
			*at += in.p[*at + 1] != '/'; /* "\/" is a slash: a digit */
		else if (c == '\0' || strchr(w->between, c) == NULL)
			break;
	}
	return n;
}

static size_t join_bits(const uint8_t *digits, size_t n, unsigned bits, uint8_t *out)
{
	uint32_t held = 0;
	unsigned have = 0;
	size_t made = 0;

	for (size_t i = 0; i < n; i++) {
		held = (held << bits | digits[i]) & 0xffff;
		have += bits;
		if (have >= 8) {
			have -= 8;
			out[made++] = (uint8_t)(held >> have);
		}
	}
	return made;
}

/* Text before a run shifts its digits: each alignment is tried. DIGITS and BYTES have room for IN.
 */
static const char *scan_writing(
        const struct writing *w, struct cs_bytes in, uint8_t *digits, uint8_t *bytes)
{
	for (size_t at = 0; at < in.n; at++) {
		const size_t n = run(w, in, &at, digits);
		for (unsigned skip = 0; n >= RUN_MIN && skip < w->alignments; skip++) {
			const size_t made = join_bits(digits + skip, n - skip, w->bits, bytes);
			const struct cs_bytes decoded = { bytes, made };
			const char *what = scan_der(decoded);
			if (what == NULL)
				what = scan_words(decoded);
			if (what != NULL)
				return what;
		}
	}
	return NULL;
}

static size_t without_nul(struct cs_bytes in, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] != '\0')
			out[n++] = in.p[i];
	return n;
}

static const char *scan_texts(struct cs_bytes in, uint8_t *a, uint8_t *b, uint8_t *c)
{
	const struct cs_bytes narrow = { a, without_nul(in, a) }; /* UTF-16 as ASCII */
	const char *what = scan_words(narrow);

	for (size_t i = 0; what == NULL && i < CS_COUNT(writings); i++)
		what = scan_writing(&writings[i], narrow, b, c);
	return what;
}

const char *pki_keyscan(struct cs_bytes bytes, bool *failed)
{
	*failed = false;
	if (bytes.n == 0)
		return NULL;
	const char *what = scan_words(bytes);
	if (what == NULL)
		what = scan_der(bytes);
	if (what != NULL)
		return what;
	uint8_t *room = calloc(3, bytes.n);
	*failed = room == NULL;
	if (room == NULL)
		return NULL;
	what = scan_texts(bytes, room, room + bytes.n, room + 2 * bytes.n);
	free(room);
	return what;
}
