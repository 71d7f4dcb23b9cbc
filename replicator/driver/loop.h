/* replicator/driver/loop.h: the replicator process: opens the stores and the port, then one thread
 * around zmq_poll. */
#pragma once
#include "proto/role/role.h"

/* Runs until STOP, until the supervisor is gone, or until the store failed. ROLE: begun. Returns
 * the exit code. */
int replicator_run(struct role *role);
