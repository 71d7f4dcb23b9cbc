/* proto/base/cs.h: the few words that every file of certspan speaks: result codes, ownership,
 * views. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* code, text for people, exit code of the command line (sysexits; design section 7) */
#define CS_ERRORS(X)                                                                               \
	X(CS_OK, "done", 0)                                                                        \
	X(CS_ENOMEM, "out of memory", 70)                                                          \
	X(CS_EBUG, "internal error", 70)                                                           \
	X(CS_EUSAGE, "wrong usage", 64)                                                            \
	X(CS_EMALFORMED, "malformed data", 65)                                                     \
	X(CS_ETRAILING, "bytes after the end of the data", 65)                                     \
	X(CS_ETOOBIG, "larger than the limit", 65)                                                 \
	X(CS_EEMPTY, "empty", 65)                                                                  \
	X(CS_EPASSPHRASE, "wrong passphrase", 65)                                                  \
	X(CS_ENOPASSPHRASE, "a passphrase is needed", 65)                                          \
	X(CS_ENOMAC, "PKCS#12 without a MAC", 65)                                                  \
	X(CS_EITERATIONS, "key derivation count out of bounds", 65)                                \
	X(CS_EUNSUPPORTED, "unsupported format or algorithm", 65)                                  \
	X(CS_EMISMATCH, "private key and certificate do not match", 65)                            \
	X(CS_ENOKEY, "no private key", 65)                                                         \
	X(CS_EEXPIRED, "expired", 65)                                                              \
	X(CS_ENOTYET, "not yet valid", 65)                                                         \
	X(CS_EREFUSED, "refused by a gate", 65)                                                    \
	X(CS_ENOTFOUND, "no such object", 66)                                                      \
	X(CS_EEXISTS, "exists already", 73)                                                        \
	X(CS_EIO, "input/output error", 74)                                                        \
	X(CS_EFULL, "no space left", 74)                                                           \
	X(CS_ECORRUPT, "stored data is damaged", 74)                                               \
	X(CS_EAGAIN, "try again", 75)                                                              \
	X(CS_ECONFLICT, "changed meanwhile", 75)                                                   \
	X(CS_ETIMEOUT, "no answer in time", 69)                                                    \
	X(CS_ECLOSED, "connection closed", 69)                                                     \
	X(CS_EUNREACHABLE, "daemon unreachable", 69)                                               \
	X(CS_EDENIED, "not permitted", 77)                                                         \
	X(CS_ENOTPRIMARY, "not the primary", 77)                                                   \
	X(CS_ECRYPTO, "a cryptographic operation failed", 70)                                      \
	X(CS_ELOCKED, "the cluster secret is not available", 75)                                   \
	X(CS_EPENDING, "done here, not yet where asked", 10)                                       \
	X(CS_EVERSION, "of a newer version", 78)                                                   \
	X(CS_ECONFIG, "configuration error", 78)

#define CS_ERR_ENUM(code, text, exit) code,
enum cs_err { CS_ERRORS(CS_ERR_ENUM) CS_ERR_COUNT };
#undef CS_ERR_ENUM

const char *cs_err_name(enum cs_err err); /* "CS_EIO" */
const char *cs_err_text(enum cs_err err); /* "input/output error" */
int cs_err_exit(enum cs_err err);
enum cs_err cs_err_errno(int saved_errno); /* the nearest code for an errno */

#define CS_MUST __attribute__((warn_unused_result))
#define CS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CS_AUTO(free_fn) __attribute__((cleanup(free_fn)))
#define CS_STEAL(p)                                                                                \
	({                                                                                         \
		__typeof__(p) cs_p_ = (p);                                                         \
		(p) = NULL;                                                                        \
		cs_p_;                                                                             \
	})
#define CS_TRY(call)                                                                               \
	do {                                                                                       \
		const enum cs_err cs_rc_ = (call);                                                 \
		if (cs_rc_ != CS_OK)                                                               \
			return cs_rc_;                                                             \
	} while (0)
#define CS_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A view of bytes that somebody else owns. */
struct cs_bytes {
	const uint8_t *p;
	size_t n;
};
struct cs_bytes cs_bytes_of(const char *text); /* without its NUL */
bool cs_bytes_equal(struct cs_bytes a, struct cs_bytes b);
