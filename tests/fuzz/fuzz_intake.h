/* tests/fuzz/fuzz_intake.h: one file through the whole intake, with what must hold whatever the
 * file says. */
#pragma once
#include <stdlib.h>
#include "store/pki/intake.h"
#include "store/pki/warnings.h"

static inline void fuzz_intake(struct cs_bytes bytes, const char *passphrase)
{
	CS_AUTO(intake_free) struct intake *intake = NULL;
	const struct intake_pair *pairs = NULL;
	struct pki_warning warnings[16];
	const char *reason = NULL;

	if (intake_new(&intake) != CS_OK || intake_add(intake, "f", bytes, passphrase) != CS_OK)
		return;
	const enum cs_err rc = intake_finish(intake, &reason);
	if (rc != CS_OK && reason[0] == '\0' && rc != CS_ENOMEM)
		abort();
	for (size_t i = 0, n = intake_pairs(intake, &pairs); i < n; i++)
		pki_cert_warnings(
		        pairs[i].leaf, pairs[i].chain, pairs[i].chain_count, 0, warnings, 16);
	intake_leaf(intake);
}
