/* replicator/enrol/join.h: the one-shot mode `certspan-replicator enrol`, run by `certspan join`:
 * shows the token's HMAC to the primary, and makes the store of a node that has joined. */
#pragma once

/* argv: enrol --state-dir DIR --name N --role R --endpoint HOST:PORT; on stdin the lines
 * `server-key HEX`, `token-id HEX`, `secret HEX`, `cluster HEX`. Prints one JSON line. Returns the
 * exit code. */
int join_main(int argc, char **argv);
