/* node/supervisor/reload.h: the configuration in force, and how SIGHUP changes it: a bad file keeps
 * the old one; what sockets and stores were opened with stays as it was until a restart, and the
 * log says so. */
#pragma once
#include "proto/base/cs.h"
#include "proto/wire/control.h"

struct reload;
/* FIRST must outlive it. */
CS_MUST enum cs_err reload_new(
        const struct wire_config *first, bool shared_user, struct reload **out);
/* In force now; valid until the next reload_now but one. */
const struct wire_config *reload_config(const struct reload *self);
const struct wire_config *reload_now(
        struct reload *self); /* reads the file again; logs what came of it */
void reload_free(struct reload **self);
