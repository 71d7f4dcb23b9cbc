/* node/cli/view.h: pieces of tables that several verbs print. */
#pragma once
#include <jansson.h>
#include "node/cli/cli.h"
#include "node/cli/table.h"

/* The status page: head line, node table, problems. DOC is certspan.status/1. */
void view_status(struct cli *cli, const json_t *doc);
/* "in sync" for "in-sync"; in upper case when SHOUT. Lives in one of 8 buffers, in turn. */
const char *view_word(const char *word, bool shout);
/* "86 d", "5 h", "expired", "-" for an RFC 3339 time. */
const char *view_left(const char *time);
/* Whole days from now until an RFC 3339 time, negative after it; INT64_MAX when TEXT is no time. */
int64_t view_days(const char *time);
/* "1 s", "14m02s", "3 h". */
const char *view_age(int64_t s);
/* 0 in order, 1 warning, 2 critical: by the problems of DOC. */
int view_severity(const json_t *doc);
/* Worst result of a node's "served" list and how many match: "match 3/3, 1 s ago". */
const char *view_served(const json_t *node, enum table_tint *tint);
/* The result for one kind ("sni", "no-sni", "unmatched-sni") of a node: "match", "old" ... worst of
 * its kind, "-" when none. */
const char *view_served_kind(const json_t *node, const char *kind);
/* Counts the node's hosts and those covered. */
size_t view_covered(const json_t *node, size_t *total);
