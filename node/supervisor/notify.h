/* node/supervisor/notify.h: sd_notify by hand: what systemd wants to hear, when it started us
 * (NOTIFY_SOCKET). */
#pragma once
#include "proto/base/cs.h"

/* TEXT: "READY=1" ...; a no-op without NOTIFY_SOCKET. Nothing is lost when systemd does not listen.
 */
void notify_send(const char *text);
/* Half of WATCHDOG_USEC in ms, if it is meant for this process; 0: no watchdog. */
int64_t notify_watchdog_ms(void);
