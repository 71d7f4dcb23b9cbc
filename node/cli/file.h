/* node/cli/file.h: files that an admin names: read whole under a cap, written whole or not at all;
 * and passphrases. */
#pragma once
#include "node/cli/cli.h"
#include "proto/base/buf.h"

/* Appends the file to OUT. CS_ETOOBIG when it passes OUT's maximum, CS_ENOTFOUND, CS_EDENIED,
 * CS_EIO, CS_EMALFORMED (a folder, a device). */
CS_MUST enum cs_err file_read(const char *path, struct cs_buf *out);
/* Reads FD to its end. */
CS_MUST enum cs_err file_read_fd(int fd, struct cs_buf *out);
/* A new file with MODE, fsynced, its folder too. CS_EEXISTS when PATH is there; no half file is
 * left. */
CS_MUST enum cs_err file_write_new(const char *path, struct cs_bytes bytes, unsigned mode);
/* The folder and its parents, 0755 (parents) and MODE. */
CS_MUST enum cs_err file_mkdirs(const char *path, unsigned mode);
/* Absolute form of PATH into OUT (4096 bytes): PATH need not exist. */
CS_MUST enum cs_err file_absolute(const char *path, char *out, size_t size);

/* A passphrase in locked memory; text is NULL when none was given. */
struct passphrase {
	char *text;
	size_t n;
};
/* By --passphrase-file, --passphrase-fd or --credential. ASK: else by a prompt, on a terminal.
 * Failure is printed; *EXIT_CODE says it. */
bool passphrase_read(
        struct cli *cli, bool ask, const char *what, struct passphrase *out, int *exit_code);
/* The same by options whose names begin with PREFIX ("recovery-"); never asks. False with
 * *EXIT_CODE 0: none was given. */
bool passphrase_by_option(
        struct cli *cli, const char *prefix, struct passphrase *out, int *exit_code);
/* Asks twice on the terminal. CS_ENOPASSPHRASE: there is none; CS_EMISMATCH: not the same twice. */
CS_MUST enum cs_err passphrase_ask_new(const char *what, struct passphrase *out);
/* Takes TEXT over into locked memory; TEXT is wiped. */
CS_MUST enum cs_err passphrase_keep(char *text, struct passphrase *out);
void passphrase_free(struct passphrase *self); /* wipes */
