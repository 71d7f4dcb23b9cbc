/* node/admin/machine.h: what a node says of the machine that it runs on (STATUS.facts), made safe
 * to show: known keys of the right kind only. Pure. */
#pragma once
#include <jansson.h>

/* TEXT comes from another node: null when it is no object of this kind. */
json_t *machine_json(const char *text);
