/* node/keyd/lock.h: keeps the memory of this process out of the swap, as far as the limits of the
 * machine allow. */
#pragma once
#include <stdbool.h>

/* What is mapped now, page by page as it is touched. Before the store is attached: its map is 32
 * GiB of addresses. */
bool lock_memory_so_far(void);
/* What will be mapped from now on, if the limit leaves enough room that no allocation can fail by
 * it. */
void lock_memory_to_come(void);
