/* node/import/cage.h: what a hostile upload may cost at most. */
#pragma once
#include "proto/base/cs.h"

/* Warms the libraries (nothing can be loaded later), then limits: 5 s of processor time, 512 MiB of
 * addresses, 16 descriptors, no file written, no process started; then seccomp. *SECCOMP: whether
 * that is active. */
CS_MUST enum cs_err cage_enter(bool *seccomp);
