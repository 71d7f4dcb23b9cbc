/* node/config/where.h: where in a YAML text a key or value stands, for complaints. libcyaml keeps
 * no positions of what it accepted, and names the place before an unknown key; this looks for the
 * words themselves. */
#pragma once
#include "proto/base/cs.h"

struct where {
	unsigned line, column; /* from 1 */
};

/* PATH: "edge.listen"; VALUE: the text of the value or entry meant, NULL = the value after the key.
 * {1, 1} when not found. */
struct where where_value(const char *text, const char *path, const char *value);
/* The first KEY: at or after LINE, for keys that the schema does not know; FALLBACK when not found.
 */
struct where where_key(const char *text, const char *key, struct where fallback);
/* The first tab in the indentation of a line at or after LINE; line 0 when there is none. */
struct where where_tab(const char *text, unsigned line);
/* The second document's `---`; line 0 when there is one document only. */
struct where where_second_document(const char *text);
