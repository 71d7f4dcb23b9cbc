#include "proto/role/recovery.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sodium.h>
#include "proto/base/text.h"

#define HEAD "certspan recovery file "
#define VERSION "1\n"
#define SUM 16
#define SECRET 36 /* epoch, big-endian, and 32 bytes */
#define PLAIN_MAX (16 + RECOVERY_SECRETS_MAX * SECRET)
#define BOX_MAX (PLAIN_MAX + crypto_secretbox_MACBYTES)
#define PASSES_MAX 10
#define BYTES_MAX (256ul << 20) /* an importer may use twice that */
#define BYTES_MIN 8192ul
#define GROUPS 6
#define GROUP 5

struct layout {
	uint8_t cluster[16], salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES];
	char made[24];
	unsigned long long passes, bytes;
	uint8_t box[BOX_MAX];
	size_t box_n;
};

void recovery_passphrase(char out[RECOVERY_PASSPHRASE_BYTES])
{
	static const char letters[] =
	        "abcdefghjkmnpqrstuvwxyz23456789"; /* none looks like another */
	size_t n = 0;

	for (size_t i = 0; i < GROUPS * GROUP; i++) {
		if (i > 0 && i % GROUP == 0)
			out[n++] = '-';
		out[n++] = letters[randombytes_uniform(sizeof(letters) - 1)];
	}
	out[n] = '\0';
}

static enum cs_err put_hex(struct cs_buf *out, const char *name, const uint8_t *bytes, size_t n)
{
	char hex[2 * BOX_MAX + 1];

	cs_hex(bytes, n, hex);
	return cs_buf_printf(out, "%s %s\n", name, hex);
}

static enum cs_err format(const struct layout *l, struct cs_buf *out)
{
	uint8_t sum[SUM];
	const size_t from = out->n;

	CS_TRY(cs_buf_printf(out, HEAD VERSION));
	CS_TRY(put_hex(out, "cluster", l->cluster, sizeof(l->cluster)));
	CS_TRY(cs_buf_printf(
	        out, "made %s\nkdf argon2id %llu %llu\n", l->made, l->passes, l->bytes));
	CS_TRY(put_hex(out, "salt", l->salt, sizeof(l->salt)));
	CS_TRY(put_hex(out, "nonce", l->nonce, sizeof(l->nonce)));
	CS_TRY(put_hex(out, "box", l->box, l->box_n));
	crypto_generichash(sum, sizeof(sum), out->p + from, out->n - from, NULL, 0);
	return put_hex(out, "sum", sum, sizeof(sum));
}

static enum cs_err derive(const struct layout *l, struct cs_bytes passphrase, uint8_t key[32])
{
	const char *text = passphrase.n > 0 ? (const char *)passphrase.p : "";

	return crypto_pwhash(key, 32, text, passphrase.n, l->salt, l->passes, (size_t)l->bytes,
	               crypto_pwhash_ALG_ARGON2ID13) == 0
	               ? CS_OK
	               : CS_ENOMEM;
}

/* The cluster is inside too: a secretbox has no associated data. */
static size_t pack(const struct recovery *what, uint8_t plain[PLAIN_MAX])
{
	size_t n = sizeof(what->cluster);

	memcpy(plain, what->cluster, n);
	for (size_t i = 0; i < what->count; i++) {
		for (int shift = 24; shift >= 0; shift -= 8)
			plain[n++] = (uint8_t)(what->secrets[i].epoch >> shift);
		memcpy(plain + n, what->secrets[i].secret, 32);
		n += 32;
	}
	return n;
}

enum cs_err recovery_write(
        const struct recovery *what, struct cs_bytes passphrase, bool strong, struct cs_buf *out)
{
	uint8_t plain[PLAIN_MAX], key[crypto_secretbox_KEYBYTES];
	struct layout l = { .passes = strong ? crypto_pwhash_OPSLIMIT_MODERATE : 1,
		.bytes = strong ? crypto_pwhash_MEMLIMIT_MODERATE : 65536 };

	if (what->count == 0 || what->count > RECOVERY_SECRETS_MAX)
		return CS_EUSAGE;
	memcpy(l.cluster, what->cluster, sizeof(l.cluster));
	cs_time_text(what->made, l.made, sizeof(l.made));
	randombytes_buf(l.salt, sizeof(l.salt));
	randombytes_buf(l.nonce, sizeof(l.nonce));
	CS_TRY(derive(&l, passphrase, key));
	const size_t n = pack(what, plain);
	crypto_secretbox_easy(l.box, plain, n, l.nonce, key);
	l.box_n = n + crypto_secretbox_MACBYTES;
	sodium_memzero(plain, sizeof(plain));
	sodium_memzero(key, sizeof(key));
	return format(&l, out);
}

/* "NAME HEX\n" with exactly N bytes. */
static enum cs_err take_hex(const char **text, const char *name, uint8_t *bytes, size_t n)
{
	char hex[2 * BOX_MAX + 1];
	const size_t head = strlen(name);

	if (strncmp(*text, name, head) != 0 || (*text)[head] != ' ')
		return CS_EMALFORMED;
	const char *p = *text + head + 1;
	if (strcspn(p, "\n") != 2 * n || p[2 * n] != '\n')
		return CS_EMALFORMED;
	memcpy(hex, p, 2 * n);
	hex[2 * n] = '\0';
	*text = p + 2 * n + 1;
	return cs_unhex(hex, bytes, n);
}

