/* node/door/door.h: the command line's side of the door: hands files and passphrase to a fresh
 * certspan-import. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"
#include "proto/wire/control.h"

/* Sends REQUEST (verb "import", or one of those that bring something out) to SOCKET_PATH and waits
 * for the answer until DEADLINE_MS (cs_clock_mono_ms; allow some 150 s: acks may take long). On
 * CS_OK *STATUS is as HTTP's and BODY (born by the caller with room for DOOR_REPLY_MAX) has the
 * JSON appended: what the API would answer, or, when the files held several certificates with their
 * keys, {"imports":[...]} with one such answer each and the worst status. The caller wipes
 * REQUEST's bytes. CS_EUNREACHABLE: no daemon, or no socket there; CS_EDENIED; CS_ETOOBIG: the
 * request passes the limits; CS_ECLOSED: the importer ended without an answer (its limits ended it,
 * or it crashed); CS_ETIMEOUT. door_reason has a sentence for each. */
CS_MUST enum cs_err door_call(const char *socket_path, const struct wire_door *request,
        int64_t deadline_ms, uint32_t *status, struct cs_buf *body);
/* The same for a verb that brings a file back (an export, the recovery file): FILE (NULL: not
 * wanted) has it appended; born with room for CS_EXPORT_MAX. */
CS_MUST enum cs_err door_fetch(const char *socket_path, const struct wire_door *request,
        int64_t deadline_ms, uint32_t *status, struct cs_buf *body, struct cs_buf *file);
/* What an error of door_call means and what to do: two sentences for people. */
const char *door_reason(enum cs_err err);
