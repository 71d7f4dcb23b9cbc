/* store/pki/names.h: which host names a certificate vouches for (RFC 9525; stricter than
 * X509_check_host where notes/security.md section 9 says so). Pure. */
#pragma once
#include "proto/base/cs.h"
#include "store/pki/cert.h"

enum pki_cover { PKI_COVER_NONE = 0, PKI_COVER_WILDCARD = 1, PKI_COVER_EXACT = 2 };
const char *pki_cover_name(enum pki_cover cover); /* "none", "wildcard", "exact" */

/* Whether PATTERN (a SAN dNSName) vouches for HOST. No CN, ever. A wildcard is the whole leftmost
 * label and stands for one label; not for A-labels ("xn--"), nor directly above a single label
 * ("*.com"); case never counts; one trailing dot of HOST is dropped; a host with an empty label,
 * over 253 bytes, a label over 63, or of digits and dots alone is covered by no dNSName. A leading
 * underscore label does match a wildcard; a label that begins or ends with '-' does not. */
enum pki_cover pki_name_match(const char *pattern, struct cs_bytes host);
/* The best cover among the SANs; *BY (may be NULL) is the name that gave it. HOST may be an IP
 * literal (v4, v6, [v6]): iPAddress only. */
enum pki_cover pki_cert_covers(const struct pki_cert *cert, struct cs_bytes host, const char **by);

/* A client's SNI or an admin's host name to its look-up form: lower case, one trailing dot dropped.
 * CS_EMALFORMED for what can never be looked up (empty, NUL, over 253 bytes, empty label, label
 * over 63, byte outside letters, digits, '-', '_', '.'). OUT: CS_NAME_MAX + 1. IP literals pass as
 * they are (they match no dNSName). */
CS_MUST enum cs_err pki_name_normal(struct cs_bytes host, char *out);
/* "*.example.com" for "a.example.com" into OUT (CS_NAME_MAX + 1); false when a wildcard may not
 * stand for HOST (normal form). */
bool pki_name_wildcard(const char *host, char *out);
/* Whether TEXT may stand in the registry as a node's or the site's host name (LDH labels, no
 * wildcard, no IP). */
bool pki_hostname_ok(const char *text);
