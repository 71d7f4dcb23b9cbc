/* node/supervisor/spawn.h: fork and exec of one role: only its control channel (descriptor 3),
 * stderr and a small environment go with it. */
#pragma once
#include <sys/types.h>
#include "node/supervisor/users.h"

/* The folder of the role programs: WISH (--libexec), else beside our own program, else
 * ../libexec/certspan from there. Never fails: spawning says what is missing. OUT takes SIZE bytes.
 */
void spawn_libexec(const char *wish, char *out, size_t size);
/* Starts LIBEXEC/certspan-ROLE. On CS_OK *PID runs (or ends at once with 127 and a line on stderr)
 * and the caller owns *CONTROL, the supervisor's end. CS_ENOTFOUND, CS_EDENIED: the program is
 * missing or not executable. */
CS_MUST enum cs_err spawn_role(const char *libexec, const char *role, const struct users *users,
        enum user_role user, pid_t *pid, int *control);