static enum cs_err take_box(const char **text, struct layout *l)
{
	const size_t digits = strcspn(*text, "\n");
	const size_t n = digits > 4 ? (digits - 4) / 2 : 0;
	const size_t plain = n - crypto_secretbox_MACBYTES;

	if (n <= crypto_secretbox_MACBYTES + 16 || n > BOX_MAX || (plain - 16) % SECRET != 0)
		return CS_EMALFORMED;
	l->box_n = n;
	return take_hex(text, "box", l->box, n);
}

static enum cs_err take_line(const char **text, struct layout *l)
{
	int used = 0;

	if (sscanf(*text, "made %20s\nkdf argon2id %20llu %20llu%n", l->made, &l->passes, &l->bytes,
	            &used) != 3 ||
	        used == 0 || (*text)[used] != '\n')
		return CS_EMALFORMED;
	*text += used + 1;
	return CS_OK;
}

/* Digits alone, as cs_time_text writes it. */
static enum cs_err seconds_of(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	char again[24];

	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end == NULL || *end != '\0')
		return CS_EMALFORMED;
	*out = timegm(&tm);
	return strcmp(cs_time_text(*out, again, sizeof(again)), text) == 0 ? CS_OK : CS_EMALFORMED;
}

static enum cs_err parse(const char *text, struct layout *l)
{
	uint8_t sum[SUM];

	if (strncmp(text, HEAD, strlen(HEAD)) != 0)
		return CS_EMALFORMED;
	text += strlen(HEAD);
	if (strncmp(text, VERSION, strlen(VERSION)) != 0)
		return text[0] >= '2' && text[0] <= '9' ? CS_EVERSION : CS_EMALFORMED;
	text += strlen(VERSION);
	CS_TRY(take_hex(&text, "cluster", l->cluster, sizeof(l->cluster)));
	CS_TRY(take_line(&text, l));
	CS_TRY(take_hex(&text, "salt", l->salt, sizeof(l->salt)));
	CS_TRY(take_hex(&text, "nonce", l->nonce, sizeof(l->nonce)));
	CS_TRY(take_box(&text, l));
	CS_TRY(take_hex(&text, "sum", sum, sizeof(sum)));
	return *text == '\0' ? CS_OK : CS_EMALFORMED;
}

/* Written again it must be the same to the last byte: that covers the sum, the case of digits, and
 * whatever a parser might wink at. */
static enum cs_err layout_of(struct cs_bytes file, struct layout *l)
{
	CS_AUTO(cs_buf_free)
	struct cs_buf text = cs_buf_new(RECOVERY_FILE_MAX + 1),
	              again = cs_buf_new(RECOVERY_FILE_MAX);

	*l = (struct layout){ .box_n = 0 };
	if (file.n == 0)
		return CS_EEMPTY;
	if (file.n > RECOVERY_FILE_MAX)
		return CS_ETOOBIG;
	if (memchr(file.p, '\0', file.n) != NULL)
		return CS_EMALFORMED;
	CS_TRY(cs_buf_add(&text, file.p, file.n));
	CS_TRY(parse(cs_buf_text(&text), l));
	CS_TRY(format(l, &again));
	return cs_bytes_equal(cs_buf_view(&again), file) ? CS_OK : CS_EMALFORMED;
}

enum cs_err recovery_look(struct cs_bytes file, struct recovery *out)
{
	struct layout l;

	*out = (struct recovery){ .count = 0 };
	CS_TRY(layout_of(file, &l));
	memcpy(out->cluster, l.cluster, sizeof(out->cluster));
	return seconds_of(l.made, &out->made);
}

static enum cs_err unpack(const uint8_t *plain, size_t n, struct recovery *out)
{
	if (memcmp(plain, out->cluster, sizeof(out->cluster)) != 0)
		return CS_EMALFORMED;
	for (size_t at = 16; at < n; at += SECRET) {
		struct recovery_secret *s = &out->secrets[out->count++];
		for (size_t i = 0; i < 4; i++)
			s->epoch = s->epoch << 8 | plain[at + i];
		memcpy(s->secret, plain + at + 4, sizeof(s->secret));
		if (s->epoch == 0)
			return CS_EMALFORMED;
	}
	return CS_OK;
}

static enum cs_err open_box(
        const struct layout *l, struct cs_bytes passphrase, struct recovery *out)
{
	uint8_t plain[PLAIN_MAX], key[crypto_secretbox_KEYBYTES];

	if (l->passes < 1 || l->passes > PASSES_MAX || l->bytes < BYTES_MIN || l->bytes > BYTES_MAX)
		return CS_EITERATIONS;
	CS_TRY(derive(l, passphrase, key));
	const bool opened = crypto_secretbox_open_easy(plain, l->box, l->box_n, l->nonce, key) == 0;
	sodium_memzero(key, sizeof(key));
	const enum cs_err rc =
	        opened ? unpack(plain, l->box_n - crypto_secretbox_MACBYTES, out) : CS_EPASSPHRASE;
	sodium_memzero(plain, sizeof(plain));
	return rc;
}

enum cs_err recovery_read(struct cs_bytes file, struct cs_bytes passphrase, struct recovery *out)
{
	struct layout l;

	enum cs_err rc = recovery_look(file, out);
	if (rc == CS_OK)
		rc = layout_of(file, &l);
	if (rc == CS_OK)
		rc = open_box(&l, passphrase, out);
	if (rc != CS_OK)
		recovery_wipe(out);
	return rc;
}

void recovery_wipe(struct recovery *self)
{
	sodium_memzero(self, sizeof(*self));
}
