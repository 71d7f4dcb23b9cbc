/* Passphrases: never an argument, never the environment; in locked memory, wiped. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <sodium.h>
#include "node/cli/file.h"
#include "proto/base/limits.h"

static enum cs_err keep(struct passphrase *out, const uint8_t *bytes, size_t n)
{
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	if (n > CS_PASSPHRASE_MAX)
		return CS_ETOOBIG;
	if (n > 0 && memchr(bytes, '\0', n) != NULL)
		return CS_EMALFORMED;
	out->text = sodium_malloc(n + 1); /* guarded and locked */
	if (out->text == NULL)
		return CS_ENOMEM;
	if (n > 0)
		memcpy(out->text, bytes, n);
	out->text[n] = '\0';
	out->n = n;
	return CS_OK;
}

static enum cs_err from_fd(int fd, struct passphrase *out)
{
	CS_AUTO(cs_buf_free) struct cs_buf buf = cs_buf_new(CS_PASSPHRASE_MAX + 2);

	CS_TRY(cs_buf_reserve(
	        &buf, CS_PASSPHRASE_MAX + 2)); /* one piece of memory: no copy stays behind */
	CS_TRY(file_read_fd(fd, &buf));
	return keep(out, buf.p, buf.n);
}

static enum cs_err from_file(const char *path, struct passphrase *out)
{
	if (strcmp(path, "-") == 0)
		return from_fd(STDIN_FILENO, out);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cs_err_errno(errno);
	const enum cs_err rc = from_fd(fd, out);
	close(fd);
	return rc;
}

static enum cs_err from_number(const char *text, struct passphrase *out)
{
	char *end = NULL;
	const unsigned long fd = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || fd > 65535)
		return CS_EUSAGE;
	return from_fd((int)fd, out);
}

static enum cs_err from_credential(const char *name, struct passphrase *out)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	if (folder == NULL || strchr(name, '/') != NULL)
		return CS_ENOTFOUND;
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return CS_ETOOBIG;
	return from_file(path, out);
}

static enum cs_err prompt(const char *what, struct passphrase *out)
{
	struct termios was, silent;
	uint8_t line[CS_PASSPHRASE_MAX + 2];
	const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0 || tcgetattr(tty, &was) != 0) {
		if (tty >= 0)
			close(tty);
		return CS_ENOPASSPHRASE;
	}
	silent = was;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	dprintf(tty, "Passphrase for %s: ", what);
	tcsetattr(tty, TCSAFLUSH, &silent);
	const ssize_t n = read(tty, line, sizeof(line));
	tcsetattr(tty, TCSAFLUSH, &was);
	dprintf(tty, "\n");
	close(tty);
	const enum cs_err rc = n < 0 ? CS_EIO : keep(out, line, (size_t)n);
	sodium_memzero(line, sizeof(line));
	return rc;
}

static int refuse(struct cli *cli, enum cs_err err, const char *from, const char *value)
{
	if (err == CS_EUSAGE)
		return cli_fail(cli, err, "give the number of an open descriptor",
		        "%s %.100s: no descriptor", from, value);
	if (err == CS_ETOOBIG)
		return cli_fail(cli, err, "check that it is the right file",
		        "%s %.200s: longer than %d bytes", from, value, CS_PASSPHRASE_MAX);
	if (err == CS_EMALFORMED)
		return cli_fail(cli, err, "check that it is the right file",
		        "%s %.200s: holds a NUL byte", from, value);
	return cli_fail(cli, err, "check the name and who may read it", "%s %.200s: %s", from,
	        value, err == CS_ENOTFOUND ? "no such file" : cs_err_text(err));
}

bool passphrase_by_option(
        struct cli *cli, const char *prefix, struct passphrase *out, int *exit_code)
{
	static const struct {
		const char *option;
		enum cs_err (*read)(const char *value, struct passphrase *out);
	} ways[] = { { "passphrase-fd", from_number }, { "passphrase-file", from_file },
		{ "credential", from_credential } };

	*exit_code = 0;
	*out = (struct passphrase){ NULL, 0 };
	for (size_t i = 0; i < CS_COUNT(ways); i++) {
		char from[64];
		snprintf(from, sizeof(from), "--%s%s", prefix, ways[i].option);
		const char *value = cli_value(cli, from + 2);
		if (value == NULL)
			continue;
		const enum cs_err rc = ways[i].read(value, out);
		if (rc != CS_OK)
			*exit_code = refuse(cli, rc, from, value);
		return rc == CS_OK;
	}
	return false;
}

bool passphrase_read(
        struct cli *cli, bool ask, const char *what, struct passphrase *out, int *exit_code)
{
	*exit_code = 0;
	if (passphrase_by_option(cli, "", out, exit_code))
		return true;
	if (*exit_code != 0 || !ask || isatty(STDIN_FILENO) != 1)
		return *exit_code == 0;
	const enum cs_err rc = prompt(what, out);
	if (rc != CS_OK && rc != CS_ENOPASSPHRASE) {
		*exit_code = refuse(cli, rc, "passphrase for", what);
		return false;
	}
	return true;
}

enum cs_err passphrase_ask_new(const char *what, struct passphrase *out)
{
	CS_AUTO(passphrase_free) struct passphrase again = { NULL, 0 };
	char label[128];

	*out = (struct passphrase){ NULL, 0 };
	if (isatty(STDIN_FILENO) != 1)
		return CS_ENOPASSPHRASE;
	CS_TRY(prompt(what, out));
	snprintf(label, sizeof(label), "%.100s, once more", what);
	CS_TRY(prompt(label, &again));
	return out->n == again.n && sodium_memcmp(out->text, again.text, out->n) == 0
	               ? CS_OK
	               : CS_EMISMATCH;
}

enum cs_err passphrase_keep(char *text, struct passphrase *out)
{
	const size_t n = strlen(text);
	const enum cs_err rc = keep(out, (const uint8_t *)text, n);

	sodium_memzero(text, n);
	return rc;
}

void passphrase_free(struct passphrase *self)
{
	if (self->text != NULL)
		sodium_free(self->text);
	*self = (struct passphrase){ NULL, 0 };
}
