/* tests/unit/vectors.h: the rows of a table of public test vectors, where they are at hand. */
#pragma once
#include <stddef.h>
#include "proto/base/cs.h"

#define VECTOR_COLUMNS 12

/* The directory of the vectors: $CERTSPAN_VECTORS, else ../shared/vectors. NULL (and a line on
 * stderr) when it is not there. */
const char *vectors_dir(void);
/* Calls ROW for each line after the heading of DIR/FILE; missing columns are "". Returns the number
 * of rows. */
size_t vectors_each(const char *dir, const char *file,
        void (*row)(const char *const column[VECTOR_COLUMNS], void *arg), void *arg);
/* The bytes of a whole file; aborts the test when it cannot be read. free() p. */
struct cs_bytes vectors_file(const char *dir, const char *name);
/* Percent-decodes TEXT into OUT (as long as TEXT + 1); returns the length. A NUL follows. */
size_t vectors_percent(const char *text, char *out);
