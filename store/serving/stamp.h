/* store/serving/stamp.h: whether what lies in a serving folder can be trusted. It is written
 * without fsync: a crash of the process leaves it whole, for the page cache lives on; a crash of
 * the machine may not. So file `stamp` names the format and either the boot in which a writer
 * opened it, or "clean" once it was synced and closed. It is read before LMDB touches the data. */
#pragma once
#include "proto/base/cs.h"

/* *GOOD: of this format, and of this boot or closed cleanly. */
CS_MUST enum cs_err stamp_check(const char *dir, bool *good);
CS_MUST enum cs_err stamp_open(const char *dir); /* durable before the first unsynced write */
CS_MUST enum cs_err stamp_clean(const char *dir);
