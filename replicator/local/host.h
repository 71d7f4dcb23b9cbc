/* replicator/local/host.h: what this node says of the machine that it runs on, for `node show` and
 * the support bundle (S40): one flat JSON object of texts, numbers and the three loads.
 *
 * model, hypervisor, firmware, firmware_date, serial, system_id, version, kernel, arch, zone, time,
 * sandbox: text, "" or absent when unknown; uptime_s: number; load: [1, 5, 15 minutes]. */
#pragma once
#include "proto/base/cs.h"

struct host;
/* Reads what does not change (/sys, uname): before any sandbox. */
CS_MUST enum cs_err host_new(struct host **out);
void host_free(struct host **self);
/* The newest facts, at most CS_FACTS_MAX bytes; SELF's until the next call. */
const char *host_facts(struct host *self, int64_t now_s);
