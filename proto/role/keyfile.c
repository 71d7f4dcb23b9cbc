#include "proto/role/keyfile.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sodium.h>
#include "proto/base/buf.h"
#include "proto/base/text.h"

#define FILE_MAX 1024

struct item {
	const char *name;
	uint8_t *bytes;
	size_t n;
};
#define ITEM(name, field)                                                                          \
	{                                                                                          \
		name, (field), sizeof(field)                                                       \
	}
#define REPLICATOR_HEAD "certspan replicator key 1\n"
#define REPLICATOR_ITEMS(key)                                                                      \
	{                                                                                          \
		ITEM("curve-public", (key)->curve_public),                                         \
		        ITEM("curve-secret", (key)->curve_secret),                                 \
		        ITEM("sign-public", (key)->sign_public),                                   \
		        ITEM("sign-secret", (key)->sign_secret)                                    \
	}
#define KEYD_HEAD "certspan keyd key 1\n"
#define KEYD_ITEMS(key)                                                                            \
	{                                                                                          \
		ITEM("seal-public", (key)->seal_public), ITEM("seal-secret", (key)->seal_secret),  \
		        ITEM("wrap", (key)->wrap)                                                  \
	}

void replicator_key_make(struct replicator_key *out)
{
	crypto_box_keypair(out->curve_public, out->curve_secret);
	crypto_sign_keypair(out->sign_public, out->sign_secret);
}

void keyd_key_make(struct keyd_key *out)
{
	crypto_box_keypair(out->seal_public, out->seal_secret);
	randombytes_buf(out->wrap, sizeof(out->wrap));
}

static enum cs_err format(struct cs_buf *out, const char *head, const struct item *items, size_t n)
{
	char hex[2 * 64 + 1];
	enum cs_err rc = cs_buf_add(out, head, strlen(head));

	for (size_t i = 0; i < n && rc == CS_OK; i++) {
		cs_hex(items[i].bytes, items[i].n, hex);
		rc = cs_buf_printf(out, "%s %s\n", items[i].name, hex);
	}
	sodium_memzero(hex, sizeof(hex));
	return rc;
}

static enum cs_err write_whole(int fd, struct cs_bytes b)
{
	while (b.n > 0) {
		const ssize_t n = write(fd, b.p, b.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cs_err_errno(errno);
		b.p += n;
		b.n -= (size_t)n;
	}
	return fsync(fd) == 0 ? CS_OK : cs_err_errno(errno);
}

static enum cs_err write_new(const char *path, const char *head, const struct item *items, size_t n)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(FILE_MAX);

	CS_TRY(format(&text, head, items, n));
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return cs_err_errno(errno);
	const enum cs_err rc = write_whole(fd, cs_buf_view(&text));
	close(fd);
	if (rc != CS_OK)
		unlink(path);
	return rc;
}

static enum cs_err read_whole(const char *path, struct cs_buf *out)
{
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return cs_err_errno(errno);
	enum cs_err rc = fstat(fd, &st) == 0 ? CS_OK : CS_EIO;
	if (rc == CS_OK && (st.st_mode & 077) != 0)
		rc = CS_EDENIED;
	if (rc == CS_OK)
		rc = cs_buf_reserve(out, FILE_MAX);
	ssize_t n = 0;
	while (rc == CS_OK && (n = read(fd, out->p + out->n, FILE_MAX - out->n)) > 0)
		out->n += (size_t)n;
	close(fd);
	return rc == CS_OK && n < 0 ? CS_EIO : rc;
}

/* The lines in their one order, to the last byte. */
static enum cs_err parse(const char *text, const char *head, const struct item *items, size_t n)
{
	char hex[2 * 64 + 1];
	enum cs_err rc = CS_OK;

	if (strncmp(text, head, strlen(head)) != 0)
		return CS_EMALFORMED;
	text += strlen(head);
	for (size_t i = 0; i < n && rc == CS_OK; i++) {
		const size_t name = strlen(items[i].name), digits = 2 * items[i].n;
		if (strncmp(text, items[i].name, name) != 0 || text[name] != ' ' ||
		        strlen(text) < name + digits + 2 || text[name + 1 + digits] != '\n')
			return CS_EMALFORMED;
		memcpy(hex, text + name + 1, digits);
		hex[digits] = '\0';
		rc = cs_unhex(hex, items[i].bytes, items[i].n);
		text += name + digits + 2;
	}
	sodium_memzero(hex, sizeof(hex));
	return rc == CS_OK && *text != '\0' ? CS_ETRAILING : rc;
}

static enum cs_err read_items(
        const char *path, const char *head, const struct item *items, size_t n)
{
	CS_AUTO(cs_buf_free) struct cs_buf text = cs_buf_new(FILE_MAX);

	CS_TRY(read_whole(path, &text));
	if (memchr(text.p, '\0', text.n) != NULL)
		return CS_EMALFORMED;
	return parse(cs_buf_text(&text), head, items, n);
}

enum cs_err replicator_key_write(const char *path, const struct replicator_key *key)
{
	struct replicator_key copy = *key;
	const struct item items[] = REPLICATOR_ITEMS(&copy);
	const enum cs_err rc = write_new(path, REPLICATOR_HEAD, items, CS_COUNT(items));

	sodium_memzero(&copy, sizeof(copy));
	return rc;
}

enum cs_err keyd_key_write(const char *path, const struct keyd_key *key)
{
	struct keyd_key copy = *key;
	const struct item items[] = KEYD_ITEMS(&copy);
	const enum cs_err rc = write_new(path, KEYD_HEAD, items, CS_COUNT(items));

	sodium_memzero(&copy, sizeof(copy));
	return rc;
}

enum cs_err replicator_key_read(const char *path, struct replicator_key *out)
{
	const struct item items[] = REPLICATOR_ITEMS(out);
	const enum cs_err rc = read_items(path, REPLICATOR_HEAD, items, CS_COUNT(items));

	if (rc != CS_OK)
		sodium_memzero(out, sizeof(*out));
	return rc;
}

enum cs_err keyd_key_read(const char *path, struct keyd_key *out)
{
	const struct item items[] = KEYD_ITEMS(out);
	const enum cs_err rc = read_items(path, KEYD_HEAD, items, CS_COUNT(items));

	if (rc != CS_OK)
		sodium_memzero(out, sizeof(*out));
	return rc;
}
