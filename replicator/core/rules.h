/* replicator/core/rules.h: the rules that the simulator takes out, one at a time, to prove that it
 * would notice (tests/sim). Nothing defines SIM_WITHOUT_* in the product: all are 1 there. */
#pragma once

#ifdef SIM_WITHOUT_MARK
#define RULE_MARK 0
#else
#define RULE_MARK 1 /* a follower's position moves with a MARK only */
#endif
#ifdef SIM_WITHOUT_RELEASE
#define RULE_RELEASE 0
#else
#define RULE_RELEASE 1 /* a traffic node's MARK waits for `released` */
#endif
#ifdef SIM_WITHOUT_OWN_EDGE
#define RULE_OWN_EDGE 0
#else
#define RULE_OWN_EDGE 1 /* the edges of primary and backup switch at release */
#endif
#ifdef SIM_WITHOUT_EPOCH
#define RULE_EPOCH 0
#else
#define RULE_EPOCH 1 /* a higher reign is persisted at WELCOME */
#endif
#ifdef SIM_WITHOUT_SYNC_SET
#define RULE_SYNC_SET 0
#else
#define RULE_SYNC_SET 1 /* release and mode backup wait for the sync set */
#endif
#ifdef SIM_WITHOUT_FLOOR
#define RULE_FLOOR 0
#else
#define RULE_FLOOR 1 /* a cursor below the tombstone floor starts over */
#endif
