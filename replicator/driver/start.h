/* replicator/driver/start.h: opening and closing of everything that the process holds. */
#pragma once
#include "replicator/driver/own.h"

CS_MUST enum cs_err start_all(struct replicator *self);
/* Binds the port and proves that strangers are refused; an alarm and a later try where that fails.
 */
CS_MUST enum cs_err start_server(struct replicator *self);
void stop_all(struct replicator *self); /* also after a start that failed half way */
