/* replicator/net/link_own.h: what server.c and client.c share. */
#pragma once
#include "replicator/net/link.h"

CS_MUST enum cs_err link_options(void *socket, struct link_keys keys);
enum cs_err link_error(int saved_errno);
bool link_more(void *socket); /* the message that is being read has another frame */
void link_skip_rest(void *socket);
/* A monitor of SOCKET for EVENTS at inproc://NAME; NULL on failure. */
void *link_monitor(void *context, void *socket, const char *name, int events);
int link_monitor_next(void *monitor); /* the next event, 0: none */
