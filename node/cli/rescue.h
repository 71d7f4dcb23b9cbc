/* node/cli/rescue.h: the recovery file that init leaves behind. */
#pragma once
#include "node/cli/choose.h"
#include "proto/base/limits.h"

struct rescue {
	struct chosen chosen;
	char file[CS_TEXT_MAX];
	bool made;
};
/* The passphrase, before anything is made. False: the failure was printed, *EXIT_CODE says it. */
bool rescue_begin(struct cli *cli, struct rescue *out, int *exit_code);
/* Writes --recovery, else certspan-recovery-CLUSTER.txt beside CONFIG_FILE. 0, or the failure,
 * printed. */
int rescue_write(struct cli *cli, struct rescue *self, const char *config_file,
        const uint8_t cluster[16], uint32_t epoch, const uint8_t secret[32]);
/* KEEP: shows a generated passphrase, once; else what was made is removed. */
void rescue_end(struct rescue *self, bool keep);
