/* store/pki/show.h: text out of certificates, made fit for people: nothing in it can move a cursor,
 * end a line early or turn the reading direction. */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/cs.h"

/* Valid UTF-8 without control bytes and without invisible or direction-changing characters. */
bool pki_show_harmless(const char *text);
/* BYTES as text in ARENA, at most MAX bytes of it. Kept as they are when harmless, else each byte
 * that is not printable ASCII becomes \xNN. NULL when memory is out. */
char *pki_show_bytes(struct cs_arena *arena, struct cs_bytes bytes, size_t max);
