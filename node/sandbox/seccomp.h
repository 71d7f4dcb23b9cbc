/* node/sandbox/seccomp.h: the system calls that are left to a role once it serves. */
#pragma once
#include "proto/base/cs.h"

enum sandbox_calls {
	SANDBOX_PLAIN = 0, /* memory, time, signals, and the descriptors that are open */
	SANDBOX_OPENS = 1, /* files too: until sandbox_no_more_files */
};
/* For the calling thread and those it starts later; needs no_new_privs (role_begin).
 * CS_EUNSUPPORTED: not in this build or kernel. Nothing changes on error. */
CS_MUST enum cs_err sandbox_seccomp(enum sandbox_calls calls);
/* Takes away what SANDBOX_OPENS left: no file is opened, made, renamed or removed from now on. */
CS_MUST enum cs_err sandbox_no_more_files(void);
