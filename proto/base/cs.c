#include "proto/base/cs.h"
#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *text;
	int exit;
} table[] = {
#define ROW(code, text, exit) [code] = { #code, text, exit },
	CS_ERRORS(ROW)
#undef ROW
};

const char *cs_err_name(enum cs_err err)
{
	return (size_t)err < CS_COUNT(table) ? table[err].name : "CS_E?";
}

const char *cs_err_text(enum cs_err err)
{
	return (size_t)err < CS_COUNT(table) ? table[err].text : "unknown error";
}

int cs_err_exit(enum cs_err err)
{
	return (size_t)err < CS_COUNT(table) ? table[err].exit : 70;
}

enum cs_err cs_err_errno(int saved_errno)
{
	switch (saved_errno) {
	case 0:
		return CS_OK;
	case ENOMEM:
		return CS_ENOMEM;
	case ENOENT:
		return CS_ENOTFOUND;
	case EEXIST:
		return CS_EEXISTS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return CS_EFULL;
	case EACCES:
	case EPERM:
	case EROFS:
		return CS_EDENIED;
	case EAGAIN:
	case EINTR:
		return CS_EAGAIN;
	case ETIMEDOUT:
		return CS_ETIMEOUT;
	case EPIPE:
	case ECONNRESET:
		return CS_ECLOSED;
	case ECONNREFUSED:
		return CS_EUNREACHABLE;
	default:
		return CS_EIO;
	}
}

struct cs_bytes cs_bytes_of(const char *text)
{
	return (struct cs_bytes){ (const uint8_t *)text, strlen(text) };
}

bool cs_bytes_equal(struct cs_bytes a, struct cs_bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
